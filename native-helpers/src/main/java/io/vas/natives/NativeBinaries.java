package io.vas.natives;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/** Finds the native programs that were built with this module and packed beside this class. */
public final class NativeBinaries {
  /** File name of the keeper, in the jar and where it is extracted. */
  public static final String KEEPER = "vas-keeper";

  /** File name of the executor in the jar. */
  public static final String EXECUTOR = "executor.bin";

  /** File name of the store that the demonstration runs where there is no Redis. */
  public static final String DEMO_STORE = "vas-demo-store";

  /** File name of what the benchmarks need besides Java. */
  public static final String BENCH_HELPER = "vas-bench-helper";

  private static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  /** Of a directory's name; behind it the number of the process that made it. */
  private static final String PREFIX = "vas-natives-";

  private NativeBinaries() {}

  /**
   * Extracts the keeper to a directory of its own, which is deleted when this JVM ends.
   *
   * @return an executable file, mode 0700.
   * @throws UncheckedIOException if the keeper was not built in, or cannot be written.
   */
  public static Path keeper() {
    return Extracted.KEEPER_PATH;
  }

  /**
   * The executor: position-independent code that may be copied anywhere and is entered at its first
   * byte.
   *
   * @return the code, a new array at each call.
   * @throws UncheckedIOException if the executor was not built in, or cannot be read.
   */
  public static byte[] executor() {
    try {
      return read(EXECUTOR);
    } catch (final IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Writes the keeper to {@code dir/vas-keeper} with mode 0700, replacing an older one. The file
   * appears whole or not at all, also when several processes extract at once, and a running keeper
   * keeps the file it was started from.
   *
   * @param dir an existing directory on a file system that allows execution.
   * @return the file.
   * @throws IOException if the keeper was not built in, or cannot be written.
   */
  public static Path extractKeeper(final Path dir) throws IOException {
    return extract(KEEPER, dir);
  }

  /**
   * Writes one of the native programs to a directory, as {@link #extractKeeper(Path)} does.
   *
   * @param name {@link #KEEPER}, {@link #DEMO_STORE} or {@link #BENCH_HELPER}.
   * @param dir an existing directory on a file system that allows execution.
   * @return the file.
   * @throws IOException if the program was not built in, or cannot be written.
   */
  public static Path extract(final String name, final Path dir) throws IOException {
    final byte[] program = read(name);
    final Path target = dir.resolve(name);
    final Path part = Files.createTempFile(dir, name, ".part", OWNER_ONLY);
    try {
      Files.write(part, program);
      Files.move(part, target, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(part);
    }
    return target;
  }

  private static byte[] read(final String name) throws IOException {
    final String resource = "/native/" + name;
    try (InputStream in = NativeBinaries.class.getResourceAsStream(resource)) {
      if (in == null) {
        throw new FileNotFoundException("no resource " + resource + ": native-helpers not built?");
      }
      return in.readAllBytes();
    }
  }

  /**
   * Removes what processes extracted that were killed.
   *
   * @param temporary the directory in which directories were made.
   * @throws IOException if it can not be read.
   */
  static void removeLeftBehind(final Path temporary) throws IOException {
    try (DirectoryStream<Path> found = Files.newDirectoryStream(temporary, PREFIX + "*-*")) {
      for (final Path dir : found) {
        final String pid = dir.getFileName().toString().substring(PREFIX.length()).split("-", 2)[0];
        if (Files.isDirectory(dir, LinkOption.NOFOLLOW_LINKS)
            && pid.matches("[0-9]{1,9}")
            && ProcessHandle.of(Long.parseLong(pid)).isEmpty()) {
          delete(dir, dir.resolve(KEEPER));
        }
      }
    }
  }

  private static void delete(final Path dir, final Path file) {
    try {
      Files.deleteIfExists(file);
      if (Files.isDirectory(dir, LinkOption.NOFOLLOW_LINKS)) {
        Files.delete(dir);
      }
    } catch (final IOException e) {
      System.err.println("vas: cannot delete " + dir + ": " + e.getMessage());
    }
  }

  /** Extracted once per JVM, when first asked for. */
  private static final class Extracted {
    static final Path KEEPER_PATH = extract();

    private static Path extract() {
      try {
        removeLeftBehind(Path.of(System.getProperty("java.io.tmpdir")));
        final String prefix = PREFIX + ProcessHandle.current().pid() + "-";
        final Path dir = Files.createTempDirectory(prefix, OWNER_ONLY);
        final Path file = extractKeeper(dir);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(dir, file), "vas-natives"));
        return file;
      } catch (final IOException e) {
        throw new UncheckedIOException(e);
      }
    }
  }
}
