package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.v1.DamagedSnapshot;
import io.vas.api.v1.Progress;
import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.StoreGcReply;
import io.vas.api.v1.StoreLoadReply;
import io.vas.api.v1.StoreSaveReply;
import io.vas.api.v1.StoreStatReply;
import io.vas.api.v1.StoreVerifyReply;
import io.vas.api.v1.StoredSnapshot;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "store",
    header = "Look at the store of snapshots, save them to disk and load them.",
    description = {
      "stat says how full it is, and what each snapshot takes: its own pages, for those that it"
          + " shares with older snapshots are theirs.",
      "verify reads all pages and images back, or those of one snapshot, and compares them with"
          + " their checksums. Snapshots that are damaged are named and marked: forks of them are"
          + " refused. It ends with exit code 1 if there are any.",
      "gc frees what nobody needs and was not freed in time, as by a daemon that died, and writes"
          + " the journal anew.",
      "save DIR writes snapshots to a directory, for what memory does not survive: all, or those"
          + " that are named. Pages that several of them have are written once.",
      "load DIR brings them back with their ids, names and parents. What they rely on is checked:"
          + " the kernel, the processor and the files that they map. Those that are there already"
          + " are left alone."
    },
    footer = {
      "",
      "Example:",
      "  vas store stat",
      "  vas store verify cache:warm",
      "  vas store save /var/backups/cache cache:warm --lineage",
      "  vas store load /var/backups/cache"
    })
final class StoreCommand extends Verb {
  private static final String STAT = "stat";
  private static final String VERIFY = "verify";
  private static final String SAVE = "save";
  private static final String LOAD = "load";

  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "stat|verify|gc|save|load",
      description = "What to do. Default: stat.")
  private String action = STAT;

  @Parameters(
      index = "1..*",
      arity = "0..*",
      paramLabel = "[DIR] SNAPSHOT",
      description = "Where to save to or load from; and which ones. Default: all.")
  private List<String> arguments = new ArrayList<>();

  @Option(
      names = "--lineage",
      description = "Save all snapshots of the trees that the named ones are in.")
  private boolean lineage;

  @Option(names = "--no-names", description = "Load snapshots without their names.")
  private boolean withoutNames;

  @Mixin private TimeoutOption timeout;

  StoreCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    final boolean isSave = action.equals(SAVE);
    final boolean isLoad = action.equals(LOAD);
    if (arguments.contains("")) {
      throw usage("store " + action + ": '' names nothing");
    }
    if ((isSave || isLoad) && arguments.isEmpty()) {
      throw usage("store " + action + " takes a directory");
    }
    if (!isSave && !isLoad && arguments.size() > (action.equals(VERIFY) ? 1 : 0)) {
      throw usage(
          "store "
              + action
              + (action.equals(VERIFY) ? " takes one snapshot" : " takes no snapshot"));
    }
    if (lineage && (!isSave || arguments.size() < 2)) {
      throw usage("--lineage is for store save with a snapshot");
    }
    if (withoutNames && !isLoad) {
      throw usage("--no-names is for store load");
    }
    return switch (action) {
      case STAT -> stat();
      case VERIFY -> verify();
      case "gc" -> gc();
      case SAVE -> save();
      case LOAD -> load();
      default -> throw usage("store takes stat, verify, gc, save or load, not '" + action + "'");
    };
  }

  /** The daemon has another working directory. */
  private String directory() {
    try {
      return Path.of(arguments.get(0)).toAbsolutePath().normalize().toString();
    } catch (final InvalidPathException e) {
      throw usage("'" + arguments.get(0) + "' is no directory: " + e.getReason());
    }
  }

  private List<String> snapshots() {
    return arguments.subList(1, arguments.size());
  }

  private static void show(final ProgressLine line, final Progress progress) {
    line.show(progress.getStage(), progress.getDoneBytes(), progress.getTotalBytes());
  }

  private int save() {
    final StoreSaveReply saved;
    try (VasClient client = connect();
        ProgressLine line = new ProgressLine(console())) {
      saved =
          timeout
              .apply(client)
              .storeSave(directory(), snapshots(), lineage, progress -> show(line, progress));
    }
    if (json()) {
      printJson(
          Json.object(
              "directory", saved.getDirectory(),
              "snapshots", saved.getSnapshotsList().stream().map(JsonViews::snapshot).toList(),
              "bytes", saved.getBytes(),
              "file_bytes", saved.getFileBytes()));
    } else {
      print(
          saved.getSnapshotsCount()
              + " snapshots, "
              + Texts.size(saved.getBytes())
              + ", "
              + Texts.size(saved.getFileBytes())
              + " on disk");
      print(saved.getSnapshotsList());
    }
    return 0;
  }

  private int load() {
    final StoreLoadReply loaded;
    try (VasClient client = connect();
        ProgressLine line = new ProgressLine(console())) {
      loaded =
          timeout
              .apply(client)
              .storeLoad(directory(), snapshots(), !withoutNames, progress -> show(line, progress));
    }
    if (json()) {
      printJson(
          Json.object(
              "snapshots", loaded.getSnapshotsList().stream().map(JsonViews::snapshot).toList(),
              "present", loaded.getPresentList(),
              "bytes", loaded.getBytes()));
    } else {
      print(loaded.getSnapshotsCount() + " snapshots, " + Texts.size(loaded.getBytes()));
      loaded.getPresentList().forEach(id -> print(id + " was there already"));
      print(loaded.getSnapshotsList());
    }
    return 0;
  }

  private void print(final List<SnapshotInfo> snapshots) {
    if (snapshots.isEmpty()) {
      return;
    }
    final Table table = new Table("ID", "NAME", "INSTANCE", "PARENT", ">PAGES");
    for (final SnapshotInfo snapshot : snapshots) {
      table.add(
          snapshot.getId(),
          snapshot.getName().isEmpty() ? "-" : snapshot.getName(),
          snapshot.getInstance(),
          snapshot.getParent().isEmpty() ? "-" : snapshot.getParent(),
          Texts.count(snapshot.getPages()));
    }
    table.print(console().out());
  }

  private int verify() {
    final StoreVerifyReply found;
    try (VasClient client = connect();
        ProgressLine line = new ProgressLine(console())) {
      found =
          timeout
              .apply(client)
              .storeVerify(
                  arguments.isEmpty() ? "" : arguments.get(0), progress -> show(line, progress));
    }
    if (json()) {
      printJson(
          Json.object(
              "snapshots", found.getSnapshots(),
              "pages", found.getPages(),
              "new_checksums", found.getNewChecksums(),
              "broken_records", found.getBrokenRecords(),
              "damaged",
                  found.getDamagedList().stream()
                      .map(
                          one ->
                              Json.object(
                                  "id", one.getId(),
                                  "name", one.getName(),
                                  "damage", one.getDamage()))
                      .toList()));
    } else {
      printFound(found);
    }
    return found.getDamagedCount() == 0 && found.getBrokenRecords() == 0 ? 0 : 1;
  }

  private void printFound(final StoreVerifyReply found) {
    print(
        Texts.count(found.getSnapshots())
            + " snapshots, "
            + Texts.count(found.getPages())
            + " pages read, "
            + found.getDamagedCount()
            + " damaged"
            + (found.getNewChecksums() == 0
                ? ""
                : "; " + Texts.count(found.getNewChecksums()) + " pages had no checksum yet"));
    if (found.getBrokenRecords() > 0) {
      print(found.getBrokenRecords() + " records of the journal were lost");
    }
    if (found.getDamagedCount() > 0) {
      final Table table = new Table("ID", "NAME", "DAMAGE");
      for (final DamagedSnapshot one : found.getDamagedList()) {
        table.add(one.getId(), one.getName().isEmpty() ? "-" : one.getName(), one.getDamage());
      }
      table.print(console().out());
    }
  }

  private int gc() {
    final StoreGcReply freed;
    try (VasClient client = connect()) {
      freed = timeout.apply(client).storeGc();
    }
    if (json()) {
      printJson(
          Json.object(
              "freed_page_bytes", freed.getFreedPageBytes(),
              "freed_layer_bytes", freed.getFreedLayerBytes(),
              "freed_metadata_bytes", freed.getFreedMetadataBytes(),
              "freed_warm_bytes", freed.getFreedWarmBytes()));
    } else {
      print("pages     " + Texts.size(freed.getFreedPageBytes()));
      print("layers    " + Texts.size(freed.getFreedLayerBytes()));
      print("metadata  " + Texts.size(freed.getFreedMetadataBytes()));
      print("kept warm " + Texts.size(freed.getFreedWarmBytes()));
    }
    return 0;
  }

  private int stat() {
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
        "when_full", stat.getWhenFull(),
        "used_bytes", stat.getUsedBytes(),
        "reserved_bytes", stat.getReservedBytes(),
        "removed_bytes", stat.getRemovedBytes(),
        "warm_bytes", stat.getWarmBytes(),
        "metadata_bytes", stat.getMetadataBytes(),
        "huge_pages", stat.getHugePages(),
        "numa_policy", stat.getNumaPolicy(),
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
        "uses", snapshot.getUses(),
        "laid_out", snapshot.getLaidOut());
  }

  private void print(final StoreStatReply stat) {
    print("budget    " + Texts.size(stat.getBudgetBytes()));
    print("when full " + stat.getWhenFull());
    print("used      " + Texts.size(stat.getUsedBytes()));
    print("reserved  " + Texts.size(stat.getReservedBytes()));
    print("removed   " + Texts.size(stat.getRemovedBytes()));
    print("kept warm " + Texts.size(stat.getWarmBytes()));
    print("metadata  " + Texts.size(stat.getMetadataBytes()));
    print("pages     " + (stat.getHugePages() ? "huge" : "4 KiB"));
    print("numa      " + stat.getNumaPolicy());
    stat.getLimitationsList().forEach(this::print);
    final Table table =
        new Table("ID", "NAME", ">HUGE", ">SMALL", ">LAYER", ">IMAGE", ">USES", "LAID OUT");
    for (final StoredSnapshot snapshot : stat.getSnapshotsList()) {
      table.add(
          snapshot.getId(),
          snapshot.getName().isEmpty() ? "-" : snapshot.getName(),
          Texts.size(snapshot.getHugeBytes()),
          Texts.size(snapshot.getSmallBytes()),
          Texts.size(snapshot.getLayerBytes()),
          Texts.size(snapshot.getImageBytes()),
          Integer.toString(snapshot.getUses()),
          snapshot.getLaidOut() ? "anew" : "as taken");
    }
    table.print(console().out());
  }
}
