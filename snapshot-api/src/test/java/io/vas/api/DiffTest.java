package io.vas.api;

import static org.assertj.core.api.Assertions.assertThat;

import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import io.vas.api.cli.CommandLineRun;
import io.vas.core.testing.LeakCheck;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;

/** Snapshots are compared, by the command line. */
@ExtendWith(LeakCheck.class)
class DiffTest extends CommandLineTest {
  private static final String VICTIM = System.getProperty("vas.victims.dir") + "/rollback_changes";

  private static Struct diff(final String what, final String... options) {
    run("victim", VICTIM, what);
    await(() -> vas("logs", "victim").out().equals("ready\n"));
    assertThat(vas("snapshot", "victim", "-t", "v:a").exitCode()).isZero();
    assertThat(vas("kill", "-s", "USR2", "victim").exitCode()).isZero();
    await(() -> vas("logs", "victim").out().endsWith("changed\n"));
    assertThat(vas("snapshot", "victim", "-t", "v:b").exitCode()).isZero();
    final String[] line = new String[options.length + 4];
    line[0] = "diff";
    System.arraycopy(options, 0, line, 1, options.length);
    line[options.length + 1] = "v:a";
    line[options.length + 2] = "v:b";
    line[options.length + 3] = "--json";
    final CommandLineRun run = vas(line);
    assertThat(run.exitCode()).as(run.err()).isZero();
    return run.object();
  }

  private static Struct process(final Struct diff) {
    return objects(diff, "processes").get(0);
  }

  private static List<Struct> objects(final Struct of, final String field) {
    return of.getFieldsOrThrow(field).getListValue().getValuesList().stream()
        .map(value -> value.getStructValue())
        .toList();
  }

  private static List<String> lines(final Struct of, final String field) {
    return objects(of, field).stream()
        .map(change -> text(change, "kind") + " " + text(change, "name"))
        .toList();
  }

  @Test
  void shouldTellPagesAndBytesThatDiffer() {
    final Struct process = process(diff("pages", "--hex"));

    // 103 pages of the area, 8 of global variables, 4 of the heap, 2 of the holes.
    assertThat(number(process, "pages")).isBetween(117L, 160L);
    final List<Struct> ranges = objects(process, "ranges");
    assertThat(ranges).anyMatch(range -> text(range, "name").equals("[heap]"));
    assertThat(ranges).anyMatch(range -> text(range, "name").endsWith("/rollback_changes"));
    final Struct line =
        ranges.stream()
            .flatMap(range -> objects(range, "lines").stream())
            .filter(found -> text(found, "after").equals("ee ".repeat(16).strip()))
            .findFirst()
            .orElseThrow();
    assertThat(text(line, "before")).isNotEqualTo(text(line, "after"));
  }

  @Test
  void shouldTellMappingsThatDiffer() {
    final Struct process = process(diff("map"));

    assertThat(lines(process, "mappings")).anyMatch(line -> line.matches("(added|changed) 0x.*"));
  }

  @Test
  void shouldTellDescriptorsAndPositionsThatDiffer() {
    assertThat(lines(process(diff("open")), "descriptors"))
        .hasSize(1)
        .allMatch(line -> line.startsWith("added "));
    assertThat(vas("rm", "-f", "victim", "v:a", "v:b").exitCode()).isZero();

    final Struct position = objects(process(diff("position")), "descriptors").get(0);

    assertThat(text(position, "before")).endsWith("/rollback/read at 3");
    assertThat(text(position, "after")).endsWith("/rollback/read at 4");
  }

  @Test
  void shouldTellThreadsRegistersAndStateThatDiffer() {
    final Struct process = process(diff("signals"));

    assertThat(lines(process, "state")).contains("changed signal actions", "changed umask");
    assertThat(vas("rm", "-f", "victim", "v:a", "v:b").exitCode()).isZero();
    final List<Struct> threads = objects(process(diff("thread-end")), "threads");
    assertThat(threads).anyMatch(thread -> text(thread, "kind").equals("removed"));
  }

  @Test
  void shouldTellFilesThatDiffer() {
    assertThat(lines(diff("files"), "files"))
        .contains("changed /rollback/kept", "removed /rollback/deleted", "added /rollback/new");
  }

  /** The layer has it from then on. */
  @Test
  void shouldTellNothingOfWhatWasChangedAndChangedBack() {
    run("web", "sleep", "1000");
    assertThat(vas("snapshot", "web", "-t", "web:a").exitCode()).isZero();
    shell("echo more >> /etc/issue; rm /etc/debian_version; mkdir /new; echo new > /new/file");
    assertThat(vas("snapshot", "web", "-t", "web:b").exitCode()).isZero();
    assertThat(vas("rollback", "web", "web:a", "--json").object().getFieldsOrThrow("in_place"))
        .extracting(Value::getBoolValue)
        .isEqualTo(true);
    assertThat(vas("snapshot", "web", "-t", "web:c").exitCode()).isZero();

    assertThat(lines(vas("diff", "web:a", "web:b", "--json").object(), "files"))
        .containsExactlyInAnyOrder(
            "changed /etc/issue", "removed /etc/debian_version", "added /new", "added /new/file");
    assertThat(objects(vas("diff", "web:a", "web:c", "--json").object(), "files")).isEmpty();
  }

  @Test
  void shouldTellWhatIsNotInADirectoryThatWasMadeAnew() {
    run("web", "sleep", "1000");
    assertThat(vas("snapshot", "web", "-t", "web:a").exitCode()).isZero();
    shell("rm -r /etc/skel; mkdir /etc/skel");
    assertThat(vas("snapshot", "web", "-t", "web:b").exitCode()).isZero();

    assertThat(lines(vas("diff", "web:a", "web:b", "--json").object(), "files"))
        .contains("removed /etc/skel/.bashrc");
  }

  private static void shell(final String script) {
    assertThat(vas("exec", "web", "sh", "-c", script).exitCode()).isZero();
  }

  @Test
  void shouldTellNothingOfASnapshotAndItself() {
    run("web", "sleep", "1000");
    assertThat(vas("snapshot", "web", "-t", "web:a").exitCode()).isZero();

    assertThat(vas("diff", "web:a", "web:a").out()).isEmpty();
    assertThat(vas("diff", "web:a", "nobody").exitCode()).isEqualTo(1);
  }
}
