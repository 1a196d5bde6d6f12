package io.vas.api.daemon;

import java.time.Duration;

/**
 * The time of one request.
 *
 * @param arrivalNanos {@link System#nanoTime()} when it arrived in the daemon.
 * @param timeout what it may take, counted from its arrival.
 */
public record CallTime(long arrivalNanos, Duration timeout) {
  /**
   * What is left of the timeout.
   *
   * @return the rest, zero when the time has run out.
   */
  public Duration remaining() {
    final Duration rest = timeout.minusNanos(System.nanoTime() - arrivalNanos);
    return rest.isNegative() ? Duration.ZERO : rest;
  }

  /**
   * How long ago the request arrived.
   *
   * @return microseconds.
   */
  public long elapsedMicros() {
    return (System.nanoTime() - arrivalNanos) / 1000;
  }
}
