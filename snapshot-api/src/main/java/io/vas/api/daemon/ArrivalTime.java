package io.vas.api.daemon;

import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerInterceptor;

/** Notes when a call's first bytes were seen: before its message was read and parsed. */
final class ArrivalTime implements ServerInterceptor {
  private static final Context.Key<Long> NANOS = Context.key("arrival");

  @Override
  public <Q, R> ServerCall.Listener<Q> interceptCall(
      final ServerCall<Q, R> call, final Metadata headers, final ServerCallHandler<Q, R> next) {
    return Contexts.interceptCall(
        Context.current().withValue(NANOS, System.nanoTime()), call, headers, next);
  }

  /**
   * When the current call arrived.
   *
   * @return {@link System#nanoTime()} of then.
   */
  static long nanos() {
    final Long nanos = NANOS.get();
    return nanos == null ? System.nanoTime() : nanos;
  }
}
