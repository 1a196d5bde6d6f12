/**
 * What {@code vas bench} measures: each figure that vas is held to, on a daemon that runs, next to
 * what the machine's own calls cost in the same run.
 */
package io.vas.benchmarks;
