package io.vas.api.cli;

import com.google.protobuf.ByteString;
import io.vas.api.client.VasClient;
import io.vas.api.v1.BytesDifference;
import io.vas.api.v1.DiffReply;
import io.vas.api.v1.Difference;
import io.vas.api.v1.ProcessDifference;
import io.vas.api.v1.RangeDifference;
import io.vas.api.v1.ThreadDifference;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "diff",
    header = "Show how two snapshots differ.",
    description =
        "Of each process: ranges of private pages with the name of their mapping, mappings,"
            + " descriptors, registers and other state; then the files that the instances had made"
            + " or changed.",
    footer = {
      "",
      "Example:",
      "  vas diff cache:warm cache:hot",
      "  vas diff --hex cache:a cache:b"
    })
final class DiffCommand extends Verb {
  @Option(
      names = "--hex",
      description = "Show the bytes that differ, at most 64 lines of each range.")
  private boolean hex;

  @Mixin private TimeoutOption timeout;

  @Parameters(index = "0", paramLabel = "SNAPSHOT", description = "Id or name:tag.")
  private String before;

  @Parameters(index = "1", paramLabel = "SNAPSHOT", description = "Id or name:tag.")
  private String after;

  DiffCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    final DiffReply reply;
    try (VasClient client = connect()) {
      reply = timeout.apply(client).diff(before, after, hex);
    }
    if (json()) {
      printJson(json(reply));
      return 0;
    }
    reply.getProcessesList().forEach(this::print);
    print("", "file", reply.getFilesList());
    return 0;
  }

  // ---- text

  private void print(final ProcessDifference process) {
    print("process " + process.getPid());
    for (final RangeDifference range : process.getRangesList()) {
      print(
          String.format(
              Locale.ROOT,
              "  memory 0x%x %,d pages %s",
              range.getStart(),
              range.getPages(),
              range.getName()));
      for (final BytesDifference line : range.getLinesList()) {
        print(String.format("    %x", line.getAddress()));
        print("      - " + bytes(line.getBefore()));
        print("      + " + bytes(line.getAfter()));
      }
    }
    print("  ", "mapping", process.getMappingsList());
    print("  ", "descriptor", process.getDescriptorsList());
    print("  ", "state", process.getStateList());
    for (final ThreadDifference thread : process.getThreadsList()) {
      print("  thread " + thread.getTid() + " " + text(thread.getKind()));
      print("    ", "register", thread.getRegistersList());
      print("    ", "state", thread.getStateList());
    }
  }

  private void print(final String indent, final String what, final List<Difference> differences) {
    for (final Difference difference : differences) {
      final String values =
          switch (difference.getKind()) {
            case ADDED -> difference.getAfter();
            case REMOVED -> difference.getBefore();
            default ->
                difference.getBefore().isEmpty()
                    ? ""
                    : difference.getBefore() + " -> " + difference.getAfter();
          };
      print(
          (indent
                  + what
                  + " "
                  + difference.getName()
                  + " "
                  + text(difference.getKind())
                  + " "
                  + values)
              .stripTrailing());
    }
  }

  private static String text(final Difference.Kind kind) {
    return kind.name().toLowerCase(Locale.ROOT);
  }

  private static String bytes(final ByteString bytes) {
    final StringBuilder text = new StringBuilder();
    for (final byte b : bytes) {
      text.append(String.format("%02x ", b));
    }
    for (final byte b : bytes) {
      text.append(b >= ' ' && b < 0x7f ? (char) b : '.');
    }
    return text.toString();
  }

  // ---- JSON

  private static Map<String, Object> json(final DiffReply reply) {
    return Json.object(
        "before", reply.getBefore(),
        "after", reply.getAfter(),
        "processes", reply.getProcessesList().stream().map(DiffCommand::json).toList(),
        "files", json(reply.getFilesList()));
  }

  private static Map<String, Object> json(final ProcessDifference process) {
    return Json.object(
        "pid", process.getPid(),
        "pages", process.getRangesList().stream().mapToLong(RangeDifference::getPages).sum(),
        "ranges", process.getRangesList().stream().map(DiffCommand::json).toList(),
        "mappings", json(process.getMappingsList()),
        "descriptors", json(process.getDescriptorsList()),
        "state", json(process.getStateList()),
        "threads", process.getThreadsList().stream().map(DiffCommand::json).toList());
  }

  private static Map<String, Object> json(final RangeDifference range) {
    return Json.object(
        "start", "0x" + Long.toHexString(range.getStart()),
        "pages", range.getPages(),
        "name", range.getName(),
        "lines", range.getLinesList().stream().map(DiffCommand::json).toList());
  }

  private static Map<String, Object> json(final BytesDifference line) {
    return Json.object(
        "address", "0x" + Long.toHexString(line.getAddress()),
        "before", bytes(line.getBefore()).substring(0, 3 * line.getBefore().size()).strip(),
        "after", bytes(line.getAfter()).substring(0, 3 * line.getAfter().size()).strip());
  }

  private static Map<String, Object> json(final ThreadDifference thread) {
    return Json.object(
        "tid", thread.getTid(),
        "kind", text(thread.getKind()),
        "registers", json(thread.getRegistersList()),
        "state", json(thread.getStateList()));
  }

  private static List<Map<String, Object>> json(final List<Difference> differences) {
    return differences.stream()
        .map(
            difference ->
                Json.object(
                    "kind", text(difference.getKind()),
                    "name", difference.getName(),
                    "before", difference.getBefore(),
                    "after", difference.getAfter()))
        .toList();
  }
}
