package io.vas.api.daemon;

import io.vas.api.v1.DamagedSnapshot;
import io.vas.api.v1.InstanceDetails;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.InstanceState;
import io.vas.api.v1.MemoryRange;
import io.vas.api.v1.SnapshotDetails;
import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.StoreStatReply;
import io.vas.api.v1.StoreVerifyReply;
import io.vas.api.v1.StoredSnapshot;
import io.vas.core.checkpoint.CommandPiece;
import io.vas.core.image.Image;
import io.vas.core.image.ProcessImage;
import io.vas.core.instance.Instance;
import io.vas.core.linux.Capability;
import io.vas.core.memory.MemoryPlan;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.sandbox.RunSpec;
import io.vas.store.Snapshot;
import io.vas.store.SnapshotName;
import io.vas.store.StoreStatus;
import io.vas.store.StoreVerification;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;

/** Instances and snapshots as the service tells of them. */
final class Views {
  private Views() {}

  static InstanceInfo info(final Instance instance, final boolean frozen) {
    final InstanceInfo.Builder info =
        InstanceInfo.newBuilder()
            .setId(instance.reference())
            .setName(instance.name())
            .setPid(instance.pid())
            .addAllCommand(instance.spec().command())
            .setCreatedUnixUs(micros(instance.created()))
            .setSnapshot(instance.snapshot().orElse(""))
            .setOwnerUid(instance.ownerUid())
            .setOwner(Owners.name(instance.ownerUid()));
    if (instance.state() == Instance.State.EXITED) {
      instance.ended().ifPresent(ended -> info.setEndedUnixUs(micros(ended)));
      return info.setState(InstanceState.EXITED).setExitCode(instance.exit().join()).build();
    }
    if (instance.isPaused()) {
      return info.setState(InstanceState.PAUSED).build();
    }
    return info.setState(frozen ? InstanceState.FROZEN : InstanceState.RUNNING).build();
  }

  static InstanceDetails details(final Instance instance, final boolean frozen) {
    final InstanceDetails.Builder details =
        InstanceDetails.newBuilder()
            .setInfo(info(instance, frozen))
            .setWorkingDirectory(instance.spec().workingDirectory())
            .putAllEnvironment(instance.spec().env())
            .setPrivileged(instance.spec().privileged())
            .setLog(instance.logFile().toString());
    capabilities(instance.spec())
        .forEach(capability -> details.addCapabilities(capability.capName()));
    final int pid = instance.pid();
    if (pid != 0) {
      details.setMemory(MemoryUse.of(pid));
    }
    instance.memoryPlan().ifPresent(plan -> addPlan(plan, details));
    return details.build();
  }

  private static Set<Capability> capabilities(final RunSpec spec) {
    if (spec.runAs().isPresent()) {
      return Set.of();
    }
    final Set<Capability> capabilities = EnumSet.copyOf(Capability.DOCKER_DEFAULT);
    capabilities.addAll(
        spec.privileged() ? EnumSet.allOf(Capability.class) : spec.addCapabilities());
    return capabilities;
  }

  private static void addPlan(final MemoryPlan plan, final InstanceDetails.Builder details) {
    details.setMemoryStrategy(text(plan.needsGuard() ? MemoryStrategy.MAP : MemoryStrategy.COPY));
    for (final MemoryPlan.Entry entry : plan.entries()) {
      if (!entry.runs().isEmpty()) {
        details.addRanges(
            MemoryRange.newBuilder()
                .setStart(entry.vma().getStart())
                .setBytes(entry.vma().getEnd() - entry.vma().getStart())
                .setStrategy(text(entry.strategy()))
                .setReason(entry.reason()));
      }
    }
  }

  static SnapshotInfo info(final Snapshot snapshot) {
    return SnapshotInfo.newBuilder()
        .setId(snapshot.id())
        .setName(snapshot.name().map(SnapshotName::toString).orElse(""))
        .setInstance(snapshot.instance())
        .setParent(snapshot.parent().orElse(""))
        .setCreatedUnixUs(micros(snapshot.created()))
        .setFrozenUs(snapshot.facts().frozenMicros())
        .setTotalUs(snapshot.facts().totalMicros())
        .setPages(snapshot.facts().pages())
        .setPagesCopied(snapshot.facts().pagesCopied())
        .setBytes(snapshot.space().bytes())
        .setOwnerUid(snapshot.ownerUid())
        .setOwner(Owners.name(snapshot.ownerUid()))
        .build();
  }

  static SnapshotDetails.Builder details(final Snapshot snapshot, final Image image) {
    final SnapshotDetails.Builder details =
        SnapshotDetails.newBuilder()
            .setInfo(info(snapshot))
            .addAllCommand(CommandPiece.read(image).command());
    for (final ProcessImage process : image.getProcessesList()) {
      details
          .setThreads(details.getThreads() + process.getTasksCount())
          .setDescriptors(details.getDescriptors() + process.getDescriptorsCount())
          .setVmas(details.getVmas() + process.getMemory().getVmasCount());
    }
    return details;
  }

  private static String text(final MemoryStrategy strategy) {
    return strategy.name().toLowerCase(Locale.ROOT);
  }

  private static long micros(final Instant instant) {
    return ChronoUnit.MICROS.between(Instant.EPOCH, instant);
  }

  static StoreVerifyReply verification(final StoreVerification found) {
    final StoreVerifyReply.Builder reply =
        StoreVerifyReply.newBuilder()
            .setSnapshots(found.snapshots())
            .setPages(found.pages())
            .setNewChecksums(found.newChecksums())
            .setBrokenRecords(found.brokenRecords());
    for (final StoreVerification.Damage damage : found.damaged()) {
      reply.addDamaged(
          DamagedSnapshot.newBuilder()
              .setId(damage.snapshot().id())
              .setName(damage.snapshot().name().map(SnapshotName::toString).orElse(""))
              .setDamage(damage.what()));
    }
    return reply.build();
  }

  static StoreStatReply stat(final StoreStatus status) {
    final StoreStatReply.Builder reply =
        StoreStatReply.newBuilder()
            .setBudgetBytes(status.budgetBytes())
            .setWhenFull(status.whenFull().toString())
            .setUsedBytes(status.usedBytes())
            .setReservedBytes(status.reservedBytes())
            .setRemovedBytes(status.removedBytes())
            .setWarmBytes(status.warmBytes())
            .setMetadataBytes(status.metadataBytes())
            .setHugePages(status.hugePages())
            .setNumaPolicy(status.numaPolicy())
            .setLimitedByKernel(status.limitedByKernel())
            .addAllLimitations(status.limitations());
    for (final StoreStatus.Entry entry : status.entries()) {
      reply.addSnapshots(
          StoredSnapshot.newBuilder()
              .setId(entry.id())
              .setName(entry.name().map(SnapshotName::toString).orElse(""))
              .setHugeBytes(entry.space().hugeBytes())
              .setSmallBytes(entry.space().smallBytes())
              .setLayerBytes(entry.space().layerBytes())
              .setImageBytes(entry.space().imageBytes())
              .setUses(entry.uses())
              .setLaidOut(entry.laidOut()));
    }
    return reply.build();
  }
}
