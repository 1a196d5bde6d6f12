package io.vas.core.checkpoint;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.keeper.KnownState;
import io.vas.core.keeper.RecordDescriptor;
import io.vas.core.linux.CountingPart;
import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.FdInfo;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.ProcMaps;
import io.vas.core.linux.ProcStat;
import io.vas.core.linux.ProcStatus;
import io.vas.core.resource.Directories;
import io.vas.core.resource.GeneralRegisters;
import io.vas.core.resource.HostFacts;
import io.vas.core.resource.Registers;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Function;
import org.agrona.BitUtil;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Says of a record what would have to be in another one that is interpreted as the same image but
 * for its registers: all but what goes on counting.
 */
final class KnownRecord {
  private static final String OWN = "/proc/self/";

  /** Of files in which something goes on counting while nothing changes. */
  private static final Map<String, Function<DirectBuffer, List<CountingPart>>> COUNTING =
      Map.of(
          "stat", ProcStat::counting,
          "status", ProcStatus::counting,
          "smaps", ProcMaps::counting);

  private final Plan plan;
  private final FileStatus log;
  private final KnownState known = new KnownState();

  /** Descriptors of the log: nobody goes back to a position in it, or asks what is in it. */
  private final Set<Integer> logs = new HashSet<>();

  private KnownRecord(final Plan plan, final FileStatus log) {
    this.plan = plan;
    this.log = log;
  }

  /**
   * Say it.
   *
   * @param plan by which the record was made.
   * @param log of the instance.
   * @param record all of a record.
   * @param host what was looked up when it was interpreted, which is complete.
   * @return a struct vas_known.
   */
  static DirectBuffer of(
      final Plan plan, final FileStatus log, final DirectBuffer record, final HostFacts host) {
    final KnownRecord known = new KnownRecord(plan, log);
    for (int at = 0; at < record.capacity(); ) {
      at += known.entry(record, at);
    }
    host.files().forEach((path, status) -> known.known.file(outside(path), status));
    host.links().forEach((path, text) -> known.known.link(outside(path), text));
    return known.known.encoded();
  }

  /** A path as the keeper may say it, too. */
  private static String outside(final String path) {
    return path.startsWith(OWN)
        ? "/proc/" + ProcessHandle.current().pid() + "/" + path.substring(OWN.length())
        : path;
  }

  /** Returns how long it is. */
  private int entry(final DirectBuffer record, final int at) {
    final int type = record.getInt(at + RecordDescriptor.ENTRY_TYPE_OFFSET, LITTLE_ENDIAN);
    final int index = record.getInt(at + RecordDescriptor.ENTRY_INDEX_OFFSET, LITTLE_ENDIAN);
    final int length = record.getInt(at + RecordDescriptor.ENTRY_LENGTH_OFFSET, LITTLE_ENDIAN);
    known.entry(
        type,
        record.getInt(at + RecordDescriptor.ENTRY_PID_OFFSET, LITTLE_ENDIAN),
        record.getInt(at + RecordDescriptor.ENTRY_TID_OFFSET, LITTLE_ENDIAN),
        index);
    payload(type, index, new UnsafeBuffer(record, at + RecordDescriptor.ENTRY_LENGTH, length));
    return RecordDescriptor.ENTRY_LENGTH + BitUtil.align(length, Long.BYTES);
  }

  private void payload(final int type, final int index, final DirectBuffer payload) {
    switch (type) {
      case RecordDescriptor.ENTRY_PROCESS_FILE -> file(plan.processFiles().get(index), payload);
      case RecordDescriptor.ENTRY_TASK_FILE -> file(plan.taskFiles().get(index), payload);
      case RecordDescriptor.ENTRY_PROCESS_LINK -> link(plan.processLinks().get(index), payload);
      case RecordDescriptor.ENTRY_REGISTERS -> {
        known.any(GeneralRegisters.CS_OFFSET);
        known.bytes(payload, GeneralRegisters.CS_OFFSET, GeneralRegisters.EFLAGS_OFFSET);
        known.any(payload.capacity() - GeneralRegisters.EFLAGS_OFFSET);
      }
      case RecordDescriptor.ENTRY_XSTATE -> {
        known.any(Registers.COMPONENTS_OFFSET);
        known.clear(Registers.UNSUPPORTED_COMPONENTS);
        known.any(payload.capacity() - Registers.COMPONENTS_OFFSET - Long.BYTES);
      }
      case RecordDescriptor.ENTRY_DESCRIPTOR -> descriptor(index, payload);
      case RecordDescriptor.ENTRY_DESCRIPTOR_INFO ->
          text(payload, logs.contains(index) ? FdInfo.position(payload) : List.of());
      case RecordDescriptor.ENTRY_DESCRIPTOR_PROGRAM -> {
        if (logs.contains(index)) {
          known.any(payload.capacity());
        } else {
          known.bytes(payload, 0, payload.capacity());
        }
      }
      default -> known.bytes(payload, 0, payload.capacity());
    }
  }

  private void file(final String name, final DirectBuffer text) {
    text(
        text,
        text.capacity() == 0
            ? List.of()
            : Optional.ofNullable(COUNTING.get(name))
                .map(counting -> counting.apply(text))
                .orElse(List.of()));
  }

  /**
   * Of a file, at the begin of an entry, whose size and time of change do not matter, as they do of
   * mapped files. What comes behind its status is to be said next.
   */
  private void status(final DirectBuffer entry) {
    known.bytes(entry, 0, RecordDescriptor.FILE_STATUS_SIZE_OFFSET);
    known.any(RecordDescriptor.FILE_STATUS_MODE_OFFSET - RecordDescriptor.FILE_STATUS_SIZE_OFFSET);
    known.bytes(
        entry, RecordDescriptor.FILE_STATUS_MODE_OFFSET, RecordDescriptor.FILE_STATUS_LENGTH);
  }

  /** Files come and go in a directory. */
  private void link(final String name, final DirectBuffer link) {
    if (Directories.LINKS.contains(name) && link.capacity() > 0) {
      status(link);
      known.bytes(link, RecordDescriptor.FILE_STATUS_LENGTH, link.capacity());
    } else {
      known.bytes(link, 0, link.capacity());
    }
  }

  private void text(final DirectBuffer text, final List<CountingPart> counting) {
    int at = 0;
    for (final CountingPart part : counting) {
      known.bytes(text, at, part.from());
      if (part.isLine()) {
        known.line();
      } else {
        known.word();
      }
      at = part.to();
    }
    known.bytes(text, at, text.capacity());
  }

  private void descriptor(final int number, final DirectBuffer descriptor) {
    status(descriptor);
    if (isLog(descriptor)) {
      logs.add(number);
      known.bytes(
          descriptor,
          RecordDescriptor.FILE_STATUS_LENGTH,
          RecordDescriptor.DESCRIPTOR_POSITION_OFFSET);
      known.any(RecordDescriptor.DESCRIPTOR_LENGTH - RecordDescriptor.DESCRIPTOR_POSITION_OFFSET);
      known.bytes(descriptor, RecordDescriptor.DESCRIPTOR_LENGTH, descriptor.capacity());
    } else {
      known.bytes(descriptor, RecordDescriptor.FILE_STATUS_LENGTH, descriptor.capacity());
    }
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
}
