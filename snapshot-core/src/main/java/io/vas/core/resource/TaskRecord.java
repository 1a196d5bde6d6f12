package io.vas.core.resource;

import io.vas.core.program.ProgramResults;
import org.agrona.DirectBuffer;

/**
 * What was recorded of a task while it was frozen. Its buffers are views of the record: copy what
 * is to outlive the capture.
 */
public interface TaskRecord {
  /**
   * Its number.
   *
   * @return the tid as the instance sees it.
   */
  int tid();

  /**
   * The process it belongs to.
   *
   * @return its record.
   */
  ProcessRecord process();

  /**
   * A file that the plan asked for.
   *
   * @param name as given to {@link PlanBuilder#taskFile}.
   * @return its contents; empty if it was empty or not there.
   */
  DirectBuffer file(String name);

  /**
   * A file that the plan asked for, as text.
   *
   * @param name as given to {@link PlanBuilder#taskFile}.
   * @return its contents; empty if it was empty or not there.
   */
  String text(String name);

  /**
   * Its general registers.
   *
   * @return struct user_regs_struct.
   */
  DirectBuffer registers();

  /**
   * Its other registers.
   *
   * @return the XSAVE area, in the standard (not compacted) format.
   */
  DirectBuffer xstate();

  /**
   * Its blocked signals.
   *
   * @return bit n-1 stands for signal n.
   */
  long signalMask();

  /**
   * Signals sent to this task that wait to be delivered.
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
   * Its restartable sequences.
   *
   * @return struct ptrace_rseq_configuration, zeros if it has registered none.
   */
  DirectBuffer rseq();

  /**
   * What the task program found.
   *
   * @return its results.
   */
  ProgramResults program();
}
