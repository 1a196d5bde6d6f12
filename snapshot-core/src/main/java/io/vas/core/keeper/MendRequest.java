package io.vas.core.keeper;

import static io.vas.core.keeper.KeeperProtocolDescriptor.CHANGE_KIND_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.CHANGE_LENGTH;
import static io.vas.core.keeper.KeeperProtocolDescriptor.CHANGE_PATH_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_END_KIND_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_END_LENGTH;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_END_TID_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_RUN_FILE_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_RUN_KIND_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_RUN_LENGTH;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_RUN_LENGTH_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_RUN_OFFSET_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_RUN_START_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_TASK_LENGTH;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_TASK_MASK_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_TASK_REGISTERS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_TASK_TID_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_TASK_XSTATE_LENGTH_OFFSET;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.RawText;
import io.vas.core.program.Program;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import org.agrona.BitUtil;
import org.agrona.DirectBuffer;
import org.agrona.ExpandableArrayBuffer;

/** What a paused instance is to be: tasks, pages, and a program that mends the rest. */
public final class MendRequest {
  /** Of runs that lie in no file. */
  public static final int NO_FILE = -1;

  /** What pages are to be. */
  public enum Kind {
    /** The bytes of a file. */
    STORED(KeeperProtocolDescriptor.MEND_STORED),
    /** Zeros, as is what the file has there, if there is one. */
    ZERO(KeeperProtocolDescriptor.MEND_ZERO),
    /** What the mapping's own file shows. */
    MAPPED(KeeperProtocolDescriptor.MEND_MAPPED),
    /** Guard pages. */
    GUARD(KeeperProtocolDescriptor.MEND_GUARD);

    private final int number;

    Kind(final int number) {
      this.number = number;
    }
  }

  final long instance;
  final List<Fd> files;
  final ExpandableArrayBuffer table = new ExpandableArrayBuffer(65536);
  int taskOffset;
  int taskCount;
  int endOffset;
  int endCount;
  int runOffset;
  int runCount;
  Optional<Program> program = Optional.empty();
  int programOffset;
  long area;
  int changeOffset;
  int changeCount;
  int root;
  Optional<Fd> wantedRoot = Optional.empty();
  boolean stays;
  int faultStage;
  int knownOffset;
  private int length = Long.BYTES;

  /**
   * A mend.
   *
   * @param instance its id.
   * @param files that {@link #runs} refer to by their places in this list, eight less than {@link
   *     KeeperProtocolDescriptor#MESSAGE_FDS_MAX} at most.
   */
  public MendRequest(final long instance, final List<Fd> files) {
    this.instance = instance;
    this.files = List.copyOf(files);
  }

  /**
   * A thread, as it is to go on.
   *
   * @param tid as the keeper sees it.
   * @param registers struct user_regs_struct.
   * @param xstate XSAVE area in the standard format.
   * @param mask blocked signals.
   */
  public record Task(int tid, ByteString registers, ByteString xstate, long mask) {}

  /**
   * A task that is not to be there.
   *
   * @param tid as the keeper sees it.
   * @param isProcess whether it is another process, with all its threads, not a thread of the first
   *     one.
   */
  public record End(int tid, boolean isProcess) {}

  /**
   * Pages that are to be of one kind.
   *
   * @param start address of the first.
   * @param bytes length.
   * @param kind what they are to be.
   * @param file where that lies, or {@link #NO_FILE}.
   * @param offset in the file.
   */
  public record Run(long start, long bytes, Kind kind, int file, long offset) {}

  /**
   * Files that are to be what they are in the snapshot.
   *
   * @param changes in the order in which they are made.
   * @param keptRoot which kept descriptor of the instance is its root directory.
   * @return this.
   */
  public MendRequest changes(final List<FileChange> changes, final int keptRoot) {
    int text = length + changes.size() * CHANGE_LENGTH;
    changeOffset = length;
    changeCount = changes.size();
    root = keptRoot;
    for (final FileChange change : changes) {
      final byte[] path = RawText.encode(change.path());
      table.putInt(length + CHANGE_KIND_OFFSET, change.kind().number(), LITTLE_ENDIAN);
      table.putInt(length + CHANGE_PATH_OFFSET, text, LITTLE_ENDIAN);
      table.putBytes(text, path);
      table.putByte(text + path.length, (byte) 0);
      length += CHANGE_LENGTH;
      text += path.length + 1;
    }
    length = BitUtil.align(text, Long.BYTES);
    table.checkLimit(length);
    return this;
  }

  /**
   * Where these files are found.
   *
   * @param directory the root directory that the snapshot's forks begin with; stays the caller's.
   *     Empty if no file is to be changed.
   * @return this.
   */
  public MendRequest wantedRoot(final Optional<Fd> directory) {
    wantedRoot = changeCount > 0 ? directory : Optional.empty();
    return this;
  }

  /**
   * All threads.
   *
   * @param tasks that the instance has.
   * @return this.
   */
  public MendRequest tasks(final List<Task> tasks) {
    taskOffset = length;
    taskCount = tasks.size();
    for (final Task task : tasks) {
      final int padded = BitUtil.align(task.xstate().size(), Long.BYTES);
      table.putInt(length + MEND_TASK_TID_OFFSET, task.tid(), LITTLE_ENDIAN);
      table.putInt(length + MEND_TASK_XSTATE_LENGTH_OFFSET, padded, LITTLE_ENDIAN);
      table.putLong(length + MEND_TASK_MASK_OFFSET, task.mask(), LITTLE_ENDIAN);
      table.putBytes(length + MEND_TASK_REGISTERS_OFFSET, task.registers().toByteArray());
      table.putBytes(length + MEND_TASK_LENGTH, task.xstate().toByteArray());
      length += MEND_TASK_LENGTH + padded;
      table.checkLimit(length);
    }
    return this;
  }

  /**
   * All threads and processes that are not to be there. They end before all else is mended.
   *
   * @param ends of the tasks that the instance has besides {@link #tasks}.
   * @return this.
   */
  public MendRequest ends(final List<End> ends) {
    endOffset = length;
    endCount = ends.size();
    for (final End end : ends) {
      table.putInt(length + MEND_END_TID_OFFSET, end.tid(), LITTLE_ENDIAN);
      table.putInt(
          length + MEND_END_KIND_OFFSET,
          end.isProcess() ? KeeperProtocolDescriptor.MEND_KILL : KeeperProtocolDescriptor.MEND_EXIT,
          LITTLE_ENDIAN);
      length += MEND_END_LENGTH;
      table.checkLimit(length);
    }
    return this;
  }

  /**
   * Every page of every private mapping.
   *
   * @param runs in the order of their addresses.
   * @return this.
   */
  public MendRequest runs(final List<Run> runs) {
    runOffset = length;
    runCount = runs.size();
    for (final Run run : runs) {
      table.putLong(length + MEND_RUN_START_OFFSET, run.start(), LITTLE_ENDIAN);
      table.putLong(length + MEND_RUN_LENGTH_OFFSET, run.bytes(), LITTLE_ENDIAN);
      table.putLong(length + MEND_RUN_OFFSET_OFFSET, run.offset(), LITTLE_ENDIAN);
      table.putInt(length + MEND_RUN_FILE_OFFSET, run.file(), LITTLE_ENDIAN);
      table.putInt(length + MEND_RUN_KIND_OFFSET, run.kind().number, LITTLE_ENDIAN);
      length += MEND_RUN_LENGTH;
    }
    return this;
  }

  /**
   * What is run in the first thread before pages are written.
   *
   * @param mending ends in {@link io.vas.core.program.ProgramBuilder#end}.
   * @param address where it may lie: free before and after it.
   * @return this.
   */
  public MendRequest program(final Program mending, final long address) {
    length = BitUtil.align(length, Long.BYTES);
    programOffset = length;
    mending.writeTo(table, length);
    length += mending.length();
    program = Optional.of(mending);
    area = address;
    return this;
  }

  /**
   * Whether it stands still afterwards.
   *
   * @param still whether it does.
   * @return this.
   */
  public MendRequest stays(final boolean still) {
    stays = still;
    return this;
  }

  /**
   * For tests: make a stage fail.
   *
   * @param stage which one; null: none.
   * @return this.
   */
  public MendRequest fault(final MendStage stage) {
    faultStage = stage == null ? 0 : stage.number();
    return this;
  }

  /**
   * What the instance is if all this is what is to be mended, for {@link Keeper#rollBack}.
   *
   * @param state a struct vas_known, see {@link KnownState}.
   * @return this.
   */
  public MendRequest known(final DirectBuffer state) {
    knownOffset = BitUtil.align(length, Long.BYTES);
    table.putBytes(knownOffset, state, 0, state.capacity());
    length = knownOffset + state.capacity();
    return this;
  }

  /**
   * Put the table into a file.
   *
   * @param file whose contents it becomes.
   */
  public void writeTo(final Fd file) {
    final ByteBuffer bytes = ByteBuffer.allocateDirect(length);
    table.getBytes(0, bytes, length);
    bytes.flip();
    FileIo.truncate(file, length);
    FileIo.pwrite(file, bytes, 0);
  }
}
