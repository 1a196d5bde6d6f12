package io.vas.benchmarks;

import io.vas.core.VasException;
import io.vas.core.linux.NetworkNamespace;
import java.util.concurrent.Callable;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** Acts where an instance's sockets can be reached. */
final class Namespaces {
  private Namespaces() {}

  /**
   * Acts in the network namespace of a process.
   *
   * @param pid the process, on the host.
   * @param action run by a thread of its own, which is given up afterwards.
   * @return what it returns.
   * @throws Exception what it throws.
   */
  static <T> T in(final int pid, final Callable<T> action) throws Exception {
    return onThread(
        () -> {
          NetworkNamespace.enter(pid);
          return action.call();
        });
  }

  /**
   * Acts on a thread of its own, which may enter namespaces, as it is given up afterwards.
   *
   * @param action to run.
   * @return what it returns.
   * @throws Exception what it throws.
   */
  static <T> T onThread(final Callable<T> action) throws Exception {
    final CompletableFuture<T> result = new CompletableFuture<>();
    final Thread thread =
        new Thread(
            () -> {
              try {
                result.complete(action.call());
              } catch (final Exception | Error e) {
                result.completeExceptionally(e);
              }
            },
            "probe");
    thread.setDaemon(true);
    thread.start();
    try {
      final T value = result.get();
      // Not before the thread has ended is the namespace left alone.
      thread.join();
      return value;
    } catch (final ExecutionException e) {
      throw e.getCause() instanceof Exception cause
          ? cause
          : new VasException("the probe failed: " + e.getCause(), e);
    }
  }
}
