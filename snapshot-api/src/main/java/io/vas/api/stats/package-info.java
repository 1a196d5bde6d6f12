/**
 * The daemon's counters: what is counted, and the file in shared memory that they are in. {@link
 * io.vas.api.client.CountersFile} reads it.
 */
package io.vas.api.stats;
