package io.vas.core.restore;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.core.memory.MemoryStrategy;
import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.VictimHost;
import io.vas.core.testing.VictimInstance;
import io.vas.core.testing.VictimSnapshot;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/**
 * Files of an instance are changed at random, and put back with it to snapshots of it, each of
 * which is known by a list of all files. What can't be put back in place goes by a fork, which must
 * have the same files.
 */
@ExtendWith(LeakCheck.class)
class LayerModelTest {
  private static final int STEPS = 1500;
  private static final int SNAPSHOTS_MAX = 30;
  private static final int SIGUSR2 = 12;
  private static final List<String> NAMES = List.of("a", "b", "c", "d", "e");
  private static final List<String> OF_THE_HOST = List.of("passwd", "group", "new");

  @TempDir Path directory;
  private final List<Known> snapshots = new ArrayList<>();

  /** Those of the victim as it is now, and the one that it was forked from. */
  private final List<Known> near = new ArrayList<>();

  private VictimHost host;
  private InPlaceRollback rollback;
  private Random random;
  private VictimInstance victim;
  private int number;
  private int inPlace;
  private int replaced;

  /** A snapshot, with the victim's number and the files. */
  private record Known(VictimSnapshot snapshot, int number, Map<String, String> files) {}

  @Test
  void shouldHaveTheFilesOfTheSnapshotThatItGoesBackTo() throws IOException {
    final long seed = Long.getLong("vas.layers.seed", System.nanoTime());
    System.out.println("seed " + seed + " (-Dvas.layers.seed=" + seed + ")");
    random = new Random(seed);
    host = new VictimHost(directory);
    rollback = new InPlaceRollback(host.checkpointer());
    try {
      victim = host.run("rollback_counter");
      Files.createDirectory(root());
      for (int i = 0; i < STEPS; i++) {
        try {
          step();
        } catch (final AssertionError | RuntimeException e) {
          throw new AssertionError("seed " + seed + ", step " + i + ": " + e.getMessage(), e);
        }
      }
      assertThat(inPlace).as("%d times by a fork", replaced).isGreaterThan(STEPS / 20);
    } finally {
      snapshots.forEach(known -> known.snapshot().close());
      rollback.close();
      host.close();
    }
  }

  private void step() throws IOException {
    final int choice = random.nextInt(100);
    if (choice < 75) {
      try {
        change();
      } catch (final FileSystemException e) {
        // The directory is full, is one of a lower layer that can't be renamed, ...
        return;
      }
    } else if (choice < 80) {
      victim.signal(SIGUSR2);
      victim.awaitLine(Integer.toString(++number));
    } else if (choice < 86 && snapshots.size() < SNAPSHOTS_MAX) {
      snapshots.add(new Known(victim.snapshot(), number, list()));
      near.add(snapshots.get(snapshots.size() - 1));
    } else if (choice < 98 && !near.isEmpty()) {
      goBack(near.get(random.nextInt(near.size())));
    } else if (!snapshots.isEmpty()) {
      replace(snapshots.get(random.nextInt(snapshots.size())));
    }
  }

  private void goBack(final Known known) throws IOException {
    try {
      rollback.run(
          victim,
          known.snapshot().image(),
          known.snapshot().pages(),
          false,
          false,
          VictimHost.DEADLINE);
      inPlace++;
      number = known.number();
      expect(known);
    } catch (final NotInPlaceException e) {
      replace(known);
    }
  }

  private void replace(final Known known) throws IOException {
    victim.close();
    victim = known.snapshot().fork(MemoryStrategy.MAP);
    near.clear();
    near.add(known);
    number = known.number();
    replaced++;
    expect(known);
  }

  private void expect(final Known known) throws IOException {
    assertThat(list()).isEqualTo(known.files());
    assertThat(victim.ask()).isEqualTo(Integer.toString(number));
  }

  // ---- the files

  private Path root() {
    return Path.of("/proc/" + victim.pid() + "/root/model");
  }

  private Path ofTheHost() {
    return Path.of("/proc/" + victim.pid() + "/root/etc");
  }

  private Map<String, String> list() throws IOException {
    final Map<String, String> list = new TreeMap<>();
    try (Stream<Path> tree = Files.walk(root())) {
      for (final Path path : tree.toList()) {
        list.put(root().relativize(path).toString(), describe(path));
      }
    }
    list.put("/etc", describe(ofTheHost()));
    for (final String name : OF_THE_HOST) {
      final Path path = ofTheHost().resolve(name);
      list.put("/etc/" + name, Files.exists(path) ? describe(path) : "none");
    }
    return list;
  }

  private static String describe(final Path path) throws IOException {
    final Map<String, Object> status =
        Files.readAttributes(path, "unix:mode,uid,gid,lastModifiedTime", LinkOption.NOFOLLOW_LINKS);
    final String text =
        String.format(
            "%o %s:%s %s",
            (Integer) status.get("mode"),
            status.get("uid"),
            status.get("gid"),
            status.get("lastModifiedTime"));
    if (Files.isSymbolicLink(path)) {
      return text + " " + Files.readSymbolicLink(path);
    }
    if (Files.isDirectory(path)) {
      return text;
    }
    final byte[] bytes = Files.readAllBytes(path);
    return text + " " + bytes.length + " bytes " + Arrays.hashCode(bytes);
  }

  private Path any() {
    Path path = root();
    for (int depth = 1 + random.nextInt(3); depth > 0; depth--) {
      path = path.resolve(NAMES.get(random.nextInt(NAMES.size())));
    }
    return path;
  }

  private static boolean exists(final Path path) {
    return Files.exists(path, LinkOption.NOFOLLOW_LINKS);
  }

  private static boolean isDirectory(final Path path) {
    return Files.isDirectory(path, LinkOption.NOFOLLOW_LINKS);
  }

  private byte[] bytes(final int most) {
    final byte[] bytes = new byte[random.nextInt(most)];
    random.nextBytes(bytes);
    return bytes;
  }

  private void change() throws IOException {
    final Path path =
        random.nextInt(12) == 0
            ? ofTheHost().resolve(OF_THE_HOST.get(random.nextInt(OF_THE_HOST.size())))
            : any();
    switch (random.nextInt(12)) {
      case 0, 1, 2 -> {
        if (!Files.isSymbolicLink(path)) {
          Files.write(path, bytes(20_000));
        }
      }
      case 3, 4 -> {
        if (!path.startsWith(ofTheHost())) {
          Files.createDirectory(path);
        }
      }
      case 5 -> delete(path);
      case 6 -> Files.createSymbolicLink(path, Path.of(NAMES.get(random.nextInt(NAMES.size()))));
      case 7 -> {
        if (!path.startsWith(ofTheHost())) {
          Files.move(path, any(), StandardCopyOption.ATOMIC_MOVE);
        }
      }
      case 8 -> writeInto(path);
      case 9 -> {
        if (exists(path) && !Files.isSymbolicLink(path)) {
          Files.setAttribute(path, "unix:mode", 0700 + random.nextInt(64));
        }
      }
      case 10 -> {
        if (exists(path)) {
          Files.setAttribute(path, "unix:uid", random.nextInt(5), LinkOption.NOFOLLOW_LINKS);
        }
      }
      default -> {
        if (random.nextInt(8) == 0) {
          Files.createLink(any(), path);
        } else if (exists(path) && !Files.isSymbolicLink(path)) {
          Files.setLastModifiedTime(path, FileTime.fromMillis(random.nextInt()));
        }
      }
    }
  }

  private static void delete(final Path path) throws IOException {
    if (isDirectory(path)) {
      try (Stream<Path> tree = Files.walk(path)) {
        for (final Path one : tree.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(one);
        }
      }
    } else {
      Files.deleteIfExists(path);
    }
  }

  /** Bytes in its midst or behind its end, or fewer. */
  private void writeInto(final Path path) throws IOException {
    if (Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS)) {
      try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
        if (random.nextInt(3) == 0) {
          file.setLength(random.nextInt(30_000));
        } else {
          file.seek(random.nextInt(40_000));
          file.write(bytes(5000));
        }
      }
    }
  }
}
