package io.vas.api.daemon;

import io.vas.api.record.KeepPolicy;
import io.vas.api.record.KeepPolicy.Candidate;
import io.vas.api.v1.RecorderInfo;
import io.vas.api.v1.RecordingEnd;
import io.vas.store.Snapshot;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a recorder has done, and which snapshots its policy is about: the unnamed ones of the
 * instance since the recording began, whoever took them; unless root began it, only those of who
 * did. May be used by many threads.
 */
final class Recording {
  private final KeepPolicy policy;
  private final RecorderInfo.Builder info;
  private final Map<String, Kept> kept = new LinkedHashMap<>();

  private record Kept(Candidate candidate, long bytes) {}

  /**
   * A recording.
   *
   * @param info what was asked for and, if an earlier daemon has begun it, what it has counted.
   */
  Recording(final RecorderInfo info) {
    this.policy = KeepPolicy.parse(info.getKeep());
    this.info = info.toBuilder().setKept(0).setKeptBytes(0);
  }

  synchronized RecorderInfo info() {
    return info.build();
  }

  synchronized boolean hasEnded() {
    return info.getEnd() != RecordingEnd.RECORDING_END_UNSPECIFIED;
  }

  synchronized void taken(final Snapshot snapshot) {
    final long micros = snapshot.facts().frozenMicros();
    info.setTaken(info.getTaken() + 1)
        .setFrozenUs(info.getFrozenUs() + micros)
        .setFrozenMaxUs(Math.max(info.getFrozenMaxUs(), micros));
  }

  synchronized void skipped(final long ticks) {
    info.setSkipped(info.getSkipped() + ticks);
  }

  synchronized void failed() {
    info.setFailed(info.getFailed() + 1);
  }

  synchronized void end(final RecordingEnd end, final String reason) {
    info.setEnd(end).setReason(reason).setEndedUnixUs(unixMicros(Instant.now()));
  }

  /**
   * Notes a snapshot of the instance, whoever took it.
   *
   * @param snapshot that is in the store.
   */
  synchronized void added(final Snapshot snapshot) {
    final boolean own = info.getOwnerUid() == 0 || info.getOwnerUid() == snapshot.ownerUid();
    if (own
        && snapshot.name().isEmpty()
        && unixMicros(snapshot.created()) >= info.getStartedUnixUs()) {
      final long bytes = snapshot.space().bytes();
      final Candidate candidate = new Candidate(snapshot.id(), snapshot.created(), false);
      if (kept.put(snapshot.id(), new Kept(candidate, bytes)) == null) {
        count(bytes);
      }
    }
  }

  /**
   * Notes that a snapshot was removed, whoever did it.
   *
   * @param snapshot its id; nothing happens if it is not of this recording.
   */
  synchronized void removed(final String snapshot) {
    final Kept was = kept.remove(snapshot);
    if (was != null) {
      count(-was.bytes());
    }
  }

  private void count(final long bytes) {
    info.setKept(kept.size()).setKeptBytes(info.getKeptBytes() + bytes);
  }

  /** Notes that the policy has removed one. */
  synchronized void thinned() {
    info.setRemoved(info.getRemoved() + 1);
  }

  /**
   * What the policy does not keep.
   *
   * @param needed id of the snapshot that the next one is based on; empty: none.
   * @return ids, the oldest first.
   */
  synchronized List<String> unwanted(final String needed) {
    if (policy.rules().isEmpty()) {
      return List.of();
    }
    return policy.unwanted(
        kept.values().stream().map(Kept::candidate).toList(), needed, Instant.now());
  }

  static long unixMicros(final Instant moment) {
    return ChronoUnit.MICROS.between(Instant.EPOCH, moment);
  }
}
