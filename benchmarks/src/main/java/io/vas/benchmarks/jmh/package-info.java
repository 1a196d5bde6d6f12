/** What Java does outside of the frozen time: measured by JMH, run by {@code vas bench jmh}. */
package io.vas.benchmarks.jmh;
