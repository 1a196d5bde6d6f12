/** Address spaces: what is there, where its pages are kept, how it comes back. */
package io.vas.core.memory;
