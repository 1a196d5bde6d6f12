package io.vas.api.daemon;

import java.io.InputStream;
import java.io.OutputStream;
import java.util.concurrent.CompletableFuture;

/** A command that runs inside an instance as a visitor. Closing it ends it by SIGKILL. */
public interface Visitor extends AutoCloseable {
  /**
   * The visitor's pid in the instance.
   *
   * @return the pid.
   */
  int pid();

  /**
   * Where its standard input comes from. Writing to it after the visitor has closed it throws an
   * {@link java.io.IOException}.
   *
   * @return a stream whose close the visitor sees as the end of its input.
   */
  OutputStream stdin();

  /**
   * What it writes to its standard output.
   *
   * @return a stream that ends when nobody holds the other end any more.
   */
  InputStream stdout();

  /**
   * What it writes to its standard error.
   *
   * @return a stream that ends when nobody holds the other end any more.
   */
  InputStream stderr();

  /**
   * Completes when the visitor has ended.
   *
   * @return its exit code, or 128 plus the signal that ended it.
   */
  CompletableFuture<Integer> exit();

  @Override
  void close();
}
