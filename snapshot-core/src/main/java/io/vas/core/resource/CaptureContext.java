package io.vas.core.resource;

import io.vas.core.UnsupportedException;
import io.vas.core.linux.Fd;
import io.vas.core.program.ProgramResults;
import io.vas.core.sandbox.ClockOffsets;
import java.util.List;
import java.util.Optional;
import org.agrona.DirectBuffer;

/** What was recorded of the instance as a whole. */
public interface CaptureContext {
  /**
   * Its processes.
   *
   * @return the root process first.
   */
  List<ProcessRecord> processes();

  /**
   * What the instance program found, in the keeper.
   *
   * @return its results.
   */
  ProgramResults program();

  /**
   * What is looked up on the host goes through this.
   *
   * @return what has been looked up for this capture.
   */
  HostFacts host();

  /**
   * What {@code recordBytes} steps of the instance program found.
   *
   * @return one buffer for each step that ran, in their order.
   */
  List<DirectBuffer> bytes();

  /**
   * Contents of a file that lives with the instance and nowhere else.
   *
   * @param status of the file.
   * @return where its contents are; empty if the file is not of that sort.
   */
  Optional<StoredObject> object(RecordedStatus status);

  /**
   * Copies of the files that the instance has changed, which lie above those of the host in its
   * root. Their paths are those in the instance; their inodes are not.
   *
   * @return directories, the uppermost first.
   */
  List<Fd> layers();

  /**
   * How far its clocks are ahead of the host's.
   *
   * @return as it was started with.
   */
  ClockOffsets clocks();

  /**
   * Whether this is only compared with a snapshot to go back to, and not restored from.
   *
   * @return true if what is not in the snapshot need not be known.
   */
  boolean isOnlyCompared();

  /**
   * Whether a file is the instance's log, which a fork has one of its own of.
   *
   * @param status of the file.
   * @return whether it is the file that the instance was given as standard output.
   */
  boolean isLog(RecordedStatus status);

  /**
   * A refusal that concerns a process, to be thrown.
   *
   * @param process who has it.
   * @param kind kind of the resource.
   * @param reason why it is refused.
   * @return the exception.
   */
  default UnsupportedException unsupported(
      final ProcessRecord process, final String kind, final String reason) {
    return new UnsupportedException(process.outerPid(), kind, reason);
  }

  /**
   * A refusal that concerns a descriptor, to be thrown.
   *
   * @param descriptor which one.
   * @param kind kind of the resource.
   * @param reason why it is refused.
   * @return the exception.
   */
  default UnsupportedException unsupported(
      final DescriptorRecord descriptor, final String kind, final String reason) {
    return new UnsupportedException(
        descriptor.process().outerPid(), descriptor.number(), kind, reason);
  }
}
