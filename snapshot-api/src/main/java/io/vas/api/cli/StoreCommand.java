package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.v1.StoreStatReply;
import io.vas.api.v1.StoredSnapshot;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "store",
    header = "Look at the store of snapshots.",
    description = {
      "stat says how full it is, and what each snapshot takes: its own pages, for those that it"
          + " shares with older snapshots are theirs.",
    },
    footer = {"", "Example:", "  vas store stat"})
final class StoreCommand extends Verb {
  private static final String STAT = "stat";

  @Parameters(index = "0", arity = "0..1", paramLabel = "stat", description = "What to do.")
  private String action = STAT;

  StoreCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    if (!action.equals(STAT)) {
      throw usage("store takes stat, not '" + action + "'");
    }
    final StoreStatReply stat;
    try (VasClient client = connect()) {
      stat = client.storeStat();
    }
    if (json()) {
      printJson(json(stat));
    } else {
      print(stat);
    }
    return 0;
  }

  private static Map<String, Object> json(final StoreStatReply stat) {
    return Json.object(
        "budget_bytes", stat.getBudgetBytes(),
        "used_bytes", stat.getUsedBytes(),
        "reserved_bytes", stat.getReservedBytes(),
        "removed_bytes", stat.getRemovedBytes(),
        "metadata_bytes", stat.getMetadataBytes(),
        "huge_pages", stat.getHugePages(),
        "limited_by_kernel", stat.getLimitedByKernel(),
        "limitations", stat.getLimitationsList(),
        "snapshots", stat.getSnapshotsList().stream().map(StoreCommand::json).toList());
  }

  private static Map<String, Object> json(final StoredSnapshot snapshot) {
    return Json.object(
        "id", snapshot.getId(),
        "name", snapshot.getName(),
        "huge_bytes", snapshot.getHugeBytes(),
        "small_bytes", snapshot.getSmallBytes(),
        "layer_bytes", snapshot.getLayerBytes(),
        "image_bytes", snapshot.getImageBytes(),
        "uses", snapshot.getUses());
  }

  private void print(final StoreStatReply stat) {
    print("budget    " + Texts.size(stat.getBudgetBytes()));
    print("used      " + Texts.size(stat.getUsedBytes()));
    print("reserved  " + Texts.size(stat.getReservedBytes()));
    print("removed   " + Texts.size(stat.getRemovedBytes()));
    print("metadata  " + Texts.size(stat.getMetadataBytes()));
    print("pages     " + (stat.getHugePages() ? "huge" : "4 KiB"));
    stat.getLimitationsList().forEach(this::print);
    final Table table = new Table("ID", "NAME", ">HUGE", ">SMALL", ">LAYER", ">IMAGE", ">USES");
    for (final StoredSnapshot snapshot : stat.getSnapshotsList()) {
      table.add(
          snapshot.getId(),
          snapshot.getName().isEmpty() ? "-" : snapshot.getName(),
          Texts.size(snapshot.getHugeBytes()),
          Texts.size(snapshot.getSmallBytes()),
          Texts.size(snapshot.getLayerBytes()),
          Texts.size(snapshot.getImageBytes()),
          Integer.toString(snapshot.getUses()));
    }
    table.print(console().out());
  }
}
