package io.vas.core.keeper;

import static io.vas.core.keeper.KeeperProtocolDescriptor.DROP;
import static io.vas.core.keeper.KeeperProtocolDescriptor.DROP_ALL;
import static io.vas.core.keeper.KeeperProtocolDescriptor.EXITED;
import static io.vas.core.keeper.KeeperProtocolDescriptor.EXITED_WAIT_STATUS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FREEZE;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FREEZE_BASE_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FREEZE_DEADLINE_MICROS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FREEZE_FAULT_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FREEZE_FAULT_STAGE_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FREEZE_FLAGS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FREEZE_LENGTH;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FREEZE_MODE_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FREEZE_PARAM_COUNT_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FREEZE_THREADS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FROZEN_AREA_END_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FROZEN_AREA_START_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FROZEN_ATTEMPTS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FROZEN_BASE_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FROZEN_CUT_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FROZEN_FAILED_TID_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FROZEN_FROZEN_NANOS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FROZEN_FROZEN_PAGES_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FROZEN_LENGTH;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FROZEN_OBJECT_PAGES_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FROZEN_OTHER_NANOS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FROZEN_PAGES_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FROZEN_RECORD_LENGTH_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FROZEN_ROUNDS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FROZEN_ROUND_PAGES_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FROZEN_STAGE_NANOS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FROZEN_TOTAL_NANOS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.FROZEN_TRACKED_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.HELLO;
import static io.vas.core.keeper.KeeperProtocolDescriptor.HELLO_LENGTH;
import static io.vas.core.keeper.KeeperProtocolDescriptor.HELLO_PID_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.HELLO_VERSION_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.HOLD;
import static io.vas.core.keeper.KeeperProtocolDescriptor.LIST;
import static io.vas.core.keeper.KeeperProtocolDescriptor.LISTED_BROKEN;
import static io.vas.core.keeper.KeeperProtocolDescriptor.LISTED_FLAGS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.LISTED_INSTANCE_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.LISTED_LENGTH;
import static io.vas.core.keeper.KeeperProtocolDescriptor.LISTED_PAUSED;
import static io.vas.core.keeper.KeeperProtocolDescriptor.LISTED_PID_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.LISTED_VISITED_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MENDED_FAILED_RESULT_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MENDED_FAILED_STEP_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MENDED_FROZEN_NANOS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MENDED_PAGES_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MENDED_STAGE_NANOS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_AREA_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_CHANGE_COUNT_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_END_COUNT_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_FAULT_STAGE_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_FILE_COUNT_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_FIRST_CHANGE_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_FIRST_END_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_FIRST_RUN_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_FIRST_TASK_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_LENGTH;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_PROGRAM_OFFSET_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_ROOT_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_RUN_COUNT_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_STAYS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MEND_TASK_COUNT_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MESSAGE_FDS_MAX;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MESSAGE_LENGTH;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MESSAGE_LENGTH_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MESSAGE_MAX;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MESSAGE_REQUEST_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MESSAGE_STAGE_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MESSAGE_STATUS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MESSAGE_SUBJECT_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.MESSAGE_TYPE_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.PARAM_KIND_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.PARAM_LENGTH;
import static io.vas.core.keeper.KeeperProtocolDescriptor.PARAM_SLOT_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.PARAM_VALUE_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.PAUSE;
import static io.vas.core.keeper.KeeperProtocolDescriptor.PROTOCOL_VERSION;
import static io.vas.core.keeper.KeeperProtocolDescriptor.RENAME;
import static io.vas.core.keeper.KeeperProtocolDescriptor.RENAME_ID_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.RENAME_LENGTH;
import static io.vas.core.keeper.KeeperProtocolDescriptor.REPLACE;
import static io.vas.core.keeper.KeeperProtocolDescriptor.RESUME;
import static io.vas.core.keeper.KeeperProtocolDescriptor.ROLLBACK;
import static io.vas.core.keeper.KeeperProtocolDescriptor.ROLLBACK_FIRST_KNOWN_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.ROLLBACK_FREEZE_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.ROLLBACK_LENGTH;
import static io.vas.core.keeper.KeeperProtocolDescriptor.ROLLBACK_MEND_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.ROLLBACK_TABLE_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.ROLLED_BACK_FROZEN_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.ROLLED_BACK_LENGTH;
import static io.vas.core.keeper.KeeperProtocolDescriptor.ROLLED_BACK_MENDED_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.ROLLED_BACK_WAS_KNOWN_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SHUTDOWN;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SIGNAL;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SIGNAL_LENGTH;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SIGNAL_SIGNAL_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWN;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWNED_CLONED_NANOS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWNED_FAILED_RESULT_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWNED_FAILED_STEP_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWNED_PID_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWNED_READY_NANOS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWNED_RECEIVED_NANOS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWNED_RELEASED_NANOS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWNED_STAMPS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWN_BASE_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWN_BESIDE_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWN_CLONE_FLAGS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWN_CODE_LENGTH_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWN_DEADLINE_MICROS_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWN_ENTRY_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWN_FILE_RANGES_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWN_LENGTH;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWN_MODE_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWN_PARAM_COUNT_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWN_PID_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWN_PROGRAM_LENGTH_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWN_STACK_LENGTH_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SPAWN_VISITED_OFFSET;
import static io.vas.core.keeper.KeeperProtocolDescriptor.SUCCEED;
import static io.vas.core.keeper.KeeperProtocolDescriptor.TAKE;
import static io.vas.core.keeper.KeeperProtocolDescriptor.YIELD;
import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static java.util.concurrent.TimeUnit.MILLISECONDS;

import io.vas.core.ConflictException;
import io.vas.core.DeadlineException;
import io.vas.core.NotFoundException;
import io.vas.core.UnsupportedException;
import io.vas.core.VasException;
import io.vas.core.linux.Errno;
import io.vas.core.linux.Fd;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.MemFd;
import io.vas.core.linux.OpenFlags;
import io.vas.core.linux.Pidfd;
import io.vas.core.linux.SeqPacketSocket;
import io.vas.core.program.Program;
import io.vas.natives.NativeBinaries;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.agrona.concurrent.UnsafeBuffer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The connection to a keeper. Methods may be called by many threads at once; spawns are done by the
 * keeper one after the other.
 *
 * <p>A keeper outlives its daemon and serves one connection at a time.
 */
public final class Keeper implements AutoCloseable {
  /** The name of the keeper's socket in the state directory. */
  public static final String SOCKET = "keeper.sock";

  /** The name of the keeper's log in the state directory. */
  public static final String LOG = "keeper.log";

  private static final Logger LOGGER = LoggerFactory.getLogger(Keeper.class);

  /** What an answer may take beyond a request's own deadline before the keeper counts as stuck. */
  private static final Duration PATIENCE = Duration.ofSeconds(30);

  private static final Duration START_TIME = Duration.ofSeconds(10);

  /** What its instances do may have to come to an end first. */
  private static final Duration REPLACE_TIME = Duration.ofSeconds(20);

  /** A child must not inherit a restartable sequence that the keeper's C library registered. */
  private static final String TUNABLES = "glibc.pthread.rseq=0";

  private record Answer(int status, int stage, UnsafeBuffer body, List<Fd> descriptors) {
    void closeDescriptors() {
      descriptors.forEach(Fd::close);
    }
  }

  private final SeqPacketSocket socket;
  private final Path path;
  private final UnsafeBuffer sendBuffer = new UnsafeBuffer(ByteBuffer.allocateDirect(MESSAGE_MAX));

  /** Answers to requests of a daemon that died meanwhile come, too, and must not match any. */
  private final AtomicLong requests =
      new AtomicLong(ThreadLocalRandom.current().nextLong(1, 1L << 62));

  private final Map<Long, CompletableFuture<Answer>> pending = new ConcurrentHashMap<>();
  private final Map<Long, CompletableFuture<ExitStatus>> exits = new ConcurrentHashMap<>();
  private final CompletableFuture<Void> gone = new CompletableFuture<>();
  private final AtomicBoolean closed = new AtomicBoolean();
  private final Thread reader;
  private final ExecutorService events;
  private int pid;

  private Keeper(final SeqPacketSocket socket, final Path path) {
    this.socket = socket;
    this.path = path;
    this.events =
        Executors.newSingleThreadExecutor(
            task -> {
              final Thread thread = new Thread(task, "vas-keeper-events");
              thread.setDaemon(true);
              return thread;
            });
    this.reader = new Thread(this::read, "vas-keeper-reader");
    this.reader.setDaemon(true);
  }

  /**
   * Start a keeper and connect to it.
   *
   * @param stateDirectory an existing directory of the daemon's own, where the keeper's socket and
   *     log are made.
   * @return the connection.
   * @throws KeeperException if it does not start.
   */
  public static Keeper start(final Path stateDirectory) {
    final Path socket = stateDirectory.resolve(SOCKET);
    try {
      final ProcessBuilder builder =
          new ProcessBuilder(
              NativeBinaries.keeper().toString(),
              socket.toString(),
              stateDirectory.resolve(LOG).toString());
      builder.environment().put("GLIBC_TUNABLES", TUNABLES);
      KeeperBond.bind(builder.environment());
      builder.redirectErrorStream(true);
      final Process starter = builder.start();
      starter.getOutputStream().close();
      final boolean ended = starter.waitFor(START_TIME.toMillis(), MILLISECONDS);
      if (!ended) {
        starter.destroyForcibly();
        throw new KeeperException(
            "the keeper did not start within " + START_TIME.toSeconds() + " s",
            Errno.ETIMEDOUT.number());
      }
      final String output =
          new String(starter.getInputStream().readAllBytes(), StandardCharsets.UTF_8).trim();
      if (starter.exitValue() != 0 || !output.equals("ready")) {
        throw new KeeperException("the keeper did not start: " + output, Errno.EIO.number());
      }
    } catch (final IOException e) {
      throw new KeeperException("the keeper did not start: " + e.getMessage(), e);
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new KeeperException("interrupted while the keeper was starting", e);
    }
    return connect(socket);
  }

  /**
   * Connect to a keeper that runs.
   *
   * @param socket its socket.
   * @return the connection.
   * @throws LinuxException ENOENT or ECONNREFUSED if there is none.
   * @throws KeeperException if it is of another version, and can not be replaced now.
   */
  public static Keeper connect(final Path socket) {
    final Keeper keeper = new Keeper(SeqPacketSocket.connect(socket.toString()), socket);
    try {
      keeper.reader.start();
      keeper.greet();
      return keeper;
    } catch (final RuntimeException e) {
      keeper.close();
      throw e;
    }
  }

  private void greet() {
    final int version = hello();
    if (version == PROTOCOL_VERSION) {
      return;
    }
    final String problem =
        "the keeper at " + path + " speaks version " + version + ", not " + PROTOCOL_VERSION;
    try {
      replace();
    } catch (final KeeperException e) {
      throw new KeeperException(problem + ": " + e.getMessage(), e);
    }
    if (hello() != PROTOCOL_VERSION) {
      throw new KeeperException(problem, Errno.EPROTO.number());
    }
  }

  /** The version that it speaks. */
  private int hello() {
    final UnsafeBuffer body = new UnsafeBuffer(new byte[HELLO_LENGTH]);
    body.putInt(HELLO_VERSION_OFFSET, PROTOCOL_VERSION, LITTLE_ENDIAN);
    final Answer answer = ask(HELLO, 0, body, List.of(), Duration.ZERO);
    pid = answer.body.getInt(HELLO_PID_OFFSET, LITTLE_ENDIAN);
    return answer.body.getInt(HELLO_VERSION_OFFSET, LITTLE_ENDIAN);
  }

  /**
   * Whether it runs the program that this build has.
   *
   * @return false also where that can't be told.
   */
  public boolean isOfThisBuild() {
    try {
      return Files.mismatch(Path.of("/proc", Integer.toString(pid), "exe"), NativeBinaries.keeper())
          < 0;
    } catch (final IOException e) {
      return false;
    }
  }

  /**
   * Let this build's program take over. The keeper stays the same process, with its instances and
   * what it holds; they do not notice.
   *
   * @throws KeeperException if it does not; then all is as it was.
   */
  public void replace() {
    replace(NativeBinaries.keeper());
  }

  /**
   * The same with another program.
   *
   * @param program the file of a keeper.
   * @throws KeeperException if it does not take over; then all is as it was.
   */
  void replace(final Path program) {
    try (Fd file = Fd.open(program.toString(), OpenFlags.O_RDONLY)) {
      final Answer answer = ask(REPLACE, 0, null, List.of(file), REPLACE_TIME);
      if (answer.status == -Errno.EBUSY.number()) {
        throw new KeeperException(
            "the keeper can not be replaced while an instance is paused or being snapshotted",
            Errno.EBUSY.number());
      }
      if (answer.status != 0) {
        throw new KeeperException(
            "the keeper can not be replaced by " + program + ": " + Errno.describe(-answer.status),
            -answer.status);
      }
    }
  }

  /**
   * The keeper's pid.
   *
   * @return as the host sees it.
   */
  public int pid() {
    return pid;
  }

  /**
   * Completes when the connection is gone: the keeper ended, or {@link #close()} was called.
   *
   * @return a future that never completes exceptionally.
   */
  public CompletableFuture<Void> gone() {
    return gone.copy();
  }

  /**
   * Whether this end has closed the connection, so that the keeper and its instances go on.
   *
   * @return false if the connection is there, or is gone because the keeper is.
   */
  public boolean isClosed() {
    return closed.get();
  }

  /**
   * Let the keeper keep a descriptor.
   *
   * @param id under which it does, of the caller's choice.
   * @param fd the descriptor; it stays the caller's, the keeper has a duplicate.
   * @throws ConflictException if it has one under this id.
   */
  public void hold(final long id, final Fd fd) {
    final Answer answer = ask(HOLD, id, null, List.of(fd), Duration.ZERO);
    if (answer.status == -Errno.EEXIST.number()) {
      throw new ConflictException("the keeper holds a descriptor " + id + " already");
    }
    check(answer, "hold " + id);
  }

  /**
   * Let the keeper close a descriptor that it keeps.
   *
   * @param id under which it does.
   * @throws NotFoundException if it has none.
   */
  public void drop(final long id) {
    final Answer answer = ask(DROP, id, null, List.of(), Duration.ZERO);
    checkHeld(answer, id);
  }

  /**
   * Let the keeper close all descriptors of a kind, whoever let it keep them.
   *
   * @param id whose highest byte is that of the ids in question.
   */
  public void dropAll(final long id) {
    check(ask(DROP_ALL, id, null, List.of(), Duration.ZERO), "drop all like " + id);
  }

  /**
   * Get a duplicate of a descriptor that the keeper keeps.
   *
   * @param id under which it does.
   * @return the duplicate.
   * @throws NotFoundException if it has none.
   */
  public Fd take(final long id) {
    final Answer answer = ask(TAKE, id, null, List.of(), Duration.ZERO);
    checkHeld(answer, id);
    if (answer.descriptors.size() != 1) {
      answer.closeDescriptors();
      throw new KeeperException(
          "the keeper answered with " + answer.descriptors.size() + " descriptors",
          Errno.EPROTO.number());
    }
    return answer.descriptors.get(0);
  }

  private static void checkHeld(final Answer answer, final long id) {
    if (answer.status == -Errno.ENOENT.number()) {
      throw new NotFoundException("the keeper holds no descriptor " + id);
    }
    check(answer, "held descriptor " + id);
  }

  /**
   * Start a child.
   *
   * @param request of what kind.
   * @return the child, which runs.
   * @throws SpawnException if it could not be started; nothing of it is left.
   * @throws DeadlineException if it did not run in time; nothing of it is left.
   * @throws NotFoundException if the instance that it was to visit has ended.
   */
  public SpawnReply spawn(final SpawnRequest request) {
    final List<Param> params = request.params.list();
    final UnsafeBuffer body =
        new UnsafeBuffer(new byte[SPAWN_LENGTH + params.size() * PARAM_LENGTH]);
    body.putLong(SPAWN_CLONE_FLAGS_OFFSET, request.cloneFlags, LITTLE_ENDIAN);
    body.putLong(SPAWN_DEADLINE_MICROS_OFFSET, micros(request.deadline), LITTLE_ENDIAN);
    body.putLong(SPAWN_VISITED_OFFSET, request.visited, LITTLE_ENDIAN);
    body.putLong(SPAWN_BESIDE_OFFSET, request.beside, LITTLE_ENDIAN);
    body.putLong(SPAWN_BASE_OFFSET, request.base, LITTLE_ENDIAN);
    body.putInt(SPAWN_CODE_LENGTH_OFFSET, request.file.codeLength(), LITTLE_ENDIAN);
    body.putInt(SPAWN_PROGRAM_LENGTH_OFFSET, request.file.programLength(), LITTLE_ENDIAN);
    body.putInt(SPAWN_STACK_LENGTH_OFFSET, request.stackLength, LITTLE_ENDIAN);
    body.putInt(SPAWN_ENTRY_OFFSET, request.entry, LITTLE_ENDIAN);
    body.putInt(SPAWN_MODE_OFFSET, request.mode, LITTLE_ENDIAN);
    body.putInt(SPAWN_PID_OFFSET, request.pid, LITTLE_ENDIAN);
    body.putInt(SPAWN_PARAM_COUNT_OFFSET, params.size(), LITTLE_ENDIAN);
    body.putInt(SPAWN_FILE_RANGES_OFFSET, request.fileRanges, LITTLE_ENDIAN);
    encode(params, body, SPAWN_LENGTH);
    final List<Fd> descriptors = new ArrayList<>();
    descriptors.add(request.file.fd());
    descriptors.addAll(request.params.attached());

    // Before the request is sent: a child that ends at once may be reported before the answer.
    final CompletableFuture<ExitStatus> exit = new CompletableFuture<>();
    if (exits.putIfAbsent(request.id, exit) != null) {
      throw new ConflictException("there is a child " + request.id + " already");
    }
    final UnsafeBuffer reply;
    try {
      final Answer answer =
          ask(SPAWN, request.id, body, descriptors, request.deadline, request.meanwhile);
      reply = answer.body;
      if (answer.status != 0) {
        throw spawnFailure(request, answer);
      }
    } catch (final RuntimeException e) {
      exits.remove(request.id);
      throw e;
    }
    final List<Long> stamps = new ArrayList<>();
    for (int i = 0; i < 32; i++) {
      final int offset = SPAWNED_STAMPS_OFFSET + i * 2 * Long.BYTES;
      stamps.add(
          reply.getLong(offset, LITTLE_ENDIAN) * 1_000_000_000L
              + reply.getLong(offset + Long.BYTES, LITTLE_ENDIAN));
    }
    return new SpawnReply(
        reply.getInt(SPAWNED_PID_OFFSET, LITTLE_ENDIAN),
        reply.getLong(SPAWNED_RECEIVED_NANOS_OFFSET, LITTLE_ENDIAN),
        reply.getLong(SPAWNED_CLONED_NANOS_OFFSET, LITTLE_ENDIAN),
        reply.getLong(SPAWNED_READY_NANOS_OFFSET, LITTLE_ENDIAN),
        reply.getLong(SPAWNED_RELEASED_NANOS_OFFSET, LITTLE_ENDIAN),
        stamps,
        exit);
  }

  private static VasException spawnFailure(final SpawnRequest request, final Answer answer) {
    final SpawnStage stage = SpawnStage.of(answer.stage);
    final int number = -answer.status;
    if (stage == SpawnStage.DEADLINE) {
      return new DeadlineException(
          "the time to start it, " + request.deadline.toMillis() + " ms, ran out");
    }
    if (stage == SpawnStage.PREPARE && number == Errno.ESRCH.number() && request.visited != 0) {
      return new NotFoundException("the instance has ended");
    }
    if (stage == SpawnStage.PROGRAM || stage == SpawnStage.BESIDE) {
      final Program program =
          stage == SpawnStage.PROGRAM ? request.file.program() : request.besideProgram;
      final int step = answer.body.getInt(SPAWNED_FAILED_STEP_OFFSET, LITTLE_ENDIAN);
      final long result = answer.body.getLong(SPAWNED_FAILED_RESULT_OFFSET, LITTLE_ENDIAN);
      if (step >= 0 && step < program.stepCount()) {
        return new SpawnException(
            program.describeFailure(step, result),
            number,
            stage,
            step,
            program.stepName(step),
            result);
      }
      return new SpawnException(
          "the executor could not be mapped: " + Errno.describe(number),
          number,
          stage,
          -1,
          "",
          result);
    }
    final String what =
        switch (stage) {
          case PREPARE -> "the start could not be prepared";
          case CLONE -> "the process could not be cloned";
          case GUARD -> "the guard of its memory could not be started";
          case DIED -> "it was killed while it was being started";
          default -> "it could not be started";
        };
    return new SpawnException(
        what + ": " + Errno.describe(number), number, stage, -1, "", answer.status);
  }

  /**
   * Freeze an instance, record it, and let it go on.
   *
   * @param request which one and what.
   * @return where the time went.
   * @throws FreezeException if it could not be done; the instance goes on.
   * @throws DeadlineException if it took too long; the instance goes on.
   * @throws NotFoundException if the instance has ended.
   */
  public FreezeReply freeze(final FreezeRequest request) {
    final UnsafeBuffer body =
        new UnsafeBuffer(new byte[FREEZE_LENGTH + request.params().size() * PARAM_LENGTH]);
    encode(request, body, 0);
    encode(request.params(), body, FREEZE_LENGTH);
    final Answer answer =
        ask(FREEZE, request.instance, body, request.descriptors(), request.deadline);
    if (answer.status != 0) {
      throw freezeFailure(request, answer);
    }
    return frozen(answer.body, 0);
  }

  private static void encode(
      final FreezeRequest request, final UnsafeBuffer body, final int start) {
    body.putLong(start + FREEZE_DEADLINE_MICROS_OFFSET, micros(request.deadline), LITTLE_ENDIAN);
    body.putLong(start + FREEZE_BASE_OFFSET, request.base, LITTLE_ENDIAN);
    body.putInt(start + FREEZE_PARAM_COUNT_OFFSET, request.params().size(), LITTLE_ENDIAN);
    body.putInt(start + FREEZE_FAULT_STAGE_OFFSET, request.faultStage, LITTLE_ENDIAN);
    body.putInt(start + FREEZE_FAULT_OFFSET, request.fault, LITTLE_ENDIAN);
    body.putInt(start + FREEZE_THREADS_OFFSET, request.threads, LITTLE_ENDIAN);
    body.putInt(start + FREEZE_FLAGS_OFFSET, request.flags, LITTLE_ENDIAN);
    body.putInt(start + FREEZE_MODE_OFFSET, request.mode.number(), LITTLE_ENDIAN);
  }

  private static VasException freezeFailure(final FreezeRequest request, final Answer answer) {
    final FreezeStage stage = FreezeStage.of(answer.stage);
    final int number = -answer.status;
    if (number == Errno.ETIMEDOUT.number()) {
      return new DeadlineException(
          "the instance was let go on: it was frozen for longer than "
              + request.deadline.toMillis()
              + " ms ("
              + stage
              + ")");
    }
    if (number == Errno.ESRCH.number()) {
      return new NotFoundException("the instance has ended");
    }
    return new FreezeException(
        "the instance could not be frozen (" + stage + "): " + Errno.describe(number),
        number,
        stage,
        answer.body.capacity() < FROZEN_LENGTH
            ? 0
            : answer.body.getInt(FROZEN_FAILED_TID_OFFSET, LITTLE_ENDIAN));
  }

  private static FreezeReply frozen(final UnsafeBuffer reply, final int start) {
    final Map<FreezeStage, Long> stages = new EnumMap<>(FreezeStage.class);
    for (final FreezeStage stage : FreezeStage.values()) {
      stages.put(
          stage,
          reply.getLong(
              start + FROZEN_STAGE_NANOS_OFFSET + stage.number() * Long.BYTES, LITTLE_ENDIAN));
    }
    final List<Long> rounds = new ArrayList<>();
    for (int i = 0; i < reply.getInt(start + FROZEN_ROUNDS_OFFSET, LITTLE_ENDIAN); i++) {
      rounds.add(reply.getLong(start + FROZEN_ROUND_PAGES_OFFSET + i * Long.BYTES, LITTLE_ENDIAN));
    }
    return new FreezeReply(
        reply.getLong(start + FROZEN_RECORD_LENGTH_OFFSET, LITTLE_ENDIAN),
        reply.getLong(start + FROZEN_FROZEN_NANOS_OFFSET, LITTLE_ENDIAN),
        reply.getLong(start + FROZEN_TOTAL_NANOS_OFFSET, LITTLE_ENDIAN),
        reply.getLong(start + FROZEN_PAGES_OFFSET, LITTLE_ENDIAN),
        stages,
        reply.getLong(start + FROZEN_FROZEN_PAGES_OFFSET, LITTLE_ENDIAN),
        reply.getLong(start + FROZEN_OBJECT_PAGES_OFFSET, LITTLE_ENDIAN),
        reply.getLong(start + FROZEN_OTHER_NANOS_OFFSET, LITTLE_ENDIAN),
        reply.getInt(start + FROZEN_ATTEMPTS_OFFSET, LITTLE_ENDIAN),
        rounds,
        new Imprint(
            reply.getInt(start + FROZEN_TRACKED_OFFSET, LITTLE_ENDIAN) != 0,
            reply.getLong(start + FROZEN_AREA_START_OFFSET, LITTLE_ENDIAN),
            reply.getLong(start + FROZEN_AREA_END_OFFSET, LITTLE_ENDIAN)),
        reply.getLong(start + FROZEN_CUT_OFFSET, LITTLE_ENDIAN),
        reply.getLong(start + FROZEN_BASE_OFFSET, LITTLE_ENDIAN));
  }

  /**
   * Send a signal to an instance's first task, or to a visitor.
   *
   * @param child its id.
   * @param signal 1 to 64, or 0 to learn whether it lives.
   * @throws NotFoundException if it has ended.
   */
  public void signal(final long child, final int signal) {
    final UnsafeBuffer body = new UnsafeBuffer(new byte[SIGNAL_LENGTH]);
    body.putInt(SIGNAL_SIGNAL_OFFSET, signal, LITTLE_ENDIAN);
    final Answer answer = ask(SIGNAL, child, body, List.of(), Duration.ZERO);
    if (answer.status == -Errno.ESRCH.number()) {
      throw new NotFoundException("the process has ended");
    }
    check(answer, "signal " + signal);
  }

  /**
   * Let an instance stand still until it is {@link #resume resumed}. It does not notice. One that
   * was spawned to be held is let to its first instruction before.
   *
   * @param instance its id.
   * @throws ConflictException if it is paused already.
   * @throws NotFoundException if it has ended.
   * @throws KeeperException if it can not be stopped; then it goes on.
   */
  public void pause(final long instance) {
    tell(PAUSE, instance, "it is paused already");
  }

  /**
   * Let a paused instance go on.
   *
   * @param instance its id.
   * @throws ConflictException if it is not paused.
   * @throws NotFoundException if it has ended.
   */
  public void resume(final long instance) {
    tell(RESUME, instance, "it is not paused");
  }

  /**
   * Let a paused instance stand still as by SIGSTOP, so that a debugger can trace it.
   *
   * @param instance its id.
   * @throws ConflictException if it is not paused.
   * @throws UnsupportedException if its memory is guarded: only its tracer can do that.
   * @throws NotFoundException if it has ended.
   */
  public void yieldToDebugger(final long instance) {
    tell(YIELD, instance, "it is not paused, or has been yielded");
  }

  /**
   * Put a paused instance back. Unless it is to stay, it goes on.
   *
   * @param request which, and what it is to be.
   * @return what was done.
   * @throws MendException if it could not be done; it says whether something was changed.
   * @throws NotFoundException if the instance has ended.
   */
  public MendReply mend(final MendRequest request) {
    final UnsafeBuffer body = new UnsafeBuffer(new byte[MEND_LENGTH]);
    encode(request, body, 0);
    try (Fd table = MemFd.create("vas-mend", 0, 0)) {
      request.writeTo(table);
      final List<Fd> descriptors = new ArrayList<>();
      descriptors.add(table);
      descriptors.addAll(request.files);
      request.wantedRoot.ifPresent(descriptors::add);
      final Answer answer = ask(MEND, request.instance, body, descriptors, Duration.ZERO);
      if (answer.status == -Errno.ESRCH.number()) {
        throw new NotFoundException("the instance has ended");
      }
      if (answer.status != 0) {
        throw mendFailure(request, answer, 0);
      }
      return mended(answer.body, 0);
    }
  }

  /**
   * Freeze an instance and record it, and put it back at once if it is found as it was known.
   * Otherwise it stands still, as the freeze is to keep it.
   *
   * @param freeze which, and what is recorded.
   * @param mend what it is to be, and what it is known to be.
   * @param table a file that the mend's has been {@link MendRequest#writeTo written} to.
   * @return what was found, and done.
   * @throws FreezeException if it could not be frozen; the instance goes on.
   * @throws DeadlineException if that took too long; the instance goes on.
   * @throws MendException if it could not be put back; it says whether something was changed.
   * @throws NotFoundException if the instance has ended.
   */
  public RollbackReply rollBack(
      final FreezeRequest freeze, final MendRequest mend, final Fd table) {
    final List<Fd> descriptors = new ArrayList<>(freeze.descriptors());
    final UnsafeBuffer body =
        new UnsafeBuffer(new byte[ROLLBACK_LENGTH + freeze.params().size() * PARAM_LENGTH]);
    encode(freeze, body, ROLLBACK_FREEZE_OFFSET);
    encode(mend, body, ROLLBACK_MEND_OFFSET);
    body.putInt(ROLLBACK_TABLE_OFFSET, descriptors.size(), LITTLE_ENDIAN);
    body.putInt(ROLLBACK_FIRST_KNOWN_OFFSET, mend.knownOffset, LITTLE_ENDIAN);
    encode(freeze.params(), body, ROLLBACK_LENGTH);
    descriptors.add(table);
    descriptors.addAll(mend.files);
    mend.wantedRoot.ifPresent(descriptors::add);
    final Answer answer = ask(ROLLBACK, freeze.instance, body, descriptors, freeze.deadline);
    final boolean wasKnown =
        answer.body.capacity() == ROLLED_BACK_LENGTH
            && answer.body.getInt(ROLLED_BACK_WAS_KNOWN_OFFSET, LITTLE_ENDIAN) != 0;
    if (answer.status == -Errno.ESRCH.number()) {
      throw new NotFoundException("the instance has ended");
    }
    if (answer.status != 0) {
      throw wasKnown
          ? mendFailure(mend, answer, ROLLED_BACK_MENDED_OFFSET)
          : freezeFailure(freeze, answer);
    }
    return new RollbackReply(
        frozen(answer.body, ROLLED_BACK_FROZEN_OFFSET),
        wasKnown ? Optional.of(mended(answer.body, ROLLED_BACK_MENDED_OFFSET)) : Optional.empty());
  }

  private static void encode(final MendRequest request, final UnsafeBuffer body, final int start) {
    body.putInt(start + MEND_FIRST_TASK_OFFSET, request.taskOffset, LITTLE_ENDIAN);
    body.putInt(start + MEND_TASK_COUNT_OFFSET, request.taskCount, LITTLE_ENDIAN);
    body.putInt(start + MEND_FIRST_RUN_OFFSET, request.runOffset, LITTLE_ENDIAN);
    body.putInt(start + MEND_RUN_COUNT_OFFSET, request.runCount, LITTLE_ENDIAN);
    body.putInt(start + MEND_PROGRAM_OFFSET_OFFSET, request.programOffset, LITTLE_ENDIAN);
    body.putInt(start + MEND_FAULT_STAGE_OFFSET, request.faultStage, LITTLE_ENDIAN);
    body.putLong(start + MEND_AREA_OFFSET, request.area, LITTLE_ENDIAN);
    body.putInt(start + MEND_STAYS_OFFSET, request.stays ? 1 : 0, LITTLE_ENDIAN);
    body.putInt(start + MEND_FILE_COUNT_OFFSET, request.files.size(), LITTLE_ENDIAN);
    body.putInt(start + MEND_FIRST_END_OFFSET, request.endOffset, LITTLE_ENDIAN);
    body.putInt(start + MEND_END_COUNT_OFFSET, request.endCount, LITTLE_ENDIAN);
    body.putInt(start + MEND_FIRST_CHANGE_OFFSET, request.changeOffset, LITTLE_ENDIAN);
    body.putInt(start + MEND_CHANGE_COUNT_OFFSET, request.changeCount, LITTLE_ENDIAN);
    body.putInt(start + MEND_ROOT_OFFSET, request.root, LITTLE_ENDIAN);
  }

  private static MendException mendFailure(
      final MendRequest request, final Answer answer, final int start) {
    final MendStage stage = MendStage.of(answer.stage);
    final int number = -answer.status;
    final int step = answer.body.getInt(start + MENDED_FAILED_STEP_OFFSET, LITTLE_ENDIAN);
    final long result = answer.body.getLong(start + MENDED_FAILED_RESULT_OFFSET, LITTLE_ENDIAN);
    final String reason =
        request
            .program
            .filter(program -> result != 0 && step >= 0 && step < program.stepCount())
            .map(program -> program.describeFailure(step, result))
            .orElse(Errno.describe(number));
    return new MendException(
        "it could not be put back in place (" + stage + "): " + reason, number, stage);
  }

  private static MendReply mended(final UnsafeBuffer body, final int start) {
    final Map<MendStage, Long> stages = new EnumMap<>(MendStage.class);
    for (final MendStage stage : MendStage.values()) {
      stages.put(
          stage,
          body.getLong(
              start + MENDED_STAGE_NANOS_OFFSET + stage.number() * Long.BYTES, LITTLE_ENDIAN));
    }
    return new MendReply(
        body.getLong(start + MENDED_PAGES_OFFSET, LITTLE_ENDIAN),
        body.getLong(start + MENDED_FROZEN_NANOS_OFFSET, LITTLE_ENDIAN),
        stages);
  }

  private void tell(final int type, final long instance, final String conflict) {
    final Answer answer = ask(type, instance, null, List.of(), Duration.ZERO);
    if (answer.status == -Errno.ESRCH.number()) {
      throw new NotFoundException("the instance has ended");
    }
    if (answer.status == -Errno.EALREADY.number()) {
      throw new ConflictException(conflict);
    }
    if (answer.status == -Errno.EOPNOTSUPP.number()) {
      throw new UnsupportedException("its memory is guarded, which only its tracer can do");
    }
    check(answer, "pause");
  }

  /**
   * Give a child the id of one that has ended. Its end is told under the new id.
   *
   * @param child its id.
   * @param id that no living child has.
   * @return completes when the child has ended.
   * @throws ConflictException if there is a child with this id.
   * @throws NotFoundException if it has ended.
   */
  public CompletableFuture<ExitStatus> rename(final long child, final long id) {
    final UnsafeBuffer body = new UnsafeBuffer(new byte[RENAME_LENGTH]);
    body.putLong(RENAME_ID_OFFSET, id, LITTLE_ENDIAN);
    // Under both ids, before it is asked: its end may be told under either.
    final CompletableFuture<ExitStatus> exit =
        exits.computeIfAbsent(child, old -> new CompletableFuture<>());
    if (exits.putIfAbsent(id, exit) != null) {
      throw new ConflictException("there is a child " + id);
    }
    final Answer answer = ask(RENAME, child, body, List.of(), Duration.ZERO);
    if (answer.status == 0) {
      exits.remove(child);
      return exit;
    }
    exits.remove(id);
    if (answer.status == -Errno.ESRCH.number()) {
      throw new NotFoundException("the process has ended");
    }
    check(answer, "rename " + child);
    return exit;
  }

  /**
   * Let a paused child take the place of another one, also if this process dies in the midst of
   * that: when the other one has ended by then, or does so afterwards, it goes on.
   *
   * @param child its id.
   * @param predecessor the other one's; 0: it is to stand still whatever happens.
   * @throws NotFoundException if the child has ended.
   */
  public void succeed(final long child, final long predecessor) {
    final UnsafeBuffer body = new UnsafeBuffer(new byte[RENAME_LENGTH]);
    body.putLong(RENAME_ID_OFFSET, predecessor, LITTLE_ENDIAN);
    final Answer answer = ask(SUCCEED, child, body, List.of(), Duration.ZERO);
    if (answer.status == -Errno.ESRCH.number()) {
      throw new NotFoundException("the process has ended");
    }
    check(answer, "succeed " + predecessor);
  }

  /**
   * The children that live.
   *
   * @return instances and visitors.
   */
  public List<Listed> list() {
    final Answer answer = ask(LIST, 0, null, List.of(), Duration.ZERO);
    check(answer, "list");
    final List<Listed> list = new ArrayList<>();
    for (int at = 0; at + LISTED_LENGTH <= answer.body.capacity(); at += LISTED_LENGTH) {
      final int flags = answer.body.getInt(at + LISTED_FLAGS_OFFSET, LITTLE_ENDIAN);
      list.add(
          new Listed(
              answer.body.getLong(at + LISTED_INSTANCE_OFFSET, LITTLE_ENDIAN),
              answer.body.getLong(at + LISTED_VISITED_OFFSET, LITTLE_ENDIAN),
              answer.body.getInt(at + LISTED_PID_OFFSET, LITTLE_ENDIAN),
              (flags & LISTED_PAUSED) != 0,
              (flags & LISTED_BROKEN) != 0));
    }
    return list;
  }

  /**
   * The end of a child that another connection started.
   *
   * @param child id of a child that {@link #list()} shows.
   * @return completes when it has ended; exceptionally if the keeper is gone, or if the child ended
   *     unseen.
   */
  public CompletableFuture<ExitStatus> exitOf(final long child) {
    final CompletableFuture<ExitStatus> exit =
        exits.computeIfAbsent(child, id -> new CompletableFuture<>());
    if (list().stream().noneMatch(listed -> listed.id() == child)) {
      exits.remove(child);
      exit.completeExceptionally(new NotFoundException("the process ended unseen"));
    }
    return exit;
  }

  /**
   * End the keeper, and all instances with it, and wait until they are gone. Then the connection is
   * closed.
   *
   * @throws KeeperException if it does not end.
   */
  public void shutdown() {
    try (Pidfd process = Pidfd.open(pid)) {
      try {
        ask(SHUTDOWN, 0, null, List.of(), Duration.ZERO);
      } catch (final KeeperException e) {
        if (!gone.isDone()) {
          throw e;
        }
      }
      // It is the init of a pid namespace: it has ended when all in there have.
      if (!process.awaitExit((int) PATIENCE.toMillis())) {
        throw new KeeperException(
            "the keeper, pid " + pid + ", does not end", Errno.ETIMEDOUT.number());
      }
    } catch (final LinuxException e) {
      if (e.errno() != Errno.ESRCH) {
        throw e;
      }
    } finally {
      close();
    }
    try {
      Files.deleteIfExists(path);
    } catch (final IOException e) {
      LOGGER.warn("cannot delete {}: {}", path, e.toString());
    }
  }

  /** Close the connection. The keeper and its instances go on. */
  @Override
  public void close() {
    if (!closed.compareAndSet(false, true)) {
      return;
    }
    socket.shutdown();
    boolean interrupted = false;
    while (reader.isAlive() && Thread.currentThread() != reader) {
      try {
        reader.join();
      } catch (final InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
    socket.close();
    failAll();
    events.shutdown();
  }

  // ---- messages

  private static long micros(final Duration time) {
    return Math.max(1, time.toNanos() / 1000);
  }

  private static void encode(final List<Param> params, final UnsafeBuffer body, final int start) {
    int at = start;
    for (final Param param : params) {
      body.putInt(at + PARAM_KIND_OFFSET, param.kind(), LITTLE_ENDIAN);
      body.putInt(at + PARAM_SLOT_OFFSET, param.slot(), LITTLE_ENDIAN);
      body.putLong(at + PARAM_VALUE_OFFSET, param.value(), LITTLE_ENDIAN);
      at += PARAM_LENGTH;
    }
  }

  private static void check(final Answer answer, final String what) {
    if (answer.status != 0) {
      answer.closeDescriptors();
      throw new KeeperException(
          "the keeper failed (" + what + "): " + Errno.describe(-answer.status), -answer.status);
    }
  }

  private KeeperException keeperGone(final Throwable cause) {
    return new KeeperException("the keeper is gone, and all instances with it", cause);
  }

  private Answer ask(
      final int type,
      final long subject,
      final UnsafeBuffer body,
      final List<Fd> descriptors,
      final Duration time) {
    return ask(type, subject, body, descriptors, time, () -> {});
  }

  private Answer ask(
      final int type,
      final long subject,
      final UnsafeBuffer body,
      final List<Fd> descriptors,
      final Duration time,
      final Runnable meanwhile) {
    final long request = requests.incrementAndGet();
    final CompletableFuture<Answer> future = new CompletableFuture<>();
    pending.put(request, future);
    try {
      final int length = MESSAGE_LENGTH + (body == null ? 0 : body.capacity());
      if (length > MESSAGE_MAX || descriptors.size() > MESSAGE_FDS_MAX) {
        throw new IllegalArgumentException(
            "a message has at most "
                + MESSAGE_MAX
                + " bytes and "
                + MESSAGE_FDS_MAX
                + " descriptors: "
                + length
                + " and "
                + descriptors.size());
      }
      synchronized (sendBuffer) {
        sendBuffer.putInt(MESSAGE_TYPE_OFFSET, type, LITTLE_ENDIAN);
        sendBuffer.putInt(MESSAGE_LENGTH_OFFSET, length, LITTLE_ENDIAN);
        sendBuffer.putLong(MESSAGE_REQUEST_OFFSET, request, LITTLE_ENDIAN);
        sendBuffer.putLong(MESSAGE_SUBJECT_OFFSET, subject, LITTLE_ENDIAN);
        sendBuffer.putInt(MESSAGE_STATUS_OFFSET, 0, LITTLE_ENDIAN);
        sendBuffer.putInt(MESSAGE_STAGE_OFFSET, 0, LITTLE_ENDIAN);
        if (body != null) {
          sendBuffer.putBytes(MESSAGE_LENGTH, body, 0, body.capacity());
        }
        if (closed.get()) {
          throw keeperGone(null);
        }
        try {
          socket.send(sendBuffer, 0, length, descriptors);
        } catch (final LinuxException e) {
          throw e.errno() == Errno.EPIPE || e.errno() == Errno.ECONNRESET ? keeperGone(e) : e;
        }
      }
      // The reader may have failed what was pending before this was. It may have answered as well.
      if (gone.isDone()) {
        future.completeExceptionally(new IOException("end of the connection"));
      }
      meanwhile.run();
      return future.get(time.plus(PATIENCE).toMillis(), MILLISECONDS);
    } catch (final ExecutionException e) {
      throw keeperGone(e.getCause());
    } catch (final TimeoutException e) {
      throw new KeeperException("the keeper, pid " + pid + ", does not answer", e);
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new KeeperException("interrupted while waiting for the keeper", e);
    } finally {
      pending.remove(request);
    }
  }

  private void read() {
    final UnsafeBuffer buffer = new UnsafeBuffer(ByteBuffer.allocateDirect(MESSAGE_MAX));
    try {
      while (true) {
        final SeqPacketSocket.Received received = socket.receive(buffer, 0, MESSAGE_MAX);
        if (received.isEndOfStream()) {
          break;
        }
        dispatch(buffer, received);
      }
    } catch (final RuntimeException e) {
      if (!closed.get()) {
        LOGGER.error("the connection to the keeper broke", e);
      }
    } finally {
      failAll();
    }
  }

  private void dispatch(final UnsafeBuffer buffer, final SeqPacketSocket.Received received) {
    final long request = buffer.getLong(MESSAGE_REQUEST_OFFSET, LITTLE_ENDIAN);
    if (request == 0) {
      final long subject = buffer.getLong(MESSAGE_SUBJECT_OFFSET, LITTLE_ENDIAN);
      if (buffer.getInt(MESSAGE_TYPE_OFFSET, LITTLE_ENDIAN) == EXITED) {
        final ExitStatus status =
            new ExitStatus(
                buffer.getInt(MESSAGE_LENGTH + EXITED_WAIT_STATUS_OFFSET, LITTLE_ENDIAN));
        final CompletableFuture<ExitStatus> exit = exits.remove(subject);
        if (exit != null) {
          events.execute(() -> exit.complete(status));
        }
      }
      received.close();
      return;
    }
    final byte[] body = new byte[received.length() - MESSAGE_LENGTH];
    buffer.getBytes(MESSAGE_LENGTH, body);
    final CompletableFuture<Answer> future = pending.remove(request);
    final boolean wanted =
        future != null
            && future.complete(
                new Answer(
                    buffer.getInt(MESSAGE_STATUS_OFFSET, LITTLE_ENDIAN),
                    buffer.getInt(MESSAGE_STAGE_OFFSET, LITTLE_ENDIAN),
                    new UnsafeBuffer(body),
                    received.descriptors()));
    if (!wanted) {
      received.close();
    }
  }

  private void failAll() {
    gone.complete(null);
    for (final CompletableFuture<Answer> future : List.copyOf(pending.values())) {
      future.completeExceptionally(new IOException("end of the connection"));
    }
    for (final CompletableFuture<ExitStatus> future : List.copyOf(exits.values())) {
      future.completeExceptionally(keeperGone(null));
    }
    exits.clear();
  }
}
