package io.vas.api.daemon;

import io.vas.core.VasException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** A visitor that visits nothing: a process of this host. */
record ProcessVisitor(Process process) implements Visitor {
  static ProcessVisitor start(final List<String> command) {
    try {
      return new ProcessVisitor(new ProcessBuilder(command).start());
    } catch (final IOException e) {
      throw new VasException("cannot run " + command.get(0) + ": " + e.getMessage(), e);
    }
  }

  @Override
  public int pid() {
    return (int) process.pid();
  }

  @Override
  public OutputStream stdin() {
    return process.getOutputStream();
  }

  @Override
  public InputStream stdout() {
    return process.getInputStream();
  }

  @Override
  public InputStream stderr() {
    return process.getErrorStream();
  }

  @Override
  public CompletableFuture<Integer> exit() {
    return process.onExit().thenApply(Process::exitValue);
  }

  @Override
  public void close() {
    process.destroyForcibly();
  }
}
