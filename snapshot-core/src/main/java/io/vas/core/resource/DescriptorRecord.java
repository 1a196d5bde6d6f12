package io.vas.core.resource;

import io.vas.core.linux.FdInfo;
import io.vas.core.program.ProgramResults;
import java.util.List;
import java.util.Optional;
import org.agrona.DirectBuffer;

/**
 * What was recorded of a descriptor while its process was frozen. What belongs to the open file
 * description is the same for all descriptors that refer to it. Its buffers are views of the
 * record: copy what is to outlive the capture.
 */
public interface DescriptorRecord {
  /**
   * The process that has it.
   *
   * @return its record.
   */
  ProcessRecord process();

  /**
   * Its number.
   *
   * @return 0 or more.
   */
  int number();

  /**
   * Where its link below /proc/PID/fd leads.
   *
   * @return a path, with {@code (deleted)} behind it if it was unlinked, or a text such as {@code
   *     socket:[1234]}.
   */
  String link();

  /**
   * The file's status.
   *
   * @return what fstat(2) told.
   */
  RecordedStatus status();

  /**
   * Which open file description it refers to.
   *
   * @return a number that is the same in all descriptors that share it.
   */
  int file();

  /**
   * The flags of the open file description.
   *
   * @return what F_GETFL told, {@code O_} bits.
   */
  int flags();

  /**
   * Whether execve closes it.
   *
   * @return FD_CLOEXEC.
   */
  boolean closeOnExec();

  /**
   * The file's position.
   *
   * @return bytes from the start, or -errno if it has none.
   */
  long position();

  /**
   * Its file below /proc/PID/fdinfo.
   *
   * @return the text.
   */
  String info();

  /**
   * Its file below /proc/PID/fdinfo, read.
   *
   * @return what it says.
   */
  FdInfo fdInfo();

  /**
   * What the rule's program found.
   *
   * @param linkPrefix as given to {@link PlanBuilder#descriptorRule}.
   * @return its results; empty if the rule does not match.
   */
  Optional<ProgramResults> program(String linkPrefix);

  /**
   * What {@code recordBytes} steps of the rules' programs found.
   *
   * @return one buffer for each step that ran, in their order.
   */
  List<DirectBuffer> bytes();

  /**
   * What {@code recordMessages} steps of the rules' programs found.
   *
   * @return all messages, in their order.
   */
  List<RecordedMessage> messages();
}
