package io.vas.api.cli;

import io.vas.api.StateDirectory;
import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * What a command reads from and writes to.
 *
 * @param in standard input.
 * @param out standard output, for results.
 * @param err standard error, for errors and progress.
 * @param errIsTerminal whether somebody watches {@code err}.
 * @param state names the directory of the daemon to talk to.
 * @param atEnd takes what is to be done when this process ends, or is told to.
 */
record Console(
    InputStream in,
    PrintStream out,
    PrintStream err,
    boolean errIsTerminal,
    Supplier<StateDirectory> state,
    Consumer<Runnable> atEnd) {
  private static final int STDERR = 2;

  /**
   * This process's own.
   *
   * @return the console.
   */
  static Console ofProcess() {
    return new Console(
        System.in,
        stream(new ResultStream(new FileOutputStream(FileDescriptor.out))),
        stream(new FileOutputStream(FileDescriptor.err)),
        isTerminal(STDERR),
        StateDirectory::fromEnvironment,
        Console::atEnd);
  }

  private static void atEnd(final Runnable task) {
    try {
      Runtime.getRuntime().addShutdownHook(new Thread(task, "vas-end"));
    } catch (final IllegalStateException e) {
      // It is ending.
      task.run();
    }
  }

  /** UTF-8 whatever the locale: System.out would print question marks in the locale C. */
  private static PrintStream stream(final OutputStream out) {
    return new PrintStream(new BufferedOutputStream(out), true, StandardCharsets.UTF_8);
  }

  /** By what is behind the descriptor: System.console() knows only of standard input and output. */
  private static boolean isTerminal(final int descriptor) {
    try {
      final String target =
          Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor)).toString();
      return target.startsWith("/dev/pts/")
          || target.startsWith("/dev/tty")
          || target.equals("/dev/console");
    } catch (final IOException e) {
      return false;
    }
  }
}
