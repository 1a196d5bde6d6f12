package io.vas.store;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.linux.Errno;
import io.vas.core.linux.Fd;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.OpenFlags;
import io.vas.core.linux.TmpfsMount;
import io.vas.store.Layers.Layer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

@ExtendWith(Leaks.class)
class LayersTest {
  private static final long MIB = 1 << 20;

  @TempDir private Path directory;
  private Layers layers;
  private TmpfsMount mount;

  private enum Place {
    MOUNT,
    DIRECTORY
  }

  private static Path path(final Layer layer) {
    return Path.of("/proc/self/fd/" + layer.readWrite().value());
  }

  private void open(final Place place) {
    if (place == Place.MOUNT) {
      mount = TmpfsMount.create(MIB, TmpfsMount.HugePages.NEVER);
      layers = Layers.on(mount);
    } else {
      layers = Layers.in(directory.resolve("layers"), "mounts are not allowed");
    }
    layers.limit(MIB);
  }

  @AfterEach
  void close() {
    layers.close();
    if (mount != null) {
      mount.close();
    }
  }

  @ParameterizedTest
  @EnumSource
  void shouldTellWhetherAnythingIsInIt(final Place place) throws IOException {
    open(place);
    final Layer layer = layers.add("one");
    assertThat(layers.isEmpty(layer)).isTrue();
    Files.setPosixFilePermissions(path(layer), PosixFilePermissions.fromString("rwxrwxrwx"));
    assertThat(layers.isEmpty(layer)).isFalse();
    Files.setPosixFilePermissions(path(layer), PosixFilePermissions.fromString("rwxr-xr-x"));
    assertThat(layers.isEmpty(layer)).isTrue();
    Files.createDirectory(path(layer).resolve("x"));
    assertThat(layers.isEmpty(layer)).isFalse();
    layer.close();
    layers.remove(layer.name());
  }

  @ParameterizedTest
  @EnumSource
  void shouldCountItsFiles(final Place place) throws IOException {
    open(place);
    final Layer layer = layers.add("one");
    assertThat(layers.bytes(layer)).isZero();
    final Path file = Files.write(path(layer).resolve("file"), new byte[10_000]);
    Files.createLink(path(layer).resolve("again"), file);
    Files.createDirectory(path(layer).resolve("directory"));
    assertThat(layers.bytes(layer)).isEqualTo(12_288);
    layer.close();
    layers.remove(layer.name());
  }

  @ParameterizedTest
  @EnumSource
  void shouldRemoveWhateverAnInstanceMade(final Place place)
      throws IOException, InterruptedException {
    open(place);
    final Layer layer = layers.add("one");
    final Layer other = layers.add("two");
    Files.writeString(path(other).resolve("kept"), "text");
    // Much deeper than PATH_MAX, names that are not UTF-8, a link that leads outside, no
    // permissions, a device node as overlays make it for a deleted file.
    final String deep = "directory/".repeat(50);
    final Process process =
        new ProcessBuilder(
                "bash",
                "-c",
                """
                set -e
                cd /proc/$PPID/fd/%d
                ln -s /etc etc; mkdir -p many/{a,b,c}/{d,e}; touch many/a/d/file
                touch "$(printf 'caf\\351')"; mkdir "$(printf 'dir\\351')"
                mknod gone c 0 0; mkdir -m 0 closed; mkfifo fifo
                for i in $(seq 10); do mkdir -p %s; cd -P ./%s; done 2> /dev/null
                touch bottom
                """
                    .formatted(layer.readWrite().value(), deep, deep))
            .redirectErrorStream(true)
            .start();
    assertThat(new String(process.getInputStream().readAllBytes(), ISO_8859_1)).isEmpty();
    assertThat(process.waitFor()).isZero();
    assertThat(layers.bytes(layer)).isNotNegative();

    layer.close();

    layers.remove(layer.name());
    assertThat(Path.of("/etc/passwd")).exists();
    assertThat(path(other).resolve("../trash")).isEmptyDirectory();
    assertThat(path(other).resolve("../one")).doesNotExist();
    assertThat(path(other).resolve("kept")).hasContent("text");
    other.close();
    layers.remove(other.name());
    assertThat(layers.usedBytes()).isZero();
  }

  @Test
  void shouldLimitWhatLayersHold() throws IOException {
    open(Place.MOUNT);
    final Layer layer = layers.add("one");
    assertThat(layers.limitations()).isEmpty();
    Files.write(path(layer).resolve("half"), new byte[(int) MIB / 2]);
    assertThat(layers.usedBytes()).isEqualTo(MIB / 2);
    assertThatExceptionOfType(IOException.class)
        .isThrownBy(() -> Files.write(path(layer).resolve("more"), new byte[(int) MIB]))
        .withMessageContaining("No space left");
    layer.close();
    layers.remove(layer.name());
    assertThat(layers.usedBytes()).isZero();
  }

  @Test
  void shouldNotWriteThroughTheReadOnlyDescriptor() {
    open(Place.MOUNT);
    final Layer layer = layers.add("one");
    assertThatExceptionOfType(LinuxException.class)
        .isThrownBy(
            () -> Fd.openAt(layer.readOnly(), "new", OpenFlags.O_CREAT | OpenFlags.O_RDWR, 0600))
        .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EROFS));
    layer.close();
    layers.remove(layer.name());
  }

  @Test
  void shouldRemoveWhatADaemonThatDiedLeftInTheStateDirectory() throws IOException {
    final Path left = directory.resolve("layers/one/of/an/earlier/daemon");
    Files.createDirectories(left);
    Files.writeString(left.resolve("file"), "text");
    open(Place.DIRECTORY);
    assertThat(directory.resolve("layers/one")).doesNotExist();
    assertThat(directory.resolve("layers/trash")).isEmptyDirectory();
    assertThat(layers.limitations()).hasSize(2);
    assertThat(Files.getPosixFilePermissions(directory.resolve("layers")))
        .isEqualTo(PosixFilePermissions.fromString("rwx------"));

    final Layer layer = layers.add("two");
    Files.writeString(path(layer).resolve("file"), "text");
    layer.close();
    layers.close();
    assertThat(directory.resolve("layers/trash")).isEmptyDirectory();
    assertThat(directory.resolve("layers/two")).doesNotExist();
    open(Place.DIRECTORY);
  }
}
