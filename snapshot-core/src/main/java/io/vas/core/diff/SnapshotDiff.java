package io.vas.core.diff;

import com.google.protobuf.ByteString;
import java.util.List;

/**
 * How two snapshots differ. Of what is the same in both nothing is said.
 *
 * @param processes those that differ.
 * @param files of the instances' own layers.
 */
public record SnapshotDiff(List<ProcessDiff> processes, List<Change> files) {
  /** What became of something from one snapshot to the other. */
  public enum Kind {
    /** Only the second has it. */
    ADDED,
    /** Only the first has it. */
    REMOVED,
    /** Both have it, but not the same. */
    CHANGED
  }

  /**
   * A thing that differs.
   *
   * @param kind how.
   * @param name which: a path, an address range, a number.
   * @param before what it was; empty if it was not.
   * @param after what it is; empty if it is not.
   */
  public record Change(Kind kind, String name, String before, String after) {}

  /**
   * A process that differs.
   *
   * @param pid as the instance sees it.
   * @param ranges of pages that differ, by address.
   * @param mappings that differ.
   * @param descriptors that differ.
   * @param state other state of the process that differs.
   * @param threads that differ.
   */
  public record ProcessDiff(
      int pid,
      List<Range> ranges,
      List<Change> mappings,
      List<Change> descriptors,
      List<Change> state,
      List<ThreadDiff> threads) {
    boolean isEmpty() {
      return ranges.isEmpty()
          && mappings.isEmpty()
          && descriptors.isEmpty()
          && state.isEmpty()
          && threads.isEmpty();
    }
  }

  /**
   * Pages one after the other that differ.
   *
   * @param start address of the first.
   * @param pages how many.
   * @param name of the mapping: what /proc shows, or its file.
   * @param lines of 16 bytes that differ, if they were asked for; at most 64 of a range.
   */
  public record Range(long start, long pages, String name, List<Line> lines) {}

  /**
   * Bytes that differ.
   *
   * @param address of the first.
   * @param before 16 bytes.
   * @param after 16 bytes.
   */
  public record Line(long address, ByteString before, ByteString after) {}

  /**
   * A thread that differs.
   *
   * @param tid as the instance sees it.
   * @param kind whether both have it.
   * @param registers that differ, in hexadecimal.
   * @param state other state that differs.
   */
  public record ThreadDiff(int tid, Kind kind, List<Change> registers, List<Change> state) {}
}
