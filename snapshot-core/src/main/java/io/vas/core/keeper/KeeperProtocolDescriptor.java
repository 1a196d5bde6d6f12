package io.vas.core.keeper;

/**
 * The messages between daemon and keeper, twin of the first parts of {@code vas/protocol.h}.
 * Whoever changes one changes both, and {@link #PROTOCOL_VERSION}. Little endian. A message is a
 * struct vas_message and the body that belongs to its type.
 *
 * <pre>
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *
 *  vas_message
 *  +---------------------------------------------------------------+
 *  |                              type                             |
 *  +---------------------------------------------------------------+
 *  |                             length                            |
 *  +---------------------------------------------------------------+
 *  |                            request                            |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                            subject                            |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                             status                            |
 *  +---------------------------------------------------------------+
 *  |                             stage                             |
 *  +---------------------------------------------------------------+
 *
 *  vas_hello
 *  +---------------------------------------------------------------+
 *  |                            version                            |
 *  +---------------------------------------------------------------+
 *  |                              pid                              |
 *  +---------------------------------------------------------------+
 *
 *  vas_param
 *  +---------------------------------------------------------------+
 *  |                              kind                             |
 *  +---------------------------------------------------------------+
 *  |                              slot                             |
 *  +---------------------------------------------------------------+
 *  |                             value                             |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *
 *  vas_spawn
 *  +---------------------------------------------------------------+
 *  |                          clone_flags                          |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                        deadline_micros                        |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                            visited                            |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                              base                             |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                          code_length                          |
 *  +---------------------------------------------------------------+
 *  |                         program_length                        |
 *  +---------------------------------------------------------------+
 *  |                          stack_length                         |
 *  +---------------------------------------------------------------+
 *  |                             entry                             |
 *  +---------------------------------------------------------------+
 *  |                              mode                             |
 *  +---------------------------------------------------------------+
 *  |                              pid                              |
 *  +---------------------------------------------------------------+
 *  |                          param_count                          |
 *  +---------------------------------------------------------------+
 *  |                            reserved                           |
 *  +---------------------------------------------------------------+
 *
 *  vas_spawned
 *  +---------------------------------------------------------------+
 *  |                              pid                              |
 *  +---------------------------------------------------------------+
 *  |                          failed_step                          |
 *  +---------------------------------------------------------------+
 *  |                         failed_result                         |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                         received_nanos                        |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                          cloned_nanos                         |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                          ready_nanos                          |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                         released_nanos                        |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                        stamps (u64[64])                       ...
 *  +---------------------------------------------------------------+
 *
 *  vas_ready
 *  +---------------------------------------------------------------+
 *  |                             count                             |
 *  +---------------------------------------------------------------+
 *  |                    role (u32[VAS_KEPT_MAX])                   ...
 *  +---------------------------------------------------------------+
 *
 *  vas_signal
 *  +---------------------------------------------------------------+
 *  |                             signal                            |
 *  +---------------------------------------------------------------+
 *  |                            reserved                           |
 *  +---------------------------------------------------------------+
 *
 *  vas_exited
 *  +---------------------------------------------------------------+
 *  |                          wait_status                          |
 *  +---------------------------------------------------------------+
 *  |                            reserved                           |
 *  +---------------------------------------------------------------+
 *
 *  vas_listed
 *  +---------------------------------------------------------------+
 *  |                            instance                           |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                            visited                            |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                              pid                              |
 *  +---------------------------------------------------------------+
 *  |                            reserved                           |
 *  +---------------------------------------------------------------+
 *
 *  vas_guard_counts
 *  +---------------------------------------------------------------+
 *  |                             faults                            |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                              zaps                             |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                            children                           |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                             calls                             |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *
 *  vas_freeze
 *  +---------------------------------------------------------------+
 *  |                        deadline_micros                        |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                             base                              |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                          param_count                          |
 *  +---------------------------------------------------------------+
 *  |                          fault_stage                          |
 *  +---------------------------------------------------------------+
 *  |                             fault                             |
 *  +---------------------------------------------------------------+
 *  |                            threads                            |
 *  +---------------------------------------------------------------+
 *
 *  vas_frozen
 *  +---------------------------------------------------------------+
 *  |                         record_length                         |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                          frozen_nanos                         |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                          total_nanos                          |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                             pages                             |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                     stage_nanos (u64[16])                     ...
 *  +---------------------------------------------------------------+
 * </pre>
 */
public final class KeeperProtocolDescriptor {
  /** See protocol.h. */
  public static final int PROTOCOL_VERSION = 7;

  /** See protocol.h. */
  public static final int MESSAGE_MAX = 65536;

  /** See protocol.h. */
  public static final int MESSAGE_FDS_MAX = 240;

  // ---- enum vas_message_type: ---- messages ----

  /** Body: vas_hello; answered with vas_hello. */
  public static final int HELLO = 1;

  /** Keep the attached descriptor under header.subject. */
  public static final int HOLD = 2;

  /** Close what is held under header.subject. */
  public static final int DROP = 3;

  /** Answered with a copy of the descriptor held under header.subject. */
  public static final int TAKE = 4;

  /** Body: vas_spawn, vas_param[param_count]; descriptors: program, then those that params name. */
  public static final int SPAWN = 5;

  /**
   * Body: vas_freeze, vas_param[param_count]; descriptors: plan, record, regions[2], then params'.
   */
  public static final int FREEZE = 6;

  /** Body: vas_signal; to the first task of instance header.subject. */
  public static final int SIGNAL = 7;

  /** Answered with vas_listed[]. */
  public static final int LIST = 8;

  /** End all instances and exit. */
  public static final int SHUTDOWN = 9;

  /**
   * Instance header.subject stands still until it is resumed; one that is held is let to its first
   * instruction.
   */
  public static final int PAUSE = 10;

  /** It goes on. */
  public static final int RESUME = 11;

  /** A paused one stands still as by SIGSTOP instead, so that another tracer can have it. */
  public static final int YIELD = 12;

  /** Body: vas_rename; instance header.subject gets another id. */
  public static final int RENAME = 13;

  /** Close all that is held under numbers whose highest byte is header.subject's. */
  public static final int DROP_ALL = 14;

  /**
   * Body: vas_mend; descriptors: table, the files that runs name, a root; a paused instance goes
   * back.
   */
  public static final int MEND = 15;

  /**
   * Descriptor: the program of another keeper, which takes over and answers. {@link #HELLO} and
   * this one never change.
   */
  public static final int REPLACE = 16;

  /**
   * Body: vas_rename; instance header.subject goes on when that one has ended and nobody is
   * connected; 0: no.
   */
  public static final int SUCCEED = 17;

  /**
   * Body: vas_rollback, vas_param[freeze.param_count]; descriptors: as of {@link #FREEZE}, then as
   * of {@link #MEND}.
   */
  public static final int ROLLBACK = 18;

  /** Event, not asked for; body: vas_exited. */
  public static final int EXITED = 64;

  // ---- struct vas_message

  /** u32. */
  public static final int MESSAGE_TYPE_OFFSET = 0;

  /** u32: of the whole message, bytes. */
  public static final int MESSAGE_LENGTH_OFFSET = MESSAGE_TYPE_OFFSET + Integer.BYTES;

  /** u64: an answer repeats its request's number; 0 in events. */
  public static final int MESSAGE_REQUEST_OFFSET = MESSAGE_LENGTH_OFFSET + Integer.BYTES;

  /** u64: an instance's id, or a held descriptor's. */
  public static final int MESSAGE_SUBJECT_OFFSET = MESSAGE_REQUEST_OFFSET + Long.BYTES;

  /** s32: of an answer: 0, or -errno. */
  public static final int MESSAGE_STATUS_OFFSET = MESSAGE_SUBJECT_OFFSET + Long.BYTES;

  /** u32: of an answer that failed: enum vas_spawn_stage or vas_freeze_stage. */
  public static final int MESSAGE_STAGE_OFFSET = MESSAGE_STATUS_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_message. */
  public static final int MESSAGE_LENGTH = MESSAGE_STAGE_OFFSET + Integer.BYTES;

  // ---- struct vas_hello

  /** u32. */
  public static final int HELLO_VERSION_OFFSET = 0;

  /** s32: of the keeper, as the host sees it; 0 in the request. */
  public static final int HELLO_PID_OFFSET = HELLO_VERSION_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_hello. */
  public static final int HELLO_LENGTH = HELLO_PID_OFFSET + Integer.BYTES;

  // ---- enum vas_param_kind

  /** Param immediate. */
  public static final int PARAM_IMMEDIATE = 0;

  /** The number of the descriptor held under value. */
  public static final int PARAM_HELD = 1;

  /** The number of the value-th descriptor of this message. */
  public static final int PARAM_ATTACHED = 2;

  /** The child's end of its socket to the keeper. */
  public static final int PARAM_CONTROL = 3;

  /** Where the keeper's [vvar]..[vdso] begins, which a child inherits. */
  public static final int PARAM_VDSO_START = 4;

  /** Bytes. */
  public static final int PARAM_VDSO_LENGTH = 5;

  /** The value-th descriptor that the instance (for a visitor: its host) sent when ready. */
  public static final int PARAM_KEPT = 6;

  /** Of the instance's first task (for a visitor: its host's). */
  public static final int PARAM_PIDFD = 7;

  // ---- struct vas_param

  /** u32. */
  public static final int PARAM_KIND_OFFSET = 0;

  /** u32. */
  public static final int PARAM_SLOT_OFFSET = PARAM_KIND_OFFSET + Integer.BYTES;

  /** u64. */
  public static final int PARAM_VALUE_OFFSET = PARAM_SLOT_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_param. */
  public static final int PARAM_LENGTH = PARAM_VALUE_OFFSET + Long.BYTES;

  // ---- enum vas_spawn_mode

  /** The program ends in execve, which closes the control socket. */
  public static final int SPAWN_EXEC = 1;

  /** The program waits for report.release and ends in rt_sigreturn. */
  public static final int SPAWN_RELEASE = 2;

  /** The same, but it is released by VAS_PAUSE. */
  public static final int SPAWN_HOLD = 3;

  // ---- enum vas_spawn_stage

  /** Before there was a child. */
  public static final int SPAWN_PREPARE = 1;

  /** Spawn clone. */
  public static final int SPAWN_CLONE = 2;

  /** Failed_step and failed_result say where. */
  public static final int SPAWN_PROGRAM = 3;

  /** Spawn deadline. */
  public static final int SPAWN_DEADLINE = 4;

  /** Spawn guard. */
  public static final int SPAWN_GUARD = 5;

  /** The child ended without a word; status is -ECHILD. */
  public static final int SPAWN_DIED = 6;

  /** VAS_SPAWN_BESIDE. */
  public static final int SPAWN_BESIDE = 7;

  // ---- struct vas_spawn

  /** u64. */
  public static final int SPAWN_CLONE_FLAGS_OFFSET = 0;

  /** u64: from now on. */
  public static final int SPAWN_DEADLINE_MICROS_OFFSET = SPAWN_CLONE_FLAGS_OFFSET + Long.BYTES;

  /** u64: 0, or the instance whose pid namespace the child is to live in. */
  public static final int SPAWN_VISITED_OFFSET = SPAWN_DEADLINE_MICROS_OFFSET + Long.BYTES;

  /** u64: 0, or under which number a program is held that runs beside the child's. */
  public static final int SPAWN_BESIDE_OFFSET = SPAWN_VISITED_OFFSET + Long.BYTES;

  /**
   * u64: where the executor's area begins: a multiple of the page size, free in keeper and program.
   */
  public static final int SPAWN_BASE_OFFSET = SPAWN_BESIDE_OFFSET + Long.BYTES;

  /** u32: bytes of executor code at the start of the program file; a multiple of the page size. */
  public static final int SPAWN_CODE_LENGTH_OFFSET = SPAWN_BASE_OFFSET + Long.BYTES;

  /** u32: bytes of program behind it; a multiple of the page size. */
  public static final int SPAWN_PROGRAM_LENGTH_OFFSET = SPAWN_CODE_LENGTH_OFFSET + Integer.BYTES;

  /** u32: bytes; a multiple of the page size. The first task's stack is its upper end. */
  public static final int SPAWN_STACK_LENGTH_OFFSET = SPAWN_PROGRAM_LENGTH_OFFSET + Integer.BYTES;

  /** u32: first operation. */
  public static final int SPAWN_ENTRY_OFFSET = SPAWN_STACK_LENGTH_OFFSET + Integer.BYTES;

  /** u32: enum vas_spawn_mode. */
  public static final int SPAWN_MODE_OFFSET = SPAWN_ENTRY_OFFSET + Integer.BYTES;

  /** s32: the child's pid in its pid namespace, or 0. */
  public static final int SPAWN_PID_OFFSET = SPAWN_MODE_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int SPAWN_PARAM_COUNT_OFFSET = SPAWN_PID_OFFSET + Integer.BYTES;

  /** u32: where in the program a struct vas_file_ranges is; 0: nowhere. */
  public static final int SPAWN_FILE_RANGES_OFFSET = SPAWN_PARAM_COUNT_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_spawn. */
  public static final int SPAWN_LENGTH = SPAWN_FILE_RANGES_OFFSET + Integer.BYTES;

  // ---- struct vas_file_ranges

  /** u32. */
  public static final int FILE_RANGES_COUNT_OFFSET = 0;

  /** u32: which kept descriptor is the directory that paths begin at. */
  public static final int FILE_RANGES_ROOT_OFFSET = FILE_RANGES_COUNT_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_file_ranges. */
  public static final int FILE_RANGES_LENGTH = FILE_RANGES_ROOT_OFFSET + Integer.BYTES;

  // ---- struct vas_file_range

  /** u64: address. */
  public static final int FILE_RANGE_START_OFFSET = 0;

  /** u64: address. */
  public static final int FILE_RANGE_END_OFFSET = FILE_RANGE_START_OFFSET + Long.BYTES;

  /** u64: in the file. */
  public static final int FILE_RANGE_OFFSET_OFFSET = FILE_RANGE_END_OFFSET + Long.BYTES;

  /** u64: of the file, bytes. */
  public static final int FILE_RANGE_SIZE_OFFSET = FILE_RANGE_OFFSET_OFFSET + Long.BYTES;

  /** s64: of the file, nanoseconds. */
  public static final int FILE_RANGE_CTIME_NANOS_OFFSET = FILE_RANGE_SIZE_OFFSET + Long.BYTES;

  /** u32: its low bits. */
  public static final int FILE_RANGE_INODE_OFFSET = FILE_RANGE_CTIME_NANOS_OFFSET + Long.BYTES;

  /** u32: where its path is, counted from the struct vas_file_ranges on. */
  public static final int FILE_RANGE_PATH_OFFSET = FILE_RANGE_INODE_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_file_range. */
  public static final int FILE_RANGE_LENGTH = FILE_RANGE_PATH_OFFSET + Integer.BYTES;

  // ---- struct vas_spawned

  /** s32: as the host sees it. */
  public static final int SPAWNED_PID_OFFSET = 0;

  /** u32. */
  public static final int SPAWNED_FAILED_STEP_OFFSET = SPAWNED_PID_OFFSET + Integer.BYTES;

  /** s64. */
  public static final int SPAWNED_FAILED_RESULT_OFFSET = SPAWNED_FAILED_STEP_OFFSET + Integer.BYTES;

  /** u64. */
  public static final int SPAWNED_RECEIVED_NANOS_OFFSET = SPAWNED_FAILED_RESULT_OFFSET + Long.BYTES;

  /** u64. */
  public static final int SPAWNED_CLONED_NANOS_OFFSET = SPAWNED_RECEIVED_NANOS_OFFSET + Long.BYTES;

  /** u64. */
  public static final int SPAWNED_READY_NANOS_OFFSET = SPAWNED_CLONED_NANOS_OFFSET + Long.BYTES;

  /** u64. */
  public static final int SPAWNED_RELEASED_NANOS_OFFSET = SPAWNED_READY_NANOS_OFFSET + Long.BYTES;

  /** u64[64]: the report's, as the program left them. */
  public static final int SPAWNED_STAMPS_OFFSET = SPAWNED_RELEASED_NANOS_OFFSET + Long.BYTES;

  /** Bytes of a struct vas_spawned. */
  public static final int SPAWNED_LENGTH = SPAWNED_STAMPS_OFFSET + 64 * Long.BYTES;

  /**
   * What a child sends over its control socket, with descriptors, when all is done but execve or
   * the release.
   */
  public static final int KEPT_MAX = 16;

  // ---- enum vas_kept_role

  /** Kept plain. */
  public static final int KEPT_PLAIN = 0;

  /** The guard of the child's memory. */
  public static final int KEPT_USERFAULTFD = 1;

  /** The listener of the seccomp filter that goes with the guard. */
  public static final int KEPT_SECCOMP = 2;

  // ---- struct vas_ready

  /** u32. */
  public static final int READY_COUNT_OFFSET = 0;

  /** u32[KEPT_MAX]. */
  public static final int READY_ROLE_OFFSET = READY_COUNT_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_ready. */
  public static final int READY_LENGTH = READY_ROLE_OFFSET + KEPT_MAX * Integer.BYTES;

  // ---- struct vas_signal

  /** s32. */
  public static final int SIGNAL_SIGNAL_OFFSET = 0;

  /** u32. */
  public static final int SIGNAL_RESERVED_OFFSET = SIGNAL_SIGNAL_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_signal. */
  public static final int SIGNAL_LENGTH = SIGNAL_RESERVED_OFFSET + Integer.BYTES;

  // ---- struct vas_exited

  /** s32: as of wait4. */
  public static final int EXITED_WAIT_STATUS_OFFSET = 0;

  /** u32. */
  public static final int EXITED_RESERVED_OFFSET = EXITED_WAIT_STATUS_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_exited. */
  public static final int EXITED_LENGTH = EXITED_RESERVED_OFFSET + Integer.BYTES;

  // ---- struct vas_rename

  /** u64: that no other instance has. */
  public static final int RENAME_ID_OFFSET = 0;

  /** Bytes of a struct vas_rename. */
  public static final int RENAME_LENGTH = RENAME_ID_OFFSET + Long.BYTES;

  // ---- struct vas_listed

  /** Of {@link #LISTED_FLAGS_OFFSET}: it stands still without end. */
  public static final int LISTED_PAUSED = 1;

  /** Of {@link #LISTED_FLAGS_OFFSET}: a rollback has failed after its commit point. */
  public static final int LISTED_BROKEN = 2;

  /** u64. */
  public static final int LISTED_INSTANCE_OFFSET = 0;

  /** u64. */
  public static final int LISTED_VISITED_OFFSET = LISTED_INSTANCE_OFFSET + Long.BYTES;

  /** s32. */
  public static final int LISTED_PID_OFFSET = LISTED_VISITED_OFFSET + Long.BYTES;

  /** u32. */
  public static final int LISTED_FLAGS_OFFSET = LISTED_PID_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_listed. */
  public static final int LISTED_LENGTH = LISTED_FLAGS_OFFSET + Integer.BYTES;

  // ---- struct vas_guard_counts

  /** The number under which the keeper holds a memfd with a struct vas_guard_counts. */
  public static final long HELD_GUARD_COUNTS = 0x4b00000000000001L;

  /** u64: page faults answered with zeros. */
  public static final int GUARD_COUNTS_FAULTS_OFFSET = 0;

  /** u64: zapped ranges that were filled with zeros. */
  public static final int GUARD_COUNTS_ZAPS_OFFSET = GUARD_COUNTS_FAULTS_OFFSET + Long.BYTES;

  /** u64: address spaces of forked children that are guarded, too. */
  public static final int GUARD_COUNTS_CHILDREN_OFFSET = GUARD_COUNTS_ZAPS_OFFSET + Long.BYTES;

  /** u64: mremap and madvise that waited for the keeper. */
  public static final int GUARD_COUNTS_CALLS_OFFSET = GUARD_COUNTS_CHILDREN_OFFSET + Long.BYTES;

  /** Bytes of a struct vas_guard_counts. */
  public static final int GUARD_COUNTS_LENGTH = GUARD_COUNTS_CALLS_OFFSET + Long.BYTES;

  // ---- enum vas_freeze_stage: ---- freeze ----

  /** Live: layout of the pages, space made. */
  public static final int FREEZE_PREPARE = 1;

  /** Freeze seize. */
  public static final int FREEZE_SEIZE = 2;

  /** Freeze registers. */
  public static final int FREEZE_REGISTERS = 3;

  /** Freeze programs. */
  public static final int FREEZE_PROGRAMS = 4;

  /** Freeze files. */
  public static final int FREEZE_FILES = 5;

  /** Freeze descriptors. */
  public static final int FREEZE_DESCRIPTORS = 6;

  /** Freeze scan. */
  public static final int FREEZE_SCAN = 7;

  /** Freeze copy. */
  public static final int FREEZE_COPY = 8;

  /** Freeze objects. */
  public static final int FREEZE_OBJECTS = 9;

  /** Freeze instance. */
  public static final int FREEZE_INSTANCE = 10;

  /** Freeze thaw. */
  public static final int FREEZE_THAW = 11;

  /** Live mode only: the tracker is made, for which the instance stops for a moment. */
  public static final int FREEZE_TRACK = 12;

  /** Live mode only: pages are copied while the instance runs. */
  public static final int FREEZE_LIVE = 13;

  // ---- enum vas_freeze_mode

  /** All pages are copied while the instance is frozen. */
  public static final int FREEZE_MODE_STOP = 0;

  /** Most of them before, where its writes can be tracked. */
  public static final int FREEZE_MODE_LIVE = 1;

  // ---- enum vas_fault: For tests: make the given stage fail.

  /** Fault none. */
  public static final int FAULT_NONE = 0;

  /** As if a call had returned EIO. */
  public static final int FAULT_ERRNO = 1;

  /** As if the deadline had passed. */
  public static final int FAULT_DEADLINE = 2;

  /** The instance is killed. */
  public static final int FAULT_KILL = 3;

  // ---- struct vas_freeze

  /** u64: for the frozen time. */
  public static final int FREEZE_DEADLINE_MICROS_OFFSET = 0;

  /** u64: a cut: what has not changed since need not be copied; 0: everything is. */
  public static final int FREEZE_BASE_OFFSET = FREEZE_DEADLINE_MICROS_OFFSET + Long.BYTES;

  /** u32: for the plan's instance program. */
  public static final int FREEZE_PARAM_COUNT_OFFSET = FREEZE_BASE_OFFSET + Long.BYTES;

  /** u32. */
  public static final int FREEZE_FAULT_STAGE_OFFSET = FREEZE_PARAM_COUNT_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int FREEZE_FAULT_OFFSET = FREEZE_FAULT_STAGE_OFFSET + Integer.BYTES;

  /** u32: that copy pages; 0: one a processor. */
  public static final int FREEZE_THREADS_OFFSET = FREEZE_FAULT_OFFSET + Integer.BYTES;

  /** u32: FREEZE_RECORD_ONLY, FREEZE_KEEP. */
  public static final int FREEZE_FLAGS_OFFSET = FREEZE_THREADS_OFFSET + Integer.BYTES;

  /** u32: enum vas_freeze_mode. */
  public static final int FREEZE_MODE_OFFSET = FREEZE_FLAGS_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_freeze. */
  public static final int FREEZE_LENGTH = FREEZE_MODE_OFFSET + Integer.BYTES;

  /** No pages are copied, nor contents of files; the regions may be any descriptors. */
  public static final int FREEZE_RECORD_ONLY = 1;

  /** It stays paused, until the deadline at most; the frozen time is told later. */
  public static final int FREEZE_KEEP = 2;

  // ---- enum vas_mend_stage: ---- mend ----

  /** Nothing has been changed. */
  public static final int MEND_CHECK = 1;

  /** From here on it is neither what it was nor what it is to be, until all is done. */
  public static final int MEND_PROGRAM = 2;

  /** Mend pages. */
  public static final int MEND_PAGES = 3;

  /** Mend tasks. */
  public static final int MEND_TASKS = 4;

  /** Behind MEND_PROGRAM, when the tasks have ended that are to end. */
  public static final int MEND_FILES = 5;

  // ---- struct vas_mend

  /** u32: counts from the table's start. */
  public static final int MEND_FIRST_TASK_OFFSET = 0;

  /** u32. */
  public static final int MEND_TASK_COUNT_OFFSET = MEND_FIRST_TASK_OFFSET + Integer.BYTES;

  /** u32: in the order of their addresses. */
  public static final int MEND_FIRST_RUN_OFFSET = MEND_TASK_COUNT_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int MEND_RUN_COUNT_OFFSET = MEND_FIRST_RUN_OFFSET + Integer.BYTES;

  /** u32: 0: none; run in the first thread. */
  public static final int MEND_PROGRAM_OFFSET_OFFSET = MEND_RUN_COUNT_OFFSET + Integer.BYTES;

  /** u32: for tests: fails there with EIO. */
  public static final int MEND_FAULT_STAGE_OFFSET = MEND_PROGRAM_OFFSET_OFFSET + Integer.BYTES;

  /** u64: where that program may lie: free before and after it. */
  public static final int MEND_AREA_OFFSET = MEND_FAULT_STAGE_OFFSET + Integer.BYTES;

  /** u32: 1: it is paused afterwards. */
  public static final int MEND_STAYS_OFFSET = MEND_AREA_OFFSET + Long.BYTES;

  /** u32. */
  public static final int MEND_FILE_COUNT_OFFSET = MEND_STAYS_OFFSET + Integer.BYTES;

  /** u32: before all else is mended. */
  public static final int MEND_FIRST_END_OFFSET = MEND_FILE_COUNT_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int MEND_END_COUNT_OFFSET = MEND_FIRST_END_OFFSET + Integer.BYTES;

  /** u32: in the order in which they are made. */
  public static final int MEND_FIRST_CHANGE_OFFSET = MEND_END_COUNT_OFFSET + Integer.BYTES;

  /** u32: more than 0: the last descriptor is the root directory that the snapshot's forks see. */
  public static final int MEND_CHANGE_COUNT_OFFSET = MEND_FIRST_CHANGE_OFFSET + Integer.BYTES;

  /** u32: which kept descriptor of the instance is its own root directory. */
  public static final int MEND_ROOT_OFFSET = MEND_CHANGE_COUNT_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int MEND_RESERVED_OFFSET = MEND_ROOT_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_mend. */
  public static final int MEND_LENGTH = MEND_RESERVED_OFFSET + Integer.BYTES;

  // ---- struct vas_mend_task

  /** s32: as the keeper's /proc sees it. */
  public static final int MEND_TASK_TID_OFFSET = 0;

  /** u32: a multiple of 8. */
  public static final int MEND_TASK_XSTATE_LENGTH_OFFSET = MEND_TASK_TID_OFFSET + Integer.BYTES;

  /** u64. */
  public static final int MEND_TASK_MASK_OFFSET = MEND_TASK_XSTATE_LENGTH_OFFSET + Integer.BYTES;

  /** u64[27]: struct user_regs_struct. */
  public static final int MEND_TASK_REGISTERS_OFFSET = MEND_TASK_MASK_OFFSET + Long.BYTES;

  /** Bytes of a struct vas_mend_task. */
  public static final int MEND_TASK_LENGTH = MEND_TASK_REGISTERS_OFFSET + 27 * Long.BYTES;

  // ---- enum vas_mend_end_kind

  /** A thread of the first process. */
  public static final int MEND_EXIT = 0;

  /** Another process. */
  public static final int MEND_KILL = 1;

  // ---- struct vas_mend_end

  /** s32: as the keeper's /proc sees it. */
  public static final int MEND_END_TID_OFFSET = 0;

  /** u32: enum vas_mend_end_kind. */
  public static final int MEND_END_KIND_OFFSET = MEND_END_TID_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_mend_end. */
  public static final int MEND_END_LENGTH = MEND_END_KIND_OFFSET + Integer.BYTES;

  // ---- enum vas_change_kind

  /** It is not there, nor what is below it. */
  public static final int CHANGE_MAKE = 1;

  /** It is not to be there, nor what is below it. */
  public static final int CHANGE_REMOVE = 2;

  /** It is something else: to be removed, and made. */
  public static final int CHANGE_REPLACE = 3;

  /** Of a regular file, which stays the same file; and its attributes. */
  public static final int CHANGE_CONTENTS = 4;

  /** Mode, owner, extended attributes, times. */
  public static final int CHANGE_ATTRIBUTES = 5;

  // ---- struct vas_change

  /** u32: enum vas_change_kind. */
  public static final int CHANGE_KIND_OFFSET = 0;

  /** u32: where in the table; NUL-terminated, counted from the root, which is an empty path. */
  public static final int CHANGE_PATH_OFFSET = CHANGE_KIND_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_change. */
  public static final int CHANGE_LENGTH = CHANGE_PATH_OFFSET + Integer.BYTES;

  // ---- enum vas_mend_kind

  /** The bytes at offset of the file. */
  public static final int MEND_STORED = 0;

  /** Zeros, as is what the file has there. */
  public static final int MEND_ZERO = 1;

  /** What the mapping's own file shows. */
  public static final int MEND_MAPPED = 2;

  /** Guard pages. */
  public static final int MEND_GUARD = 3;

  // ---- struct vas_mend_run

  /** u64. */
  public static final int MEND_RUN_START_OFFSET = 0;

  /** u64: bytes. */
  public static final int MEND_RUN_LENGTH_OFFSET = MEND_RUN_START_OFFSET + Long.BYTES;

  /** u64. */
  public static final int MEND_RUN_OFFSET_OFFSET = MEND_RUN_LENGTH_OFFSET + Long.BYTES;

  /** u32: the how manieth. */
  public static final int MEND_RUN_FILE_OFFSET = MEND_RUN_OFFSET_OFFSET + Long.BYTES;

  /** u32: enum vas_mend_kind. */
  public static final int MEND_RUN_KIND_OFFSET = MEND_RUN_FILE_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_mend_run. */
  public static final int MEND_RUN_LENGTH = MEND_RUN_KIND_OFFSET + Integer.BYTES;

  // ---- struct vas_mended

  /** u64: written. */
  public static final int MENDED_PAGES_OFFSET = 0;

  /** u64: from the freeze that kept it, or its pause, until now. */
  public static final int MENDED_FROZEN_NANOS_OFFSET = MENDED_PAGES_OFFSET + Long.BYTES;

  /** u64[8]. */
  public static final int MENDED_STAGE_NANOS_OFFSET = MENDED_FROZEN_NANOS_OFFSET + Long.BYTES;

  /** s64: of the program's operation that failed. */
  public static final int MENDED_FAILED_RESULT_OFFSET = MENDED_STAGE_NANOS_OFFSET + 8 * Long.BYTES;

  /** u32. */
  public static final int MENDED_FAILED_STEP_OFFSET = MENDED_FAILED_RESULT_OFFSET + Long.BYTES;

  /** u32. */
  public static final int MENDED_RESERVED_OFFSET = MENDED_FAILED_STEP_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_mended. */
  public static final int MENDED_LENGTH = MENDED_RESERVED_OFFSET + Integer.BYTES;

  // ---- struct vas_frozen

  /** Rounds of copying while the instance runs. */
  public static final int FREEZE_ROUNDS_MAX = 16;

  /** u64: bytes. */
  public static final int FROZEN_RECORD_LENGTH_OFFSET = 0;

  /** u64: from the first task's stop to the last one's release. */
  public static final int FROZEN_FROZEN_NANOS_OFFSET = FROZEN_RECORD_LENGTH_OFFSET + Long.BYTES;

  /** u64. */
  public static final int FROZEN_TOTAL_NANOS_OFFSET = FROZEN_FROZEN_NANOS_OFFSET + Long.BYTES;

  /** u64: stored. */
  public static final int FROZEN_PAGES_OFFSET = FROZEN_TOTAL_NANOS_OFFSET + Long.BYTES;

  /** u64[16]: by enum vas_freeze_stage. */
  public static final int FROZEN_STAGE_NANOS_OFFSET = FROZEN_PAGES_OFFSET + Long.BYTES;

  /** i32: of the task that a failure is about, as the instance sees it; 0: of none. */
  public static final int FROZEN_FAILED_TID_OFFSET = FROZEN_STAGE_NANOS_OFFSET + 16 * Long.BYTES;

  /** u32: 1: the instance's memory is registered with the keeper's userfaultfd. */
  public static final int FROZEN_TRACKED_OFFSET = FROZEN_FAILED_TID_OFFSET + Integer.BYTES;

  /** u64: of those, copied while the instance was frozen. */
  public static final int FROZEN_FROZEN_PAGES_OFFSET = FROZEN_TRACKED_OFFSET + Integer.BYTES;

  /** u64: of those, of objects: their writes can not be tracked. */
  public static final int FROZEN_OBJECT_PAGES_OFFSET = FROZEN_FROZEN_PAGES_OFFSET + Long.BYTES;

  /** u64: that it stood still before: to make the tracker, and when it could not be frozen. */
  public static final int FROZEN_OTHER_NANOS_OFFSET = FROZEN_OBJECT_PAGES_OFFSET + Long.BYTES;

  /** u32: to freeze it. */
  public static final int FROZEN_ATTEMPTS_OFFSET = FROZEN_OTHER_NANOS_OFFSET + Long.BYTES;

  /** u32: of copying while it ran; 0: its writes were not tracked. */
  public static final int FROZEN_ROUNDS_OFFSET = FROZEN_ATTEMPTS_OFFSET + Integer.BYTES;

  /** u64[FREEZE_ROUNDS_MAX]: copied in each. */
  public static final int FROZEN_ROUND_PAGES_OFFSET = FROZEN_ROUNDS_OFFSET + Integer.BYTES;

  /** u64: by which a later freeze may ask for what has changed since; 0: it will not be known. */
  public static final int FROZEN_CUT_OFFSET =
      FROZEN_ROUND_PAGES_OFFSET + FREEZE_ROUNDS_MAX * Long.BYTES;

  /** u64: the request's, if what has not changed since was not copied; otherwise 0. */
  public static final int FROZEN_BASE_OFFSET = FROZEN_CUT_OFFSET + Long.BYTES;

  /** u64: of what a fork's executor has left in the first process's memory; 0: nothing. */
  public static final int FROZEN_AREA_START_OFFSET = FROZEN_BASE_OFFSET + Long.BYTES;

  /** u64. */
  public static final int FROZEN_AREA_END_OFFSET = FROZEN_AREA_START_OFFSET + Long.BYTES;

  /** Bytes of a struct vas_frozen. */
  public static final int FROZEN_LENGTH = FROZEN_AREA_END_OFFSET + Long.BYTES;

  // ---- struct vas_rollback: ---- a freeze that goes on to a mend ----

  /** A struct vas_freeze, which is to keep it and to copy no pages. */
  public static final int ROLLBACK_FREEZE_OFFSET = 0;

  /** A struct vas_mend. */
  public static final int ROLLBACK_MEND_OFFSET = ROLLBACK_FREEZE_OFFSET + FREEZE_LENGTH;

  /** u32: which descriptor is the mend's table; its files follow. */
  public static final int ROLLBACK_TABLE_OFFSET = ROLLBACK_MEND_OFFSET + MEND_LENGTH;

  /** u32: where in the table the struct vas_known is, see {@link KnownDescriptor}. */
  public static final int ROLLBACK_FIRST_KNOWN_OFFSET = ROLLBACK_TABLE_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_rollback. */
  public static final int ROLLBACK_LENGTH = ROLLBACK_FIRST_KNOWN_OFFSET + Integer.BYTES;

  // ---- struct vas_rolled_back

  /** A struct vas_frozen. */
  public static final int ROLLED_BACK_FROZEN_OFFSET = 0;

  /** A struct vas_mended. */
  public static final int ROLLED_BACK_MENDED_OFFSET = ROLLED_BACK_FROZEN_OFFSET + FROZEN_LENGTH;

  /** u32: 1: status and stage are the mend's; 0: they are the freeze's. */
  public static final int ROLLED_BACK_WAS_KNOWN_OFFSET = ROLLED_BACK_MENDED_OFFSET + MENDED_LENGTH;

  /** u32. */
  public static final int ROLLED_BACK_RESERVED_OFFSET =
      ROLLED_BACK_WAS_KNOWN_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_rolled_back. */
  public static final int ROLLED_BACK_LENGTH = ROLLED_BACK_RESERVED_OFFSET + Integer.BYTES;

  private KeeperProtocolDescriptor() {}
}
