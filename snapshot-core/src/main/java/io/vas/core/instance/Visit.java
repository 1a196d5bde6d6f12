package io.vas.core.instance;

import io.vas.core.NotFoundException;
import io.vas.core.keeper.ExitStatus;
import io.vas.core.keeper.Keeper;
import io.vas.core.linux.Signals;
import java.util.concurrent.CompletableFuture;

/** A command that was put into an instance. */
public final class Visit {
  private final Keeper keeper;
  private final long id;
  private final int pid;
  private final int outerPid;
  private final CompletableFuture<ExitStatus> exit;

  Visit(
      final Keeper keeper,
      final long id,
      final int pid,
      final int outerPid,
      final CompletableFuture<ExitStatus> exit) {
    this.keeper = keeper;
    this.id = id;
    this.pid = pid;
    this.outerPid = outerPid;
    this.exit = exit;
  }

  /**
   * Its pid in the instance.
   *
   * @return a number near the highest that there can be, out of the way of the instance's.
   */
  public int pid() {
    return pid;
  }

  /**
   * Its pid outside.
   *
   * @return as the host sees it.
   */
  public int outerPid() {
    return outerPid;
  }

  /**
   * How it ends.
   *
   * @return completes when it has ended; exceptionally if the keeper is gone.
   */
  public CompletableFuture<ExitStatus> exit() {
    return exit.copy();
  }

  /**
   * Send it a signal.
   *
   * @param signal 1 to 64.
   * @throws NotFoundException if it has ended.
   */
  public void signal(final int signal) {
    keeper.signal(id, signal);
  }

  /** End it, if it has not ended yet. */
  public void kill() {
    try {
      keeper.signal(id, Signals.SIGKILL);
    } catch (final NotFoundException e) {
      // That is what was wanted.
    }
  }
}
