package io.vas.api.daemon;

import io.vas.api.v1.BytesDifference;
import io.vas.api.v1.DiffReply;
import io.vas.api.v1.Difference;
import io.vas.api.v1.ProcessDifference;
import io.vas.api.v1.RangeDifference;
import io.vas.api.v1.ThreadDifference;
import io.vas.core.diff.SnapshotDiff;
import java.util.List;

/** What the service says of differences. */
final class DiffViews {
  private DiffViews() {}

  static DiffReply.Builder reply(final SnapshotDiff diff) {
    final DiffReply.Builder reply = DiffReply.newBuilder().addAllFiles(changes(diff.files()));
    diff.processes().forEach(process -> reply.addProcesses(process(process)));
    return reply;
  }

  private static ProcessDifference process(final SnapshotDiff.ProcessDiff diff) {
    final ProcessDifference.Builder process =
        ProcessDifference.newBuilder()
            .setPid(diff.pid())
            .addAllMappings(changes(diff.mappings()))
            .addAllDescriptors(changes(diff.descriptors()))
            .addAllState(changes(diff.state()));
    for (final SnapshotDiff.Range range : diff.ranges()) {
      final RangeDifference.Builder shown =
          RangeDifference.newBuilder()
              .setStart(range.start())
              .setPages(range.pages())
              .setName(range.name());
      range
          .lines()
          .forEach(
              line ->
                  shown.addLines(
                      BytesDifference.newBuilder()
                          .setAddress(line.address())
                          .setBefore(line.before())
                          .setAfter(line.after())));
      process.addRanges(shown);
    }
    for (final SnapshotDiff.ThreadDiff thread : diff.threads()) {
      process.addThreads(
          ThreadDifference.newBuilder()
              .setTid(thread.tid())
              .setKind(kind(thread.kind()))
              .addAllRegisters(changes(thread.registers()))
              .addAllState(changes(thread.state())));
    }
    return process.build();
  }

  private static List<Difference> changes(final List<SnapshotDiff.Change> changes) {
    return changes.stream()
        .map(
            change ->
                Difference.newBuilder()
                    .setKind(kind(change.kind()))
                    .setName(change.name())
                    .setBefore(change.before())
                    .setAfter(change.after())
                    .build())
        .toList();
  }

  private static Difference.Kind kind(final SnapshotDiff.Kind kind) {
    return switch (kind) {
      case ADDED -> Difference.Kind.ADDED;
      case REMOVED -> Difference.Kind.REMOVED;
      case CHANGED -> Difference.Kind.CHANGED;
    };
  }
}
