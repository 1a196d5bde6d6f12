/**
 * One class per facility of the Linux kernel. All native calls of vas are made here, through the
 * one interface {@code LibC}; every failure leaves as a {@link io.vas.core.linux.LinuxException}
 * that carries the call, its arguments and the error number.
 */
package io.vas.core.linux;
