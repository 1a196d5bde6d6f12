package io.vas.core.checkpoint;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.keeper.RecordDescriptor;
import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.FdInfo;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.ProcMaps;
import io.vas.core.linux.ProcStat;
import io.vas.core.linux.ProcStatus;
import io.vas.core.resource.Registers;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.function.BiPredicate;
import org.agrona.BitUtil;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Tells whether two records of an instance say the same, without interpreting them. Each is good
 * for one comparison.
 */
final class RecordComparison {
  /** Of files in which something goes on counting while nothing changes. */
  private static final Map<String, BiPredicate<DirectBuffer, DirectBuffer>> COUNTING =
      Map.of(
          "stat", ProcStat::isSameState,
          "status", ProcStatus::isSameState,
          "smaps", ProcMaps::areSameMappings);

  /** Of a descriptor's file; only those of mapped files matter. */
  private static final int SIZE_AND_CTIME_OFFSET =
      RecordDescriptor.DESCRIPTOR_STATUS_OFFSET + RecordDescriptor.FILE_STATUS_SIZE_OFFSET;

  private static final int SIZE_AND_CTIME_END =
      RecordDescriptor.DESCRIPTOR_STATUS_OFFSET + RecordDescriptor.FILE_STATUS_MODE_OFFSET;

  private final Plan plan;
  private final FileStatus log;

  /** Descriptors of the log: nobody goes back to a position in it, or asks what is in it. */
  private final Set<Integer> logs = new HashSet<>();

  /**
   * A comparison.
   *
   * @param plan by which both were made.
   * @param log of the instance.
   */
  RecordComparison(final Plan plan, final FileStatus log) {
    this.plan = plan;
    this.log = log;
  }

  /**
   * Compare two records.
   *
   * @param some all of a record.
   * @param others all of another one.
   * @return whether they are the same but for registers and for what counts.
   */
  boolean isLike(final DirectBuffer some, final DirectBuffer others) {
    int i = 0;
    int j = 0;
    while (i < some.capacity() && j < others.capacity()) {
      final int length = length(some, i);
      final int otherLength = length(others, j);
      if (!isSameHeader(some, i, others, j)
          || !isLike(
              some.getInt(i + RecordDescriptor.ENTRY_TYPE_OFFSET, LITTLE_ENDIAN),
              some.getInt(i + RecordDescriptor.ENTRY_INDEX_OFFSET, LITTLE_ENDIAN),
              new UnsafeBuffer(some, i + RecordDescriptor.ENTRY_LENGTH, length),
              new UnsafeBuffer(others, j + RecordDescriptor.ENTRY_LENGTH, otherLength))) {
        return false;
      }
      i += RecordDescriptor.ENTRY_LENGTH + BitUtil.align(length, Long.BYTES);
      j += RecordDescriptor.ENTRY_LENGTH + BitUtil.align(otherLength, Long.BYTES);
    }
    return i >= some.capacity() && j >= others.capacity();
  }

  private static int length(final DirectBuffer record, final int at) {
    return record.getInt(at + RecordDescriptor.ENTRY_LENGTH_OFFSET, LITTLE_ENDIAN);
  }

  private static boolean isSameHeader(
      final DirectBuffer some, final int i, final DirectBuffer others, final int j) {
    return isSame(some, i, others, j, RecordDescriptor.ENTRY_TYPE_OFFSET)
        && isSame(some, i, others, j, RecordDescriptor.ENTRY_PID_OFFSET)
        && isSame(some, i, others, j, RecordDescriptor.ENTRY_TID_OFFSET)
        && isSame(some, i, others, j, RecordDescriptor.ENTRY_INDEX_OFFSET);
  }

  private static boolean isSame(
      final DirectBuffer some, final int i, final DirectBuffer others, final int j, final int at) {
    return some.getInt(i + at) == others.getInt(j + at);
  }

  private boolean isLike(
      final int type, final int index, final DirectBuffer some, final DirectBuffer other) {
    return switch (type) {
      case RecordDescriptor.ENTRY_PROCESS_FILE ->
          isSameFile(plan.processFiles().get(index), some, other);
      case RecordDescriptor.ENTRY_TASK_FILE -> isSameFile(plan.taskFiles().get(index), some, other);
      case RecordDescriptor.ENTRY_REGISTERS -> Registers.areSupported(other);
      case RecordDescriptor.ENTRY_XSTATE -> Registers.isSupportedState(other);
      case RecordDescriptor.ENTRY_DESCRIPTOR -> isSameDescriptor(index, some, other);
      case RecordDescriptor.ENTRY_DESCRIPTOR_INFO ->
          logs.contains(index) ? FdInfo.isSameButForPosition(some, other) : some.equals(other);
      case RecordDescriptor.ENTRY_DESCRIPTOR_PROGRAM -> logs.contains(index) || some.equals(other);
      default -> some.equals(other);
    };
  }

  private boolean isSameDescriptor(
      final int number, final DirectBuffer some, final DirectBuffer other) {
    final boolean isLog = isLog(some);
    if (isLog) {
      logs.add(number);
    }
    return some.capacity() == other.capacity()
        && isSame(some, other, 0, SIZE_AND_CTIME_OFFSET)
        && isSame(some, other, SIZE_AND_CTIME_END, RecordDescriptor.DESCRIPTOR_POSITION_OFFSET)
        && (isLog
            || isSame(
                some,
                other,
                RecordDescriptor.DESCRIPTOR_POSITION_OFFSET,
                RecordDescriptor.DESCRIPTOR_LENGTH))
        && isSame(some, other, RecordDescriptor.DESCRIPTOR_LENGTH, some.capacity());
  }

  private boolean isLog(final DirectBuffer descriptor) {
    final int status = RecordDescriptor.DESCRIPTOR_STATUS_OFFSET;
    return descriptor.getLong(status + RecordDescriptor.FILE_STATUS_INODE_OFFSET, LITTLE_ENDIAN)
            == log.inode()
        && DeviceNumber.of(
                descriptor.getLong(
                    status + RecordDescriptor.FILE_STATUS_DEVICE_OFFSET, LITTLE_ENDIAN))
            .equals(log.device());
  }

  private static boolean isSame(
      final DirectBuffer some, final DirectBuffer other, final int from, final int to) {
    return new UnsafeBuffer(some, from, to - from).equals(new UnsafeBuffer(other, from, to - from));
  }

  private static boolean isSameFile(
      final String name, final DirectBuffer some, final DirectBuffer other) {
    return COUNTING.getOrDefault(name, Object::equals).test(some, other);
  }
}
