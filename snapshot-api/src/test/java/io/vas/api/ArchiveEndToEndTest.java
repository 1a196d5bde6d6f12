package io.vas.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import com.google.protobuf.Struct;
import io.vas.api.cli.CommandLineRun;
import io.vas.core.image.HostState;
import io.vas.store.archive.format.Manifest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.function.UnaryOperator;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Snapshots that are saved, and loaded by a daemon that knows nothing of them. */
class ArchiveEndToEndTest extends DaemonProcessTest {
  private static final int HEADER_LENGTH = 24;
  private static final int CHECKSUM_OFFSET = 12;
  private static final int LENGTH_OFFSET = 16;

  private String archive;

  @BeforeEach
  void chooseArchive() {
    archive = temporary.resolve("archive").toString();
  }

  @Test
  void shouldForkWhatWasLoadedAsBefore() {
    assumeThat(Path.of("/usr/bin/redis-server")).exists();
    runRedis();
    done("exec", "cache", "sh", "-c", "echo one > /etc/greeting; ln /etc/greeting /etc/other");
    final String first = snapshot("cache", "cache:one");
    final String digest = digest("cache");
    set("cache", "key:1", "changed");
    done("exec", "cache", "sh", "-c", "echo two > /etc/greeting; rm /etc/hosts");
    final String second = snapshot("cache", "cache:two");
    final String changed = digest("cache");
    // A fork of a fork has two layers.
    done("fork", "cache:two", "--name", "fork");
    done("exec", "fork", "sh", "-c", "echo three > /etc/third");
    snapshot("fork", "fork:three");
    final Struct saved =
        done("store", "save", archive, "cache:one", "--lineage", "--json").object();
    assertThat(saved.getFieldsOrThrow("snapshots").getListValue().getValuesList()).hasSize(3);
    assertThat(vas("store", "load", archive).out())
        .contains("0 snapshots", first + " was there already", second + " was there already");
    final String before = done("snapshots", "--json").out();
    done("daemon", "--stop");

    assertThat(done("store", "load", archive).out()).contains("3 snapshots", "cache:two");

    assertThat(done("snapshots", "--json").out().replaceAll("_bytes\": *[0-9]+", ""))
        .isEqualTo(before.replaceAll("_bytes\": *[0-9]+", ""));
    done("fork", "cache:one", "--name", "a");
    done("fork", "cache:two", "--name", "b");
    done("fork", "fork:three", "--name", "c");
    assertThat(digest("a")).isEqualTo(digest);
    assertThat(digest("b")).isEqualTo(changed);
    assertThat(digest("c")).isEqualTo(changed);
    assertThat(shell("a", "cat /etc/greeting /etc/other; ls /etc/hosts"))
        .isEqualTo("one\none\n/etc/hosts\n");
    assertThat(shell("b", "cat /etc/greeting /etc/other; ls /etc/hosts || true"))
        .isEqualTo("two\ntwo\n");
    assertThat(shell("c", "cat /etc/greeting /etc/third")).isEqualTo("two\nthree\n");
    assertThat(shell("a", "cat /proc/1/timens_offsets").replaceAll("\\s+", " "))
        .isEqualTo("monotonic 0 0 boottime 0 0 ");
    // It goes on from there.
    set("b", "key:2", "more");
    final String last = digest("b");
    snapshot("b", "b:last");
    done("fork", "b:last", "--name", "d");
    assertThat(digest("d")).isEqualTo(last);
    done("rollback", "b", "cache:two");
    assertThat(digest("b")).isEqualTo(changed);
    assertThat(vas("store", "verify").exitCode()).isZero();
    // A name that is taken meanwhile.
    done("rm", second);
    snapshot("a", "cache:two");
    final CommandLineRun refused = vas("store", "load", archive, "--json");
    assertThat(refused.exitCode()).isEqualTo(1);
    assertThat(refused.err()).contains("the name cache:two is taken", "--no-names");
    assertThat(vas("snapshots").out().lines()).noneMatch(line -> line.startsWith(second));
  }

  @Test
  void shouldPutClocksForwardAfterTheMachineWasStartedAgain() throws IOException {
    assumeThat(Path.of("/usr/bin/redis-server")).exists();
    runRedis();
    snapshot("cache", "cache:one");
    final String digest = digest("cache");
    done("store", "save", archive);
    done("daemon", "--stop");
    // As if it had run for 100 days more, and then been started anew.
    final long days = TimeUnit.DAYS.toNanos(100);
    changeHost(
        host ->
            host.toBuilder()
                .setBootId("another")
                .setMonotonicNanos(host.getMonotonicNanos() + days)
                .setBoottimeNanos(host.getBoottimeNanos() + days)
                .build());
    done("store", "load", archive);
    done("fork", "cache:one", "--name", "a");
    assertThat(digest("a")).isEqualTo(digest);
    final String offsets = shell("a", "cat /proc/1/timens_offsets");
    assertThat(seconds(offsets.lines().findFirst().orElseThrow(), 1))
        .isBetween(99 * 86_400L, 101 * 86_400L);
    // A visitor sees the same.
    assertThat(seconds(shell("a", "cat /proc/uptime"), 0)).isGreaterThan(99 * 86_400L);
    assertThat(done("inspect", "a", "--json").object().getFieldsOrThrow("stages").toString())
        .doesNotContain("E12", "E13", "E14", "E15");
    set("a", "key:3", "later");
    final String later = digest("a");
    snapshot("a", "a:one");
    done("rollback", "a", "cache:one");
    assertThat(digest("a")).isEqualTo(digest);
    done("fork", "a:one", "--name", "b");
    assertThat(digest("b")).isEqualTo(later);
    assertThat(shell("b", "cat /proc/1/timens_offsets")).isEqualTo(offsets);
    snapshot("b", "b:one");
  }

  @Test
  void shouldRefuseWhatItReliesOnByName() throws IOException {
    assumeThat(Path.of("/usr/bin/redis-server")).exists();
    runRedis();
    snapshot("cache", "cache:one");
    done("store", "save", archive);
    done("daemon", "--stop");
    changeHost(host -> host.toBuilder().addProcessorFlags("avx9000").build());
    final CommandLineRun refused = vas("store", "load", archive);
    assertThat(refused.exitCode()).isEqualTo(3);
    assertThat(refused.err())
        .contains(
            "snapshot cache:one: it may use instructions that this processor does not have:"
                + " avx9000");
    assertThat(done("snapshots", "--json").out().trim()).isEqualTo("[]");
  }

  private void changeHost(final UnaryOperator<HostState> change) throws IOException {
    final Path file = Path.of(archive).resolve("manifest");
    final byte[] bytes = Files.readAllBytes(file);
    final Manifest manifest =
        Manifest.parser().parseFrom(bytes, HEADER_LENGTH, bytes.length - HEADER_LENGTH);
    final byte[] changed =
        manifest.toBuilder()
            .setHost(change.apply(HostState.parseFrom(manifest.getHost())).toByteString())
            .build()
            .toByteArray();
    final CRC32C crc = new CRC32C();
    crc.update(changed);
    final ByteBuffer written =
        ByteBuffer.allocate(HEADER_LENGTH + changed.length).order(ByteOrder.LITTLE_ENDIAN);
    written.put(0, bytes, 0, HEADER_LENGTH);
    written.putInt(CHECKSUM_OFFSET, (int) crc.getValue()).putLong(LENGTH_OFFSET, changed.length);
    written.put(HEADER_LENGTH, changed);
    Files.write(file, written.array());
  }

  private static long seconds(final String line, final int word) {
    return (long) Double.parseDouble(line.trim().split("\\s+", -1)[word]);
  }

  private void runRedis() {
    done(
        "run",
        "-d",
        "--name",
        "cache",
        "--",
        "redis-server",
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--enable-debug-command",
        "yes");
    await(() -> vas("exec", "cache", "redis-cli", "PING").out().equals("PONG\n"));
    done("exec", "cache", "redis-cli", "DEBUG", "POPULATE", "10000", "key", "1000");
  }

  private String snapshot(final String instance, final String name) {
    return done("snapshot", instance, "-t", name, "--json")
        .object()
        .getFieldsOrThrow("id")
        .getStringValue();
  }

  private void set(final String instance, final String key, final String value) {
    done("exec", instance, "redis-cli", "SET", key, value);
  }

  private String digest(final String instance) {
    return done("exec", instance, "redis-cli", "DEBUG", "DIGEST").out();
  }

  private String shell(final String instance, final String script) {
    return done("exec", instance, "sh", "-c", script).out();
  }
}
