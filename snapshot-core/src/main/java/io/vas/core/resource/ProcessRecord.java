package io.vas.core.resource;

import io.vas.core.program.ProgramResults;
import java.util.List;
import java.util.Optional;
import org.agrona.DirectBuffer;

/**
 * What was recorded of a process while it was frozen. Its buffers are views of the record: copy
 * what is to outlive the capture.
 */
public interface ProcessRecord {
  /**
   * Its number.
   *
   * @return the pid as the instance sees it.
   */
  int pid();

  /**
   * Its number outside.
   *
   * @return the pid that messages name: the host's where it is known, otherwise {@link #pid()}.
   */
  int outerPid();

  /**
   * A file that the plan asked for.
   *
   * @param name as given to {@link PlanBuilder#processFile}.
   * @return its contents; empty if it was empty or not there.
   */
  DirectBuffer file(String name);

  /**
   * A file that the plan asked for, as text.
   *
   * @param name as given to {@link PlanBuilder#processFile}.
   * @return its contents; empty if it was empty or not there.
   */
  String text(String name);

  /**
   * A link that the plan asked for.
   *
   * @param name as given to {@link PlanBuilder#processLink}.
   * @return where it leads; empty if it could not be read.
   */
  Optional<RecordedLink> link(String name);

  /**
   * What the process program found.
   *
   * @return its results.
   */
  ProgramResults program();

  /**
   * Signals sent to the process as a whole that wait to be delivered.
   *
   * @return siginfo_t[], in the order of delivery.
   */
  DirectBuffer pending();

  /**
   * The same signals, and what has come up to when the programs had run: timers go on while the
   * instance is frozen.
   *
   * @return siginfo_t[], in the order of delivery.
   */
  DirectBuffer pendingAfterPrograms();

  /**
   * Its tasks.
   *
   * @return the leader first.
   */
  List<TaskRecord> tasks();

  /**
   * Its descriptors.
   *
   * @return all of them, by number.
   */
  List<DescriptorRecord> descriptors();
}
