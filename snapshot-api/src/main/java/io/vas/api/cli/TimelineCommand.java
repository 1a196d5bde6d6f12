package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.v1.TimelineReply;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "timeline",
    header = "Draw the snapshots of an instance as a tree, the oldest first.",
    description = {
      "With those that it comes from, and those of its forks as branches; an arrow shows where"
          + " running instances stand: the snapshot that a rollback without another one goes to.",
      "DIRTY: pages that were stored for the snapshot. OWN: what it takes besides what it shares."
          + " Where snapshots were removed, the next one follows the nearest that is there."
    },
    footer = {"", "Example:", "  vas timeline cache", "  vas timeline cache --all"})
final class TimelineCommand extends Verb {
  @Option(
      names = {"-a", "--all"},
      description = "Show the middle of long runs, too.")
  private boolean all;

  @Parameters(
      paramLabel = "INSTANCE",
      description = "Id, beginning of an id, or name; of one that was removed, its id.")
  private String instance;

  TimelineCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    final TimelineReply timeline;
    try (VasClient client = connect()) {
      timeline = client.timeline(instance);
    }
    if (json()) {
      printJson(JsonViews.timeline(timeline));
    } else {
      new TimelineDrawing(timeline, all).print(console().out());
    }
    return 0;
  }
}
