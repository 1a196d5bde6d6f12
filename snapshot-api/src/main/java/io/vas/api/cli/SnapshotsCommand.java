package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.v1.SnapshotInfo;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "snapshots",
    header = "List the snapshots.",
    footer = {"", "Example:", "  vas snapshots"})
final class SnapshotsCommand extends Verb {
  @Option(
      names = {"-q", "--quiet"},
      description = "Print ids only.")
  private boolean quiet;

  SnapshotsCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    final List<SnapshotInfo> snapshots;
    try (VasClient client = connect()) {
      snapshots = client.snapshots();
    }
    if (json()) {
      printJson(snapshots.stream().map(JsonViews::listedSnapshot).toList());
    } else if (quiet) {
      snapshots.forEach(snapshot -> print(snapshot.getId()));
    } else {
      print(snapshots);
    }
    return 0;
  }

  private void print(final List<SnapshotInfo> snapshots) {
    final OwnerColumn owner =
        OwnerColumn.of(snapshots.stream().map(SnapshotInfo::getOwnerUid).toList());
    final Table table =
        new Table(
            owner.headers(
                "ID", "NAME", "INSTANCE", "PARENT", "CREATED", ">FROZEN", ">PAGES", ">SIZE"));
    for (final SnapshotInfo snapshot : snapshots) {
      table.add(
          owner.cells(
              snapshot.getOwner(),
              snapshot.getId(),
              snapshot.getName().isEmpty() ? "-" : snapshot.getName(),
              snapshot.getInstance(),
              snapshot.getParent().isEmpty() ? "-" : snapshot.getParent(),
              Texts.age(snapshot.getCreatedUnixUs()),
              Texts.duration(snapshot.getFrozenUs()),
              Texts.count(snapshot.getPages()),
              Texts.size(snapshot.getBytes())));
    }
    table.print(console().out());
  }
}
