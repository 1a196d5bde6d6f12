/** How two snapshots differ. */
package io.vas.core.diff;
