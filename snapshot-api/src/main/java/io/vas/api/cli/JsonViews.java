package io.vas.api.cli;

import io.vas.api.v1.DaemonInfo;
import io.vas.api.v1.ForkInfo;
import io.vas.api.v1.InstanceDetails;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.InstanceState;
import io.vas.api.v1.Memory;
import io.vas.api.v1.MemoryRange;
import io.vas.api.v1.RecorderInfo;
import io.vas.api.v1.RecordingEnd;
import io.vas.api.v1.RollbackInfo;
import io.vas.api.v1.SnapshotDetails;
import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.SnapshotMode;
import io.vas.api.v1.SnapshotReport;
import io.vas.api.v1.Stage;
import io.vas.api.v1.TimelineEntry;
import io.vas.api.v1.TimelinePlace;
import io.vas.api.v1.TimelineReply;
import io.vas.api.v1.Usage;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The JSON of each kind of answer. Names are a contract: they stay once they are there. */
final class JsonViews {
  private JsonViews() {}

  static Map<String, Object> instance(final InstanceInfo info) {
    final boolean exited = info.getState() == InstanceState.EXITED;
    return Json.object(
        "id", info.getId(),
        "name", info.getName(),
        "state", Texts.state(info.getState()),
        "pid", exited ? null : info.getPid(),
        "command", info.getCommandList(),
        "created", Texts.timestamp(info.getCreatedUnixUs()),
        "snapshot", orNull(info.getSnapshot()),
        "exit_code", exited ? info.getExitCode() : null,
        "ended", exited ? Texts.timestamp(info.getEndedUnixUs()) : null,
        "owner_uid", Integer.toUnsignedLong(info.getOwnerUid()),
        "owner", info.getOwner());
  }

  static Map<String, Object> snapshot(final SnapshotInfo info) {
    return Json.object(
        "id", info.getId(),
        "instance", info.getInstance(),
        "parent", orNull(info.getParent()),
        "frozen_us", info.getFrozenUs(),
        "total_us", info.getTotalUs(),
        "pages", info.getPages(),
        "pages_copied", info.getPagesCopied(),
        "bytes", info.getBytes());
  }

  static Map<String, Object> takenSnapshot(final SnapshotInfo info) {
    final SnapshotReport report = info.getReport();
    final Map<String, Object> taken = new LinkedHashMap<>(snapshot(info));
    taken.put("mode", report.getMode() == SnapshotMode.LIVE ? "live" : "stop");
    taken.put("rounds", report.getRoundPagesList());
    taken.put("delta", report.getDelta());
    taken.put("frozen_pages", report.getFrozenPages());
    taken.put("object_pages", report.getObjectPages());
    taken.put("other_frozen_us", report.getOtherFrozenUs());
    return taken;
  }

  static Map<String, Object> listedSnapshot(final SnapshotInfo info) {
    final Map<String, Object> listed = new LinkedHashMap<>();
    listed.put("id", info.getId());
    listed.put("name", orNull(info.getName()));
    listed.put("created", Texts.timestamp(info.getCreatedUnixUs()));
    snapshot(info).forEach(listed::putIfAbsent);
    listed.put("owner_uid", Integer.toUnsignedLong(info.getOwnerUid()));
    listed.put("owner", info.getOwner());
    return listed;
  }

  static Map<String, Object> fork(final ForkInfo info) {
    return Json.object(
        "id", info.getId(),
        "instance", info.getInstance(),
        "snapshot", info.getSnapshot(),
        "fork_us", info.getForkUs());
  }

  static Map<String, Object> rollback(final RollbackInfo info) {
    return Json.object(
        "instance", info.getInstance(),
        "snapshot", info.getSnapshot(),
        "frozen_us", info.getFrozenUs(),
        "pages_restored", info.getPagesRestored(),
        "in_place", info.getInPlace());
  }

  static Map<String, Object> recorder(final RecorderInfo info) {
    final boolean ended = info.getEnd() != RecordingEnd.RECORDING_END_UNSPECIFIED;
    return Json.object(
        "instance", info.getInstance(),
        "name", info.getName(),
        "state", ended ? "ended" : "recording",
        "every_us", info.getEveryUs(),
        "keep", orNull(info.getKeep()),
        "started", Texts.timestamp(info.getStartedUnixUs()),
        "taken", info.getTaken(),
        "skipped", info.getSkipped(),
        "failed", info.getFailed(),
        "removed", info.getRemoved(),
        "kept", info.getKept(),
        "kept_bytes", info.getKeptBytes(),
        "frozen_us", info.getFrozenUs(),
        "frozen_max_us", info.getFrozenMaxUs(),
        "end", ended ? endText(info.getEnd()) : null,
        "reason", orNull(info.getReason()),
        "ended", ended ? Texts.timestamp(info.getEndedUnixUs()) : null,
        "owner_uid", Integer.toUnsignedLong(info.getOwnerUid()));
  }

  private static String endText(final RecordingEnd end) {
    return switch (end) {
      case ASKED_TO_STOP -> "stopped";
      case INSTANCE_ENDED -> "instance_ended";
      case RECORDING_STORE_FULL -> "store_full";
      case SNAPSHOT_REFUSED -> "refused";
      default -> "failed";
    };
  }

  static Map<String, Object> timeline(final TimelineReply timeline) {
    final List<Object> snapshots = new ArrayList<>();
    for (final TimelineEntry entry : timeline.getSnapshotsList()) {
      final Map<String, Object> snapshot = listedSnapshot(entry.getSnapshot());
      snapshot.put("after", orNull(entry.getAfter()));
      snapshot.put("instance_name", orNull(entry.getInstanceName()));
      snapshots.add(snapshot);
    }
    final List<Object> places = new ArrayList<>();
    for (final TimelinePlace place : timeline.getPlacesList()) {
      places.add(
          Json.object(
              "instance", place.getInstance(),
              "name", place.getName(),
              "snapshot", place.getSnapshot()));
    }
    return Json.object(
        "instance", timeline.getInstance(), "snapshots", snapshots, "places", places);
  }

  static Map<String, Object> details(final InstanceDetails details) {
    final Map<String, Object> all = instance(details.getInfo());
    all.put("working_directory", details.getWorkingDirectory());
    all.put("environment", details.getEnvironmentMap());
    all.put("capabilities", details.getCapabilitiesList());
    all.put("privileged", details.getPrivileged());
    all.put("log", details.getLog());
    all.put("memory", details.hasMemory() ? memory(details.getMemory()) : null);
    all.put("usage", usage(details.getUsage()));
    all.put("recorder", details.hasRecorder() ? recorder(details.getRecorder()) : null);
    if (!details.getInfo().getSnapshot().isEmpty()) {
      all.put("fork_us", details.getForkUs());
      all.put("stages", stages(details.getStagesList()));
      all.put("memory_strategy", details.getMemoryStrategy());
      final List<Object> ranges = new ArrayList<>();
      for (final MemoryRange range : details.getRangesList()) {
        ranges.add(
            Json.object(
                "start", Texts.address(range.getStart()),
                "bytes", range.getBytes(),
                "strategy", range.getStrategy(),
                "reason", orNull(range.getReason())));
      }
      all.put("ranges", ranges);
    }
    return all;
  }

  static Map<String, Object> memory(final Memory memory) {
    return Json.object(
        "own_bytes", memory.getOwnBytes(),
        "resident_bytes", memory.getResidentBytes(),
        "page_table_bytes", memory.getPageTableBytes());
  }

  static Map<String, Object> usage(final Usage usage) {
    return Json.object(
        "cpu_us", usage.getCpuUs(),
        "processes", usage.getProcesses(),
        "tasks", usage.getTasks(),
        "snapshots", usage.getSnapshots(),
        "snapshot_bytes", usage.getSnapshotBytes());
  }

  static Map<String, Object> details(final SnapshotDetails details) {
    final Map<String, Object> all = listedSnapshot(details.getInfo());
    all.put("command", details.getCommandList());
    all.put("threads", details.getThreads());
    all.put("descriptors", details.getDescriptors());
    all.put("vmas", details.getVmas());
    all.put("forks", details.getForksList());
    all.put("stages", stages(details.getStagesList()));
    return all;
  }

  static Map<String, Object> daemon(final DaemonInfo info) {
    return Json.object(
        "version", info.getVersion(),
        "pid", info.getPid(),
        "keeper_pid", info.getKeeperPid(),
        "state_directory", info.getStateDirectory(),
        "started", Texts.timestamp(info.getStartedUnixUs()),
        "instances", info.getInstances(),
        "snapshots", info.getSnapshots(),
        "store_bytes", info.getStoreBytes(),
        "store_budget_bytes", info.getStoreBudgetBytes());
  }

  private static Map<String, Object> stages(final List<Stage> stages) {
    final Map<String, Object> view = new LinkedHashMap<>();
    stages.forEach(stage -> view.put(stage.getName() + "_us", stage.getUs()));
    return view;
  }

  private static Object orNull(final String text) {
    return text.isEmpty() ? null : text;
  }
}
