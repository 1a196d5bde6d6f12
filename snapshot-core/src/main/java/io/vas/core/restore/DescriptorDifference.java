package io.vas.core.restore;

import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.DescriptorImage;
import io.vas.core.image.FileImage;
import io.vas.core.image.Image;
import io.vas.core.image.LimitsState;
import io.vas.core.image.Piece;
import io.vas.core.image.ProcessImage;
import io.vas.core.linux.OpenFlags;
import io.vas.core.linux.Rlimit;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import io.vas.core.resource.DescriptorResource;
import io.vas.core.resource.DescriptorRestore;
import io.vas.core.resource.Limits;
import io.vas.core.resource.Resources;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/**
 * How the numbers of an instance's open files differ from a snapshot's: which were opened, closed,
 * moved, or are to be closed on exec.
 *
 * <p>No file is lost that is kept: first each that has no number that it keeps gets one out of the
 * way; then what is wrong is closed; what was closed is opened, out of the way, too; and all go
 * where they were.
 */
final class DescriptorDifference {
  private static final String RESOURCE = "descriptors";
  private static final int F_SETFD = 2;

  private final ProgramBuilder program;
  private final Image target;
  private final Image current;
  private final KeptFiles kept;
  private final Map<Integer, DescriptorImage> before;
  private final Map<Integer, DescriptorImage> now;

  /** Where files that have no number yet wait for theirs, by their ids in the snapshot. */
  private final Map<Integer, Integer> waiting = new HashMap<>();

  /** Those that were closed and are open again. */
  private final Set<Integer> opened = new HashSet<>();

  DescriptorDifference(
      final ProgramBuilder program, final Image target, final Image current, final KeptFiles kept) {
    this.program = program;
    this.target = target;
    this.current = current;
    this.kept = kept;
    before = descriptors(target.getProcesses(0));
    now = descriptors(current.getProcesses(0));
  }

  private static Map<Integer, DescriptorImage> descriptors(final ProcessImage process) {
    final Map<Integer, DescriptorImage> descriptors = new TreeMap<>();
    process.getDescriptorsList().forEach(image -> descriptors.put(image.getNumber(), image));
    return descriptors;
  }

  /**
   * Emit the steps that mend it.
   *
   * @throws NotInPlaceException if there is more than can be mended.
   */
  void mend() throws InvalidProtocolBufferException {
    program.resource(RESOURCE);
    if (!before.keySet().stream().allMatch(this::stays)
        || !now.keySet().stream().allMatch(this::stays)) {
      if (!OpensFiles.withoutLocks(target.getProcesses(0))) {
        throw new NotInPlaceException("to close descriptors would give up its record locks");
      }
      keepOutOfTheWay();
      closeWhatIsWrong();
      openWhatWasClosed();
      putWhereTheyWere();
    }
    for (final DescriptorImage descriptor : before.values()) {
      final int number = descriptor.getNumber();
      if (stays(number) && descriptor.getCloseOnExec() != now.get(number).getCloseOnExec()) {
        program.call(
            "close descriptor " + number + " on exec",
            SystemCall.FCNTL,
            number,
            F_SETFD,
            descriptor.getCloseOnExec() ? 1 : 0);
      }
    }
  }

  /** Whether a number refers to what it did. */
  private boolean stays(final int number) {
    final DescriptorImage was = before.get(number);
    final DescriptorImage is = now.get(number);
    return was != null
        && is != null
        && kept.current(was.getFile()).filter(file -> file == is.getFile()).isPresent();
  }

  private void keepOutOfTheWay() throws InvalidProtocolBufferException {
    int next = Math.max(highest(before), highest(now)) + 1;
    for (final FileImage file : target.getFilesList()) {
      if (numbers(before, file.getId()).stream().anyMatch(this::stays)) {
        continue;
      }
      waiting.put(file.getId(), next);
      final Optional<Integer> found = kept.current(file.getId());
      if (found.isPresent()) {
        move(numbers(now, found.get()).get(0), next, true, "out of the way");
      } else if (!canBeOpenedAgain(file)) {
        throw new NotInPlaceException(
            "descriptor " + numbers(before, file.getId()) + " (" + file.getKind() + ") was closed");
      }
      next++;
    }
    if (next > limit()) {
      throw new NotInPlaceException("its limit of open files leaves no room to sort them");
    }
  }

  private static int highest(final Map<Integer, DescriptorImage> descriptors) {
    return descriptors.keySet().stream().mapToInt(number -> number).max().orElse(-1);
  }

  private static List<Integer> numbers(
      final Map<Integer, DescriptorImage> descriptors, final int file) {
    return descriptors.values().stream()
        .filter(descriptor -> descriptor.getFile() == file)
        .map(DescriptorImage::getNumber)
        .toList();
  }

  private boolean canBeOpenedAgain(final FileImage file) throws InvalidProtocolBufferException {
    return Resources.descriptor(file.getKind()).canBeOpenedAgain(file.getState(), new Opening(file))
        && OpensFiles.byPath(current.getProcesses(0));
  }

  /** Of numbers: what is to be mended of limits is mended later. */
  private long limit() throws InvalidProtocolBufferException {
    final Piece limits = OpensFiles.piece(current.getProcesses(0), Limits.KIND).orElseThrow();
    final long soft = LimitsState.parseFrom(limits.getState()).getSoft(Rlimit.NOFILE.number());
    return soft < 0 ? Long.MAX_VALUE : soft;
  }

  private void move(final int from, final int to, final boolean closeOnExec, final String where) {
    program.callExpecting(
        to,
        "descriptor " + from + " to " + to + " " + where,
        SystemCall.DUP3,
        from,
        to,
        closeOnExec ? OpenFlags.O_CLOEXEC : 0);
  }

  private void closeWhatIsWrong() {
    int first = -1;
    int last = -1;
    for (final DescriptorImage descriptor : now.values()) {
      final int number = descriptor.getNumber();
      if (stays(number)) {
        closeAll(first, last);
        first = -1;
        continue;
      }
      if (!kept.isKept(descriptor.getFile())) {
        kind(descriptor.getFile()).prepareClose(number, program);
      }
      first = first < 0 ? number : first;
      last = number;
    }
    closeAll(first, last);
  }

  /** Of a file that is open now. */
  private DescriptorResource kind(final int file) {
    return current.getFilesList().stream()
        .filter(image -> image.getId() == file)
        .map(image -> Resources.descriptor(image.getKind()))
        .findFirst()
        .orElseThrow();
  }

  private void closeAll(final int first, final int last) {
    if (first >= 0) {
      program.call(
          "close descriptors " + first + " to " + last, SystemCall.CLOSE_RANGE, first, last, 0);
    }
  }

  private void openWhatWasClosed() throws InvalidProtocolBufferException {
    for (final FileImage file : target.getFilesList()) {
      if (waiting.containsKey(file.getId()) && !isOpen(file.getId())) {
        program.resource(
            "descriptor " + numbers(before, file.getId()) + " (" + file.getLink() + ")");
        Resources.descriptor(file.getKind()).restore(file.getState(), new Opening(file));
        opened.add(file.getId());
      }
    }
    program.resource(RESOURCE);
  }

  private boolean isOpen(final int file) {
    return opened.contains(file) || kept.current(file).isPresent();
  }

  private void putWhereTheyWere() {
    for (final DescriptorImage descriptor : before.values()) {
      if (!stays(descriptor.getNumber())) {
        final Integer waits = waiting.get(descriptor.getFile());
        final int from =
            waits != null
                ? waits
                : numbers(before, descriptor.getFile()).stream()
                    .filter(this::stays)
                    .findFirst()
                    .orElseThrow();
        move(from, descriptor.getNumber(), descriptor.getCloseOnExec(), "where it was");
      }
    }
    if (!waiting.isEmpty()) {
      final int first = waiting.values().stream().mapToInt(number -> number).min().getAsInt();
      closeAll(first, first + waiting.size() - 1);
    }
  }

  /** Where a file that was closed is opened again. */
  private final class Opening implements DescriptorRestore {
    private final FileImage file;

    Opening(final FileImage file) {
      this.file = file;
    }

    @Override
    public ProgramBuilder program() {
      return program;
    }

    @Override
    public String name(final String step) {
      return "file " + file.getId() + ": " + step;
    }

    @Override
    public Image image() {
      return target;
    }

    @Override
    public ProcessImage process() {
      return target.getProcesses(0);
    }

    @Override
    public FileImage file() {
      return file;
    }

    @Override
    public List<Integer> numbers() {
      return DescriptorDifference.numbers(before, file.getId());
    }

    @Override
    public int descriptor(final int id) {
      return waiting.get(id);
    }

    /**
     * What is open was open, or is closed again: at least the numbers of all files that are made
     * together are free, so that none was opened at one out of the way.
     */
    @Override
    public void place(final int id, final Value opened) {
      final int number = descriptor(id);
      program.callExpecting(
          number, name("place file " + id), SystemCall.DUP3, opened, number, OpenFlags.O_CLOEXEC);
      program.call(name("close duplicate of file " + id), SystemCall.CLOSE, opened);
    }

    @Override
    public void claim(final int id) {
      opened.add(id);
    }

    @Override
    public boolean isMade(final int id) {
      return isOpen(id);
    }

    @Override
    public Value log() {
      throw new NotInPlaceException("the log was closed");
    }

    @Override
    public Optional<Integer> object(final long device, final long inode) {
      throw new NotInPlaceException("a file without a name was closed");
    }
  }
}
