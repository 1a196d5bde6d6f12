package io.vas.core.keeper;

import io.vas.core.linux.Fd;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/** What the keeper is to know to freeze and record an instance. */
public final class FreezeRequest {
  final long instance;
  Fd plan;
  final Fd record;
  final Fd hugeRegion;
  final Fd smallRegion;
  final Duration deadline;
  Params params;
  int faultStage;
  int fault = KeeperProtocolDescriptor.FAULT_NONE;
  int threads;
  int flags;
  FreezeMode mode = FreezeMode.STOP;
  long base;

  /**
   * A freeze.
   *
   * @param instance its id.
   * @param plan a file that holds the plan, see {@link PlanDescriptor}.
   * @param record a file that the record is written to, see {@link RecordDescriptor}.
   * @param hugeRegion a file for pages of large runs.
   * @param smallRegion a file for pages of short runs.
   * @param deadline how long the instance may be frozen.
   */
  public FreezeRequest(
      final long instance,
      final Fd plan,
      final Fd record,
      final Fd hugeRegion,
      final Fd smallRegion,
      final Duration deadline) {
    this.instance = instance;
    this.plan = plan;
    this.record = record;
    this.hugeRegion = hugeRegion;
    this.smallRegion = smallRegion;
    this.deadline = deadline;
  }

  /**
   * The plan.
   *
   * @return its file.
   */
  public Fd plan() {
    return plan;
  }

  /**
   * For tests: go by another plan.
   *
   * @param other a file like the constructor's.
   * @return this.
   */
  public FreezeRequest plan(final Fd other) {
    plan = other;
    return this;
  }

  /**
   * Values for the parameters of the plan's instance program.
   *
   * @param values of {@link Params#forFreeze}.
   * @return this.
   */
  public FreezeRequest params(final Params values) {
    params = values;
    return this;
  }

  /**
   * How many threads copy pages.
   *
   * @param count 0: one for each processor.
   * @return this.
   */
  public FreezeRequest threads(final int count) {
    threads = count;
    return this;
  }

  /**
   * When pages are copied.
   *
   * @param how before the freeze or in it.
   * @return this.
   */
  public FreezeRequest mode(final FreezeMode how) {
    mode = how;
    return this;
  }

  /**
   * What need not be copied, if the keeper can tell it.
   *
   * @param cut {@link FreezeReply#cut()} of an earlier freeze of the instance: what has not changed
   *     since; 0: everything is copied.
   * @return this.
   */
  public FreezeRequest base(final long cut) {
    base = cut;
    return this;
  }

  /**
   * For tests: make a stage fail.
   *
   * @param stage which one.
   * @param kind one of {@link KeeperProtocolDescriptor}'s FAULT_*.
   * @return this.
   */
  public FreezeRequest fault(final FreezeStage stage, final int kind) {
    faultStage = stage.number();
    fault = kind;
    return this;
  }

  /**
   * Copy no pages, nor contents of files. The regions are not looked at.
   *
   * @return this.
   */
  public FreezeRequest recordsOnly() {
    flags |= KeeperProtocolDescriptor.FREEZE_RECORD_ONLY;
    return this;
  }

  /**
   * Let the instance stand still afterwards, as {@link Keeper#pause} does, until the deadline. One
   * that was paused before stays so in any case.
   *
   * @return this.
   */
  public FreezeRequest keeps() {
    flags |= KeeperProtocolDescriptor.FREEZE_KEEP;
    return this;
  }

  List<Param> params() {
    return params == null ? List.of() : params.list();
  }

  List<Fd> descriptors() {
    final List<Fd> descriptors = new ArrayList<>(List.of(plan, record, hugeRegion, smallRegion));
    if (params != null) {
      descriptors.addAll(params.attached());
    }
    return descriptors;
  }
}
