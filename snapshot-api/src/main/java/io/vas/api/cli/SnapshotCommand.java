package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.SnapshotMode;
import io.vas.api.v1.SnapshotRequest;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "snapshot",
    header = "Snapshot an instance into memory.",
    description =
        "The instance stands still while it is copied, and goes on as if nothing had happened. One"
            + " that holds something vas can't snapshot is refused with exit code 3 and is not"
            + " changed.",
    footer = {"", "Example:", "  vas snapshot cache -t cache:warm"})
final class SnapshotCommand extends Verb {
  @Option(
      names = {"-t", "--tag"},
      converter = NotEmpty.class,
      paramLabel = "NAME:TAG",
      description = "Name of the snapshot; a NAME alone means NAME:latest.")
  private String name = "";

  @Option(
      names = "--mode",
      paramLabel = "MODE",
      defaultValue = "live",
      description = {
        "live, the default: pages are copied while the instance runs; frozen, those written since.",
        "stop: it is frozen while all are copied."
      })
  private String mode;

  @Mixin private TimeoutOption timeout;

  @Parameters(paramLabel = "INSTANCE", description = "Id, beginning of an id, or name.")
  private String instance;

  SnapshotCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    final SnapshotRequest request =
        SnapshotRequest.newBuilder()
            .setInstance(instance)
            .setName(name)
            .setMode(parsedMode())
            .build();
    try (Telling telling = new Telling(console())) {
      final SnapshotInfo snapshot;
      try (VasClient client = connect();
          ProgressLine line = new ProgressLine(console())) {
        snapshot =
            timeout
                .apply(client)
                .snapshot(
                    request,
                    progress ->
                        line.show(
                            progress.getStage(),
                            progress.getDoneBytes(),
                            progress.getTotalBytes()));
        telling.begin();
      }
      print(snapshot);
    }
    return 0;
  }

  private void print(final SnapshotInfo snapshot) {
    if (json()) {
      printJson(JsonViews.takenSnapshot(snapshot));
    } else {
      new Table("ID", "NAME", ">FROZEN", ">TOTAL", ">PAGES", ">COPIED", ">SIZE")
          .add(
              snapshot.getId(),
              snapshot.getName().isEmpty() ? "-" : snapshot.getName(),
              Texts.duration(snapshot.getFrozenUs()),
              Texts.duration(snapshot.getTotalUs()),
              Texts.count(snapshot.getPages()),
              Texts.count(snapshot.getPagesCopied()),
              Texts.size(snapshot.getBytes()))
          .print(console().out());
    }
  }

  private SnapshotMode parsedMode() {
    return switch (mode) {
      case "stop" -> SnapshotMode.STOP;
      case "live" -> SnapshotMode.LIVE;
      default -> throw usage("--mode takes stop or live, not '" + mode + "'");
    };
  }
}
