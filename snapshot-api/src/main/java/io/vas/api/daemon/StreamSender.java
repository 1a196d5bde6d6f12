package io.vas.api.daemon;

import io.grpc.stub.ServerCallStreamObserver;
import io.vas.api.wire.Errors;

/**
 * Sends the answers of one streaming call, by any thread, and no faster than the client takes them:
 * a slow reader of a chatty instance must not fill the daemon's heap.
 *
 * <p>To be made in the service's method: gRPC takes handlers only there. To be used on other
 * threads: the call's own thread is the one that brings the news that the client is ready.
 *
 * @param <T> the answers' type.
 */
final class StreamSender<T> {
  private final ServerCallStreamObserver<T> observer;
  private final Object ready = new Object();
  private boolean done;

  StreamSender(final ServerCallStreamObserver<T> observer) {
    this.observer = observer;
    observer.setOnReadyHandler(this::wake);
    observer.setOnCancelHandler(this::wake);
  }

  /**
   * Sends one answer, when the client is ready for it.
   *
   * @param answer to be sent; not sent if the client has gone.
   */
  void send(final T answer) {
    synchronized (ready) {
      while (!observer.isReady() && !observer.isCancelled() && !done) {
        try {
          ready.wait();
        } catch (final InterruptedException e) {
          Thread.currentThread().interrupt();
          return;
        }
      }
      if (!observer.isCancelled() && !done) {
        observer.onNext(answer);
      }
    }
  }

  /** Ends the call well. */
  void complete() {
    synchronized (ready) {
      if (!observer.isCancelled() && !done) {
        observer.onCompleted();
      }
      done = true;
      ready.notifyAll();
    }
  }

  /**
   * Ends the call with an error.
   *
   * @param error what went wrong.
   */
  void fail(final Throwable error) {
    synchronized (ready) {
      if (!observer.isCancelled() && !done) {
        observer.onError(Errors.toStatus(error));
      }
      done = true;
      ready.notifyAll();
    }
  }

  /**
   * Whether nobody wants to hear more.
   *
   * @return true when the client has gone or its time has run out.
   */
  boolean isCancelled() {
    return observer.isCancelled();
  }

  private void wake() {
    synchronized (ready) {
      ready.notifyAll();
    }
  }
}
