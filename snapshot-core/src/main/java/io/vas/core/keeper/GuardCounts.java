package io.vas.core.keeper;

import static io.vas.core.keeper.KeeperProtocolDescriptor.GUARD_COUNTS_CALLS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.GUARD_COUNTS_CHILDREN_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.GUARD_COUNTS_FAULTS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.GUARD_COUNTS_LENGTH;
import static io.vas.core.keeper.KeeperProtocolDescriptor.GUARD_COUNTS_ZAPS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.HELD_GUARD_COUNTS;

import io.vas.core.linux.Fd;
import io.vas.core.linux.MappedMemory;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * What the guard of a keeper has done since the keeper began, for all its instances: read from
 * memory that it shares, without asking it. Not to be used after {@link #close()}.
 */
public final class GuardCounts implements AutoCloseable {
  private final MappedMemory memory;
  private final UnsafeBuffer buffer;

  private GuardCounts(final MappedMemory memory) {
    this.memory = memory;
    this.buffer = memory.buffer();
  }

  /**
   * Finds those of a keeper.
   *
   * @param keeper whose.
   * @return its counts, to be closed; they outlive the keeper.
   */
  public static GuardCounts of(final Keeper keeper) {
    try (Fd file = keeper.take(HELD_GUARD_COUNTS)) {
      return new GuardCounts(MappedMemory.mapReadOnly(file, 0, GUARD_COUNTS_LENGTH));
    }
  }

  /**
   * Page faults that were answered: the first touch of memory of which the snapshot has no page.
   *
   * @return how many.
   */
  public long faults() {
    return buffer.getLongVolatile(GUARD_COUNTS_FAULTS_OFFSET);
  }

  /**
   * Ranges that instances have zapped, as by MADV_DONTNEED, and that were filled with zeros.
   *
   * @return how many.
   */
  public long zaps() {
    return buffer.getLongVolatile(GUARD_COUNTS_ZAPS_OFFSET);
  }

  /**
   * Children that guarded processes have forked.
   *
   * @return how many.
   */
  public long children() {
    return buffer.getLongVolatile(GUARD_COUNTS_CHILDREN_OFFSET);
  }

  /**
   * Calls of mremap and madvise that waited until the keeper had looked at them.
   *
   * @return how many.
   */
  public long calls() {
    return buffer.getLongVolatile(GUARD_COUNTS_CALLS_OFFSET);
  }

  @Override
  public void close() {
    memory.close();
  }
}
