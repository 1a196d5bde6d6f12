package io.vas.api.client;

import io.vas.api.LogTail;
import io.vas.api.StateDirectory;
import io.vas.api.wire.SocketProbe;
import io.vas.core.VasException;
import io.vas.core.keeper.KeeperBond;
import java.io.File;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;

/** Starts a daemon that outlives this process. */
final class DaemonLauncher {
  private static final Duration START_TIMEOUT = Duration.ofSeconds(60);
  private static final long POLL_MILLIS = 10;
  private static final int TAIL_LINES = 5;

  private DaemonLauncher() {}

  /**
   * Starts the daemon of a state directory and waits until it serves. If another process starts one
   * at the same time, one of the two stays, and that is as good.
   *
   * @param directory is made if need be.
   * @throws VasException if it does not serve, with what it said.
   */
  static void start(final StateDirectory directory) {
    final Path launcher = home().resolve("vas");
    final File output = privateOutput(directory.create());
    final ProcessBuilder builder =
        // In a session of its own: neither the terminal's signals nor its end reach it.
        new ProcessBuilder("setsid", launcher.toString(), "daemon")
            .directory(new File("/"))
            .redirectInput(new File("/dev/null"))
            .redirectOutput(Redirect.appendTo(output))
            .redirectErrorStream(true);
    builder.environment().put(StateDirectory.VARIABLE, directory.path().toString());
    // The daemon is to be of the same build as its client.
    builder.environment().put("VAS_CLASSPATH", absoluteClassPath());
    KeeperBond.bind(builder.environment());
    // Options are for the process they were given to: a debugger's port, for example.
    builder.environment().remove("VAS_JAVA_OPTS");
    try {
      await(directory, builder.start());
    } catch (final IOException e) {
      throw new VasException("cannot start the daemon: " + e.getMessage(), e);
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new VasException("interrupted while the daemon started", e);
    }
  }

  private static File privateOutput(final StateDirectory directory) {
    try {
      StateDirectory.makePrivate(directory.output());
      // Where there is no room for this the daemon could not say so.
      Files.writeString(directory.output(), "\n");
      return directory.output().toFile();
    } catch (final IOException e) {
      throw directory.unusable(e);
    }
  }

  private static void await(final StateDirectory directory, final Process process)
      throws InterruptedException {
    final long begin = System.nanoTime();
    while (true) {
      // Asked first: a daemon that found another one in its place has ended, and all is well.
      final boolean ended = !process.isAlive();
      if (SocketProbe.accepts(directory.socket())) {
        return;
      }
      if (ended) {
        throw new VasException(
            "the daemon ended at its start with exit code "
                + process.exitValue()
                + said(directory));
      }
      if (System.nanoTime() - begin > START_TIMEOUT.toNanos()) {
        process.destroy();
        throw new VasException(
            "the daemon does not serve after "
                + START_TIMEOUT.toSeconds()
                + " s"
                + said(directory));
      }
      TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
    }
  }

  private static String said(final StateDirectory directory) {
    String said = LogTail.read(directory.output(), TAIL_LINES);
    if (said.isEmpty()) {
      said = LogTail.read(directory.log(), TAIL_LINES);
    }
    return said.isEmpty() ? " and said nothing" : ": " + said.replace("\n", "; ");
  }

  private static Path home() {
    final String home = System.getProperty("vas.home", System.getenv("VAS_HOME"));
    if (home == null || !Files.isExecutable(Path.of(home, "vas"))) {
      throw new VasException(
          "no daemon runs, and VAS_HOME does not name the directory of the program vas that"
              + " would start it (it is "
              + (home == null ? "not set" : home)
              + "); start one by vas daemon");
    }
    return Path.of(home).toAbsolutePath();
  }

  private static String absoluteClassPath() {
    final StringBuilder absolute = new StringBuilder();
    // A short command runs with fewer classes than a daemon needs.
    final String all = System.getProperty("vas.class.path", System.getProperty("java.class.path"));
    for (final String entry : all.split(File.pathSeparator, -1)) {
      absolute
          .append(absolute.length() == 0 ? "" : File.pathSeparator)
          .append(Path.of(entry).toAbsolutePath());
    }
    return absolute.toString();
  }
}
