/** Taking a snapshot: plan, frozen record, interpretation. */
package io.vas.core.checkpoint;
