package io.vas.api;

import io.vas.api.cli.CommandLineRun;
import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** The command line, run by another user in a process that goes on until it is closed. */
final class OtherUser implements AutoCloseable {
  private final Process process;
  private final DataOutputStream words;
  private final DataInputStream results;

  private OtherUser(final Process process) {
    this.process = process;
    this.words = new DataOutputStream(process.getOutputStream());
    this.results = new DataInputStream(new BufferedInputStream(process.getInputStream()));
  }

  /**
   * Starts the process.
   *
   * @param classPath that the user can read.
   * @param state the daemon's directory.
   * @param uid of the user.
   * @param groups numbers with commas between, the first of them the user's own.
   */
  static OtherUser start(
      final String classPath, final StateDirectory state, final int uid, final String groups)
      throws IOException {
    final ProcessBuilder builder =
        new ProcessBuilder(
            "setpriv",
            "--reuid=" + uid,
            "--regid=" + groups.split(",", -1)[0],
            "--groups=" + groups,
            "--",
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-XX:TieredStopAtLevel=1",
            "-XX:+UseSerialGC",
            "-XX:-UsePerfData",
            "-cp",
            classPath,
            OtherUser.class.getName(),
            state.path().toString());
    builder.redirectError(ProcessBuilder.Redirect.INHERIT).directory(new File("/"));
    return new OtherUser(builder.start());
  }

  /**
   * Copies this process's class path to where everybody can read it.
   *
   * @param directory that everybody can enter.
   * @return the class path there.
   */
  static String copyClassPath(final Path directory) throws IOException {
    final Set<String> copied = new LinkedHashSet<>();
    for (final String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
      final Path from = Path.of(entry);
      final Path to = directory.resolve(copied.size() + "-" + from.getFileName());
      if (Files.exists(from)) {
        copy(from, to);
        copied.add(to.toString());
      }
    }
    return String.join(File.pathSeparator, copied);
  }

  private static void copy(final Path from, final Path to) throws IOException {
    try (Stream<Path> files = Files.walk(from)) {
      for (final Path file : files.toList()) {
        final Path target = to.resolve(from.relativize(file).toString());
        Files.copy(file, target, StandardCopyOption.REPLACE_EXISTING);
        target.toFile().setReadable(true, false);
        if (Files.isDirectory(target)) {
          target.toFile().setExecutable(true, false);
        }
      }
    }
  }

  /** Runs a command. */
  CommandLineRun vas(final String... args) {
    try {
      words.writeInt(args.length);
      for (final String word : args) {
        words.writeUTF(word);
      }
      words.flush();
      return new CommandLineRun(results.readInt(), results.readUTF(), results.readUTF());
    } catch (final IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() throws IOException {
    words.close();
    try {
      if (!process.waitFor(30, TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (final InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * The other process.
   *
   * @param args the daemon's directory.
   */
  public static void main(final String[] args) throws IOException {
    final StateDirectory state = new StateDirectory(Path.of(args[0]));
    final DataInputStream in = new DataInputStream(new BufferedInputStream(System.in));
    final DataOutputStream out = new DataOutputStream(System.out);
    while (true) {
      final List<String> line = new ArrayList<>();
      try {
        for (int count = in.readInt(); count > 0; count--) {
          line.add(in.readUTF());
        }
      } catch (final EOFException e) {
        return;
      }
      final CommandLineRun run = CommandLineRun.of(state, "", line.toArray(String[]::new));
      out.writeInt(run.exitCode());
      out.writeUTF(run.out());
      out.writeUTF(run.err());
      out.flush();
    }
  }
}
