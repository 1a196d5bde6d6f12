package io.vas.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Struct;
import io.vas.api.cli.CommandLineRun;
import io.vas.api.client.VasClient;
import io.vas.api.wire.SocketProbe;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** A daemon that lets a group in, and users of that group and of none. */
class OwnersEndToEndTest {
  /** Every Debian has it. */
  private static final String GROUP = "daemon";

  private static final int GROUP_GID = 1;
  private static final int ONE_UID = 65534;

  /** Who has no name. */
  private static final int TWO_UID = 54321;

  private static final int GID = 54322;

  private static Path place;
  private static StateDirectory state;
  private static String classPath;
  private static OtherUser one;
  private static OtherUser two;

  @BeforeAll
  static void start() throws Exception {
    // Not in a directory of JUnit's, which nobody else can enter.
    place = Files.createTempDirectory(Path.of("/var/tmp"), "vas-owners-");
    Files.setPosixFilePermissions(place, PosixFilePermissions.fromString("rwxr-xr-x"));
    classPath =
        OtherUser.copyClassPath(
            Files.createDirectory(
                place.resolve("lib"),
                PosixFilePermissions.asFileAttribute(
                    PosixFilePermissions.fromString("rwxr-xr-x"))));
    state = new StateDirectory(place.resolve("state"));
    startDaemon();
    one = OtherUser.start(classPath, state, ONE_UID, GID + "," + GROUP_GID);
    two = OtherUser.start(classPath, state, TWO_UID, GID + "," + GROUP_GID);
  }

  private static void startDaemon() throws Exception {
    final ProcessBuilder builder =
        new ProcessBuilder(
            Path.of(System.getProperty("vas.home"), "vas").toString(), "daemon", "--group", GROUP);
    builder.environment().put(StateDirectory.VARIABLE, state.path().toString());
    builder.environment().put("VAS_CLASSPATH", System.getProperty("java.class.path"));
    // However the tests end, its keeper ends with them.
    builder.environment().put("VAS_ENDS_WITH", Long.toString(ProcessHandle.current().pid()));
    final File log = place.resolve("daemon.out").toFile();
    final Process daemon = builder.redirectErrorStream(true).redirectOutput(log).start();
    final long begin = System.nanoTime();
    while (!SocketProbe.accepts(state.socket())) {
      assertThat(daemon.isAlive()).as(Files.readString(log.toPath())).isTrue();
      assertThat(System.nanoTime() - begin).isLessThan(TimeUnit.SECONDS.toNanos(60));
      TimeUnit.MILLISECONDS.sleep(20);
    }
  }

  @AfterEach
  void removeWhatIsLeft() {
    final List<String> all = new ArrayList<>(List.of("rm", "-f"));
    all.addAll(root("ps", "-aq").out().lines().toList());
    all.addAll(root("snapshots", "-q").out().lines().toList());
    if (all.size() > 2) {
      assertThat(root(all.toArray(String[]::new)).exitCode()).isZero();
    }
  }

  @AfterAll
  static void end() throws IOException {
    one.close();
    two.close();
    assertThat(root("daemon", "--stop").exitCode()).isZero();
    assertThat(permissions(state.path())).isEqualTo("rwx------");
    assertThat(state.group()).doesNotExist();
    try (Stream<Path> files = Files.walk(place)) {
      files.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
    }
  }

  @Test
  void shouldShowEveryoneHisOwnAndRootAll() {
    assertThat(root("run", "-d", "--name", "roots", "--", "sleep", "1000").exitCode()).isZero();
    done(root("snapshot", "roots", "-t", "roots:warm"));
    done(one.vas("run", "-d", "--name", "ones", "--", "sleep", "1000"));
    done(one.vas("snapshot", "ones", "-t", "ones:warm"));
    done(two.vas("run", "-d", "--name", "twos", "--", "sleep", "1000"));

    assertThat(names(one.vas("ps", "--json"))).containsExactly("ones");
    assertThat(names(one.vas("snapshots", "--json"))).containsExactly("ones:warm");
    assertThat(names(two.vas("ps", "-a", "--json"))).containsExactly("twos");
    assertThat(two.vas("snapshots", "-q").out()).isEmpty();
    assertThat(names(root("ps", "--json"))).containsExactly("roots", "ones", "twos");
    assertThat(names(root("snapshots", "--json"))).containsExactly("roots:warm", "ones:warm");
    assertThat(root("ps").out())
        .containsPattern("ID +NAME +OWNER +STATE")
        .containsPattern("roots +root ")
        .containsPattern("twos +" + TWO_UID + " ");
    assertThat(root("snapshots").out()).containsPattern("ID +NAME +OWNER +INSTANCE");
    assertThat(one.vas("ps").out()).containsPattern("ID +NAME +STATE");
    assertThat(number(one.vas("inspect", "ones", "--json").object(), "owner_uid"))
        .isEqualTo(ONE_UID);
    assertThat(number(one.vas("inspect", "ones:warm", "--json").object(), "owner_uid"))
        .isEqualTo(ONE_UID);
    assertThat(rows(one.vas("store", "stat", "--json"))).isEqualTo(1);
    assertThat(rows(two.vas("store", "stat", "--json"))).isZero();
    assertThat(number(one.vas("daemon", "--status", "--json").object(), "instances")).isEqualTo(1);
  }

  @Test
  void shouldAnswerAsIfOthersDidNotExist() {
    final String instance = root("run", "-d", "--name", "roots", "--", "sleep", "99").out().strip();
    done(root("snapshot", "roots", "-t", "roots:warm"));
    final String snapshot = root("snapshots", "-q").out().strip();
    done(one.vas("run", "-d", "--name", "ones", "--", "sleep", "1000"));
    done(one.vas("snapshot", "ones", "-t", "ones:warm"));

    for (final String command :
        List.of(
            "inspect X",
            "logs X",
            "stats X",
            "stop -t 0 X",
            "kill X",
            "pause X",
            "unpause X",
            "rm -f ones X",
            "exec X id",
            "snapshot X",
            "fork X",
            "rollback X",
            "rollback ones X",
            "record X --every 100ms -d",
            "record X --stop",
            "timeline X",
            "diff X ones:warm",
            "diff ones:warm X",
            "store verify X")) {
      final CommandLineRun nothing = one.vas(words(command, "no-such"));
      assertThat(nothing.exitCode()).as(command + ": " + nothing.err()).isEqualTo(1);
      for (final String reference :
          List.of(
              "roots",
              "roots:warm",
              instance,
              snapshot,
              instance.substring(0, 7),
              snapshot.substring(0, 7))) {
        final CommandLineRun refused = one.vas(words(command, reference));
        assertThat(refused.exitCode()).isEqualTo(1);
        assertThat(refused.out()).isEqualTo(nothing.out());
        assertThat(refused.err().replace(reference, "no-such")).isEqualTo(nothing.err());
      }
    }
    assertThat(names(root("ps", "--json"))).containsExactly("roots", "ones");
    assertThat(names(root("snapshots", "--json"))).containsExactly("roots:warm", "ones:warm");
    // Names are everybody's.
    assertThat(one.vas("run", "--name", "roots", "--", "true").err())
        .contains("there is an instance roots already");
    assertThat(one.vas("snapshot", "ones", "-t", "roots:warm").err())
        .contains("is taken by another user's snapshot")
        .doesNotContain(snapshot);
  }

  @Test
  void shouldRunCommandsAsTheirUser() {
    final String ask = "id -u; id -G; grep -E '^(Cap|NoNewPrivs)' /proc/self/status; echo $HOME";
    final CommandLineRun run = two.vas("run", "--", "sh", "-c", ask);

    assertThat(run.exitCode()).as(run.err()).isZero();
    assertPowerless(run.out(), TWO_UID);
    assertThat(run.out()).endsWith("/\n");
    assertThat(one.vas("run", "--", "cat", "/etc/shadow").exitCode()).isEqualTo(1);
    assertThat(one.vas("run", "-w", "/root", "--", "true").err()).contains("Permission denied");
    assertThat(one.vas("run", "--", "sh", "-c", "echo said >/dev/stdout").out())
        .isEqualTo("said\n");
    for (final String power : List.of("--privileged", "--cap-add=NET_ADMIN")) {
      final CommandLineRun refused = one.vas("run", power, "--", "true");
      assertThat(refused.exitCode()).isEqualTo(1);
      assertThat(refused.err()).contains("only root may use --privileged and --cap-add");
    }
  }

  @Test
  void shouldKeepTheUserInForksAndVisitors() {
    done(one.vas("run", "-d", "--name", "ones", "--", "sleep", "1000"));
    done(one.vas("snapshot", "ones", "-t", "ones:warm"));
    done(one.vas("fork", "ones:warm", "-n", "2", "--name", "fork"));
    done(one.vas("fork", "fork-1", "--name", "again"));
    done(root("fork", "ones:warm", "--name", "roots"));

    assertThat(names(one.vas("ps", "--json")))
        .containsExactlyInAnyOrder("ones", "fork-1", "fork-2", "again");
    final String status = "id -u; id -G; grep -E '^(Cap|NoNewPrivs)' /proc/1/status";
    for (final String instance : List.of("ones", "fork-1", "again")) {
      assertPowerless(one.vas("exec", instance, "--", "sh", "-c", status).out(), ONE_UID);
    }
    // Whoever it belongs to, it is the user's who was in the snapshot.
    assertPowerless(root("exec", "roots", "--", "sh", "-c", status).out(), ONE_UID);
    done(one.vas("rollback", "fork-1"));
    assertPowerless(one.vas("exec", "fork-1", "--", "sh", "-c", status).out(), ONE_UID);
    assertThat(one.vas("inspect", "ones:warm").out()).doesNotContain(id(root("inspect", "roots")));
  }

  @Test
  void shouldOpenAForksFilesAsItsUser() throws IOException {
    final Path directory = Files.createDirectory(place.resolve("ones"));
    final Path file = Files.writeString(directory.resolve("file"), "harmless\n");
    final Path secret = Files.writeString(place.resolve("secret"), "secret\n");
    Files.setPosixFilePermissions(secret, PosixFilePermissions.fromString("rw-------"));
    Files.setAttribute(directory, "unix:uid", ONE_UID);
    done(
        one.vas(
            "run", "-d", "--name", "ones", "--", "sh", "-c", "exec 5<" + file + "; exec sleep 99"));
    done(one.vas("snapshot", "ones", "-t", "ones:warm"));
    done(one.vas("fork", "ones:warm", "--name", "fork"));
    assertThat(one.vas("exec", "fork", "--", "cat", "/proc/1/fd/5").out()).isEqualTo("harmless\n");

    Files.delete(file);
    Files.createSymbolicLink(file, secret);

    final CommandLineRun refused = one.vas("fork", "ones:warm", "--name", "thief");
    assertThat(refused.exitCode()).isEqualTo(1);
    assertThat(refused.err()).contains("EACCES");
    assertThat(names(one.vas("ps", "--json"))).containsExactly("ones", "fork");
  }

  @Test
  void shouldKeepRootsSnapshotsOfAnInstanceFromItsUser() {
    done(one.vas("run", "-d", "--name", "ones", "--", "sleep", "1000"));
    assertThat(one.vas("rollback", "ones").err()).contains("has no snapshot");
    done(root("snapshot", "ones", "-t", "roots:first"));
    assertThat(one.vas("rollback", "ones").err()).contains("has no snapshot");
    done(one.vas("snapshot", "ones", "-t", "ones:second"));
    done(root("snapshot", "ones", "-t", "roots:third"));
    done(one.vas("snapshot", "ones", "-t", "ones:fourth"));
    done(root("snapshot", "ones", "-t", "roots:fifth"));

    final Struct timeline = one.vas("timeline", "ones", "--json").object();
    final List<Struct> snapshots =
        timeline.getFieldsOrThrow("snapshots").getListValue().getValuesList().stream()
            .map(value -> value.getStructValue())
            .toList();
    assertThat(snapshots)
        .extracting(snapshot -> text(snapshot, "name"))
        .containsExactly("ones:second", "ones:fourth");
    assertThat(text(snapshots.get(0), "after")).isEmpty();
    assertThat(text(snapshots.get(1), "after")).isEqualTo(text(snapshots.get(0), "id"));
    assertThat(timeline.getFieldsOrThrow("places").getListValue().getValuesList())
        .singleElement()
        .satisfies(
            at ->
                assertThat(text(at.getStructValue(), "snapshot"))
                    .isEqualTo(text(snapshots.get(1), "id")));
    final CommandLineRun back = one.vas("rollback", "ones", "--json");
    assertThat(text(back.object(), "snapshot")).isEqualTo(text(snapshots.get(1), "id"));
    // An instance that root puts back stays its user's.
    done(root("rollback", "ones", "roots:first"));
    assertThat(names(one.vas("ps", "--json"))).containsExactly("ones");
  }

  @Test
  void shouldRecordForWhoeverBeganIt() {
    done(one.vas("run", "-d", "--name", "ones", "--", "sleep", "1000"));
    done(root("record", "ones", "--every", "20ms", "-d"));
    assertThat(one.vas("record", "ones", "--stop").err()).contains("is being recorded by root");
    done(root("record", "ones", "--stop"));
    assertThat(one.vas("snapshots", "-q").out()).isEmpty();
    final int before = root("snapshots", "-q").out().lines().toList().size();
    assertThat(before).isPositive();

    done(one.vas("record", "ones", "--every", "20ms", "--keep", "last=1", "-d"));
    done(root("snapshot", "ones"));
    done(one.vas("record", "ones", "--stop"));

    // Of root's none is removed by what a user wants to keep.
    final List<Struct> all = root("snapshots", "--json").objects();
    assertThat(all.stream().filter(snapshot -> number(snapshot, "owner_uid") == 0))
        .hasSize(before + 1);
    assertThat(one.vas("snapshots", "-q").out()).isNotEmpty();
  }

  @Test
  void shouldRefuseWhatIsAboutAllUsers() {
    refused("only root may end the daemon", "daemon", "--stop");
    refused("only root can run the daemon", "daemon");
    refused("only root may collect the store's garbage", "store", "gc");
    refused("only root may verify the whole store", "store", "verify");
    refused("only root may save snapshots", "store", "save", "/tmp/none");
    refused("only root may load snapshots", "store", "load", "/tmp/none");
    refused("the daemon's counters are root's", "stats");
    try (VasClient client = VasClient.connect(state)) {
      assertThat(client.info().getInstances()).isZero();
    }
  }

  private static void refused(final String reason, final String... command) {
    final CommandLineRun run = one.vas(command);
    assertThat(run.exitCode()).isEqualTo(1);
    assertThat(run.err()).contains(reason);
    assertThat(run.err().lines()).hasSize(1);
  }

  @Test
  void shouldLetNobodyElseIn() throws IOException {
    try (OtherUser stranger = OtherUser.start(classPath, state, ONE_UID, "" + GID)) {
      final CommandLineRun run = stranger.vas("ps");
      assertThat(run.exitCode()).isEqualTo(1);
      assertThat(run.err())
          .contains("you are not let in to " + state.socket())
          .contains("vas daemon --group GROUP");
    }
    final StateDirectory none = new StateDirectory(place.resolve("none"));
    try (OtherUser early = OtherUser.start(classPath, none, ONE_UID, GID + "," + GROUP_GID)) {
      final CommandLineRun run = early.vas("ps");
      assertThat(run.exitCode()).isEqualTo(1);
      assertThat(run.err()).contains("no daemon serves").contains("only root can start one");
      assertThat(none.path()).doesNotExist();
    }
  }

  @Test
  void shouldLeaveTheGroupNothingButTheSocket() throws IOException {
    assertThat(permissions(state.path())).isEqualTo("rwxr-x---");
    assertThat(permissions(state.socket())).isEqualTo("rw-rw----");
    try (Stream<Path> files = Files.list(state.path())) {
      assertThat(files.filter(file -> !file.equals(state.socket())))
          .isNotEmpty()
          .allSatisfy(file -> assertThat(permissions(file)).endsWith("------"));
    }
  }

  @Test
  void shouldKnowOwnersAgainAfterTheDaemonWasKilled() throws Exception {
    done(root("run", "-d", "--name", "roots", "--", "sleep", "1000"));
    done(root("snapshot", "roots", "-t", "roots:warm"));
    done(one.vas("run", "-d", "--name", "ones", "--", "sleep", "1000"));
    done(one.vas("snapshot", "ones", "-t", "ones:warm"));
    done(one.vas("fork", "ones:warm", "--name", "fork"));
    done(one.vas("record", "ones", "--every", "50ms", "--keep", "last=2", "-d"));
    final int pid;
    try (VasClient client = VasClient.connect(state)) {
      pid = client.info().getPid();
    }
    final ProcessHandle daemon = ProcessHandle.of(pid).orElseThrow();
    assertThat(daemon.destroyForcibly()).isTrue();
    daemon.onExit().get(30, TimeUnit.SECONDS);
    assertThat(one.vas("ps").err()).contains("only root can start one");

    // The next one is started as any command of root's does it, and lets the same group in.
    assertThat(names(root("ps", "--json"))).containsExactly("roots", "ones", "fork");

    assertThat(names(one.vas("ps", "--json"))).containsExactly("ones", "fork");
    assertThat(names(two.vas("ps", "--json"))).isEmpty();
    assertThat(one.vas("inspect", "roots:warm").err()).contains("there is no");
    done(one.vas("record", "ones", "--stop"));
    assertThat(one.vas("snapshots", "--json").objects())
        .hasSizeGreaterThan(1)
        .allSatisfy(snapshot -> assertThat(number(snapshot, "owner_uid")).isEqualTo(ONE_UID));
    assertThat(one.vas("exec", "fork", "--", "id", "-u").out()).isEqualTo(ONE_UID + "\n");
    done(one.vas("rm", "-f", "ones", "fork", "ones:warm"));
  }

  private static void assertPowerless(final String said, final int uid) {
    assertThat(said)
        .startsWith(uid + "\n" + GID + " " + GROUP_GID + "\n")
        .contains(
            "CapInh:\t0000000000000000\n",
            "CapPrm:\t0000000000000000\n",
            "CapEff:\t0000000000000000\n",
            "CapBnd:\t0000000000000000\n",
            "CapAmb:\t0000000000000000\n",
            "NoNewPrivs:\t1\n");
  }

  private static CommandLineRun root(final String... args) {
    return CommandLineRun.of(state, "", args);
  }

  private static void done(final CommandLineRun run) {
    assertThat(run.exitCode()).as(run.err()).isZero();
  }

  private static String[] words(final String command, final String reference) {
    return Stream.of(command.split(" ", -1))
        .map(word -> word.equals("X") ? reference : word)
        .toArray(String[]::new);
  }

  private static List<String> names(final CommandLineRun run) {
    return run.objects().stream().map(object -> text(object, "name")).toList();
  }

  private static String id(final CommandLineRun inspected) {
    return inspected.out().lines().findFirst().orElseThrow().replaceFirst("id +", "");
  }

  private static int rows(final CommandLineRun run) {
    return run.object().getFieldsOrThrow("snapshots").getListValue().getValuesCount();
  }

  private static String text(final Struct object, final String field) {
    return object.getFieldsOrThrow(field).getStringValue();
  }

  private static long number(final Struct object, final String field) {
    return (long) object.getFieldsOrThrow(field).getNumberValue();
  }

  private static String permissions(final Path path) throws IOException {
    return PosixFilePermissions.toString(Files.getPosixFilePermissions(path));
  }
}
