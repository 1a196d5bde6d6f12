package io.vas.core.keeper;

import io.vas.core.program.Program;
import java.time.Duration;

/** What the keeper is to know of a new child: an instance, or a visitor of one. */
public final class SpawnRequest {
  /** Where the executor's area lies unless a request says something else. */
  public static final long DEFAULT_BASE = 0x6000_0000_0000L;

  /** Bytes of stack that a program's first task needs. */
  public static final int DEFAULT_STACK_LENGTH = 16384;

  final long id;
  final ProgramFile file;
  final Params params;
  long cloneFlags;
  Duration deadline = Duration.ofSeconds(30);
  long visited;
  long beside;
  Runnable meanwhile = () -> {};
  Program besideProgram;
  long base = DEFAULT_BASE;
  int stackLength = DEFAULT_STACK_LENGTH;
  int entry;
  int mode = KeeperProtocolDescriptor.SPAWN_EXEC;
  int pid;
  int fileRanges;

  /**
   * A child that runs a program which ends in execve.
   *
   * @param id of the child, not 0 and not used by another one that lives.
   * @param file its program.
   * @param params values of the program's parameters.
   */
  public SpawnRequest(final long id, final ProgramFile file, final Params params) {
    this.id = id;
    this.file = file;
    this.params = params;
  }

  /**
   * The namespaces it gets.
   *
   * @param flags CLONE_NEW* of clone(2).
   * @return this.
   */
  public SpawnRequest cloneFlags(final long flags) {
    cloneFlags = flags;
    return this;
  }

  /**
   * How long it may take until the child runs. 30 seconds unless this is called.
   *
   * @param time from when the keeper reads the request.
   * @return this.
   */
  public SpawnRequest deadline(final Duration time) {
    deadline = time;
    return this;
  }

  /**
   * It is a visitor: it lives in the pid namespace of an instance.
   *
   * @param instance id of the instance.
   * @param visitorPid its pid there.
   * @return this.
   */
  public SpawnRequest visits(final long instance, final int visitorPid) {
    visited = instance;
    pid = visitorPid;
    return this;
  }

  /**
   * A program that the keeper has run while the child runs its own. What it makes it sends to the
   * child: its slot 0 is the keeper's end of the child's socket.
   *
   * @param held under which number the keeper holds a file with the program.
   * @param program the same, to tell what failed.
   * @return this.
   */
  public SpawnRequest beside(final long held, final Program program) {
    beside = held;
    besideProgram = program;
    return this;
  }

  /**
   * What the caller does while the keeper is at work, in the calling thread.
   *
   * @param action which throws nothing.
   * @return this.
   */
  public SpawnRequest meanwhile(final Runnable action) {
    meanwhile = action;
    return this;
  }

  /**
   * Where the executor's area lies in it.
   *
   * @param address a multiple of the page size, where neither keeper nor program have anything.
   * @param stackBytes length of the stack area, a multiple of the page size; the first task's stack
   *     is its upper end.
   * @return this.
   */
  public SpawnRequest area(final long address, final int stackBytes) {
    base = address;
    stackLength = stackBytes;
    return this;
  }

  /**
   * Ranges of its memory map a region, but stand for private mappings of files.
   *
   * @param offset where in the program they are listed, bytes; 0 if there are none.
   * @return this.
   */
  public SpawnRequest fileRanges(final int offset) {
    fileRanges = offset;
    return this;
  }

  /**
   * The program does not end in execve: it waits for its release and ends in rt_sigreturn.
   *
   * @return this.
   */
  public SpawnRequest releases() {
    mode = KeeperProtocolDescriptor.SPAWN_RELEASE;
    return this;
  }

  /**
   * As {@link #releases()}, but it waits until it is {@link Keeper#pause paused}, and then stands
   * before its first instruction.
   *
   * @return this.
   */
  public SpawnRequest holds() {
    mode = KeeperProtocolDescriptor.SPAWN_HOLD;
    return this;
  }
}
