package io.vas.core.checkpoint;

import io.vas.core.UnsupportedException;
import io.vas.core.checkpoint.RecordFiles.RecordFile;
import io.vas.core.image.Image;
import io.vas.core.keeper.FileChange;
import io.vas.core.keeper.Imprint;
import io.vas.core.keeper.MendReply;
import io.vas.core.keeper.RecordDescriptor;
import io.vas.core.linux.Fd;
import io.vas.core.linux.ProcStat;
import io.vas.core.linux.Signals;
import io.vas.core.resource.HostFacts;
import io.vas.core.resource.PlanOutdatedException;
import io.vas.core.resource.ProcessRecord;
import io.vas.core.resource.TaskRecord;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.agrona.DirectBuffer;

/**
 * What an instance was found to be at a moment, without its pages and files. Not thread-safe, and
 * only of use while the instance stands still.
 */
public final class Inspection implements AutoCloseable {
  private final Subject instance;
  private final List<Fd> layers;
  private final Plan plan;
  private final RecordFile file;
  private final boolean isByCommonPlan;
  private final Imprint imprint;
  private final Optional<MendReply> mended;
  private final HostFacts host = new HostFacts();
  private InstanceRecord record;

  /**
   * What was found.
   *
   * @param instance of which.
   * @param layers its layers, as far as they are known, the uppermost first.
   * @param plan by which the record was made.
   * @param isByCommonPlan whether that is the plan of all instances.
   * @param file the record, which is closed with this.
   * @param imprint what there is of the keeper's in its memory.
   * @param mended what was done to it at once.
   */
  Inspection(
      final Subject instance,
      final List<Fd> layers,
      final Plan plan,
      final boolean isByCommonPlan,
      final RecordFile file,
      final Imprint imprint,
      final Optional<MendReply> mended) {
    this.instance = instance;
    this.layers = layers;
    this.plan = plan;
    this.isByCommonPlan = isByCommonPlan;
    this.file = file;
    this.imprint = imprint;
    this.mended = mended;
  }

  /**
   * Interpret its first process.
   *
   * @return an image, in which only VMAs and objects are known of memory; VMAs that map a region
   *     are what they stand for.
   * @throws UnsupportedException if it has something that can not be restored.
   * @throws PlanOutdatedException if this machine has more of something than the plan was made for.
   */
  public Image image() {
    return new Interpretation(instance, layers, Optional.empty(), record(), imprint, host)
        .imageWithoutPages();
  }

  /**
   * The numbers that the keeper has for its tasks.
   *
   * @return as the keeper numbers them, by the instance's own.
   */
  public Map<Integer, Integer> keeperTids() {
    return record().keeperTids();
  }

  /**
   * All its processes but the first, which are to be killed: they are in no image.
   *
   * @return as the keeper numbers them.
   * @throws UnsupportedException if the end of one would be told by something else than SIGCHLD.
   */
  public Set<Integer> descendants() {
    record()
        .otherProcesses()
        .forEach(
            (pid, process) -> {
              final DirectBuffer stat = process.file("stat");
              if (stat.capacity() == 0 || ProcStat.parse(stat).exitSignal() != Signals.SIGCHLD) {
                throw new UnsupportedException(
                    instance.pid(), "child process", "its end is told in a way of its own");
              }
            });
    return Set.copyOf(record().otherProcesses().keySet());
  }

  /**
   * How many processes its first will be the parent of at most, when {@link #descendants()} have
   * been killed: those, and all that have ended that nobody has waited for.
   *
   * @return 0 or more.
   */
  public int mostToWaitFor() {
    final Set<String> pids = new HashSet<>();
    for (final ProcessRecord process : record().processes()) {
      for (final TaskRecord task : process.tasks()) {
        pids.addAll(List.of(task.text(Interpretation.CHILDREN).trim().split("\\s+", -1)));
      }
    }
    pids.remove("");
    return pids.size();
  }

  /**
   * Whether its files are those that they were compared with.
   *
   * @return false if anything differs.
   */
  public boolean sameFiles() {
    return record().program().result(Checkpointer.COMPARE_FILES) == 0
        && comparedRoots() == RecordDescriptor.ROOTS_SAME;
  }

  /**
   * What was found when what is seen was compared with the snapshot's root.
   *
   * @return a {@code ROOTS_} constant of {@link RecordDescriptor}, or -errno.
   */
  public int comparedRoots() {
    return (int) record().program().result(Checkpointer.COMPARE_ROOTS);
  }

  /**
   * What would make its files those of the snapshot.
   *
   * @return in the order in which it is to be done; all if {@link #comparedRoots} is ROOTS_DIFFER.
   */
  public List<FileChange> fileChanges() {
    return record().fileChanges();
  }

  /**
   * What was found, once it has been interpreted: whoever is found so again would be interpreted as
   * the same but for the registers and what goes on counting, such as processor time, as long as
   * the instance's origin and layers stay the same.
   *
   * @param mostBytes of a longer record it is not said.
   * @return a struct vas_known; empty if it is not said or can't be told.
   */
  public Optional<DirectBuffer> known(final int mostBytes) {
    return isByCommonPlan && host.isComplete() && file.length() <= mostBytes
        ? Optional.of(
            KnownRecord.of(
                plan, instance.log(), file.memory().buffer(0, (int) file.length()), host))
        : Optional.empty();
  }

  /**
   * What was done to it at once, since it was found as it was known. Then it stands still no more.
   *
   * @return empty if nothing was done.
   */
  public Optional<MendReply> mended() {
    return mended;
  }

  private InstanceRecord record() {
    if (record == null) {
      record = new InstanceRecord(plan, file.memory(), file.length(), instance.pid());
    }
    return record;
  }

  @Override
  public void close() {
    file.close();
  }
}
