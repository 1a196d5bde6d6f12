package io.vas.core.keeper;

/**
 * The record of a freeze, twin of the third part of {@code vas/protocol.h}: what the keeper found.
 * Little endian. A record is a sequence of entries: a struct vas_entry, its payload, and what is
 * missing to a multiple of 8.
 *
 * <pre>
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *
 *  vas_entry
 *  +---------------------------------------------------------------+
 *  |                              type                             |
 *  +---------------------------------------------------------------+
 *  |                             length                            |
 *  +---------------------------------------------------------------+
 *  |                              pid                              |
 *  +---------------------------------------------------------------+
 *  |                              tid                              |
 *  +---------------------------------------------------------------+
 *  |                             index                             |
 *  +---------------------------------------------------------------+
 *  |                            reserved                           |
 *  +---------------------------------------------------------------+
 *
 *  vas_file_status
 *  +---------------------------------------------------------------+
 *  |                             device                            |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                             inode                             |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                              size                             |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                         ctime_seconds                         |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                          ctime_nanos                          |
 *  +---------------------------------------------------------------+
 *  |                              mode                             |
 *  +---------------------------------------------------------------+
 *  |                             links                             |
 *  +---------------------------------------------------------------+
 *  |                              uid                              |
 *  +---------------------------------------------------------------+
 *  |                              gid                              |
 *  +---------------------------------------------------------------+
 *  |                            reserved                           |
 *  +---------------------------------------------------------------+
 *  |                         special_device                        |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *
 *  vas_descriptor
 *  +---------------------------------------------------------------+
 *  |                    status (vas_file_status)                   ...
 *  +---------------------------------------------------------------+
 *  |                              file                             |
 *  +---------------------------------------------------------------+
 *  |                             flags                             |
 *  +---------------------------------------------------------------+
 *  |                        descriptor_flags                       |
 *  +---------------------------------------------------------------+
 *  |                            reserved                           |
 *  +---------------------------------------------------------------+
 *  |                            position                           |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *
 *  vas_recorded_message
 *  +---------------------------------------------------------------+
 *  |                          name_length                          |
 *  +---------------------------------------------------------------+
 *  |                          data_length                          |
 *  +---------------------------------------------------------------+
 *  |                             flags                             |
 *  +---------------------------------------------------------------+
 *  |                         control_length                        |
 *  +---------------------------------------------------------------+
 *
 *  vas_stored_pages
 *  +---------------------------------------------------------------+
 *  |                             start                             |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                              end                              |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                             offset                            |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                             region                            |
 *  +---------------------------------------------------------------+
 *  |                             flags                             |
 *  +---------------------------------------------------------------+
 *  |                         backing_inode                         |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                         backing_offset                        |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                         backing_region                        |
 *  +---------------------------------------------------------------+
 *  |                           run_count                           |
 *  +---------------------------------------------------------------+
 *
 *  vas_run
 *  +---------------------------------------------------------------+
 *  |                             start                             |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                             length                            |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *
 *  vas_object
 *  +---------------------------------------------------------------+
 *  |                    status (vas_file_status)                   ...
 *  +---------------------------------------------------------------+
 *  |                             offset                            |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                             region                            |
 *  +---------------------------------------------------------------+
 *  |                           run_count                           |
 *  +---------------------------------------------------------------+
 * </pre>
 */
public final class RecordDescriptor {
  // ---- enum vas_entry_type: ---- the record: what was found ----

  /** Index: which name of the plan; payload: contents. */
  public static final int ENTRY_PROCESS_FILE = 1;

  /** Entry task file. */
  public static final int ENTRY_TASK_FILE = 2;

  /** Payload: vas_file_status, target. */
  public static final int ENTRY_PROCESS_LINK = 3;

  /** Struct user_regs_struct. */
  public static final int ENTRY_REGISTERS = 4;

  /** Entry xstate. */
  public static final int ENTRY_XSTATE = 5;

  /** U64. */
  public static final int ENTRY_SIGNAL_MASK = 6;

  /** Siginfo_t[]; index: PENDING_*. */
  public static final int ENTRY_PENDING_TASK = 7;

  /** Siginfo_t[]; index: PENDING_*. */
  public static final int ENTRY_PENDING_SHARED = 8;

  /** Struct ptrace_rseq_configuration. */
  public static final int ENTRY_RSEQ = 9;

  /** The program as it is after it ran, from its results on. */
  public static final int ENTRY_PROCESS_PROGRAM = 10;

  /** Entry task program. */
  public static final int ENTRY_TASK_PROGRAM = 11;

  /** Entry instance program. */
  public static final int ENTRY_INSTANCE_PROGRAM = 12;

  /** Index: number; payload: vas_descriptor, link. */
  public static final int ENTRY_DESCRIPTOR = 13;

  /** Index: number; payload: fdinfo. */
  public static final int ENTRY_DESCRIPTOR_INFO = 14;

  /** Entry descriptor program. */
  public static final int ENTRY_DESCRIPTOR_PROGRAM = 15;

  /** Of VAS_OP_RECORD_BYTES; index: number of the descriptor, or ~0 of the instance program. */
  public static final int ENTRY_BYTES = 16;

  /** Of VAS_OP_RECORD_MESSAGES; payload: vas_recorded_message, name, data. */
  public static final int ENTRY_MESSAGE = 17;

  /** Payload: u64 start of a VMA that maps it, vas_file_status, path. */
  public static final int ENTRY_MAPPED_FILE = 18;

  /** Payload: vas_stored_pages, vas_run[]. */
  public static final int ENTRY_PAGES = 19;

  /** Contents of a file that lives with the instance; payload: vas_object, vas_run[]. */
  public static final int ENTRY_OBJECT = 20;

  /** A running file; index: which name of the plan; payload: contents before the freeze. */
  public static final int ENTRY_FILE_BEFORE = 21;

  /** And after it. */
  public static final int ENTRY_FILE_AFTER = 22;

  /** Of VAS_OP_COMPARE_ROOTS, in the order to make them; index: CHANGE_*; payload: path. */
  public static final int ENTRY_CHANGE = 23;

  // ---- enum vas_roots: the result of VAS_OP_COMPARE_ROOTS

  /** They show the same. */
  public static final int ROOTS_SAME = 0;

  /** They differ in the changes that are recorded. */
  public static final int ROOTS_DIFFER = 1;

  /** One file has several names. */
  public static final int ROOTS_LINKS = 2;

  /** Something is mounted there. */
  public static final int ROOTS_MOUNT = 3;

  /** A socket's file is to be made, which would lead to no socket. */
  public static final int ROOTS_SOCKET = 4;

  /** A file may not be changed: chattr +i, +a. */
  public static final int ROOTS_FLAGS = 5;

  /** More than is worth it. */
  public static final int ROOTS_MUCH = 6;

  // ---- struct vas_entry

  /** u32. */
  public static final int ENTRY_TYPE_OFFSET = 0;

  /** u32: of the payload; the next entry begins at the next multiple of 8. */
  public static final int ENTRY_LENGTH_OFFSET = ENTRY_TYPE_OFFSET + Integer.BYTES;

  /** s32: as the keeper's /proc sees it; status has NSpid. */
  public static final int ENTRY_PID_OFFSET = ENTRY_LENGTH_OFFSET + Integer.BYTES;

  /** s32. */
  public static final int ENTRY_TID_OFFSET = ENTRY_PID_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int ENTRY_INDEX_OFFSET = ENTRY_TID_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int ENTRY_RESERVED_OFFSET = ENTRY_INDEX_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_entry. */
  public static final int ENTRY_LENGTH = ENTRY_RESERVED_OFFSET + Integer.BYTES;

  // ---- enum vas_pending

  /** Signals that waited when the task was stopped. */
  public static final int PENDING_AT_CUT = 0;

  /**
   * Signals that wait after the programs ran, those of timers that expired meanwhile among them.
   */
  public static final int PENDING_AFTER_PROGRAMS = 1;

  // ---- struct vas_file_status

  /** u64: st_dev as the C library encodes it. */
  public static final int FILE_STATUS_DEVICE_OFFSET = 0;

  /** u64. */
  public static final int FILE_STATUS_INODE_OFFSET = FILE_STATUS_DEVICE_OFFSET + Long.BYTES;

  /** u64. */
  public static final int FILE_STATUS_SIZE_OFFSET = FILE_STATUS_INODE_OFFSET + Long.BYTES;

  /** s64. */
  public static final int FILE_STATUS_CTIME_SECONDS_OFFSET = FILE_STATUS_SIZE_OFFSET + Long.BYTES;

  /** u32. */
  public static final int FILE_STATUS_CTIME_NANOS_OFFSET =
      FILE_STATUS_CTIME_SECONDS_OFFSET + Long.BYTES;

  /** u32. */
  public static final int FILE_STATUS_MODE_OFFSET = FILE_STATUS_CTIME_NANOS_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int FILE_STATUS_LINKS_OFFSET = FILE_STATUS_MODE_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int FILE_STATUS_UID_OFFSET = FILE_STATUS_LINKS_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int FILE_STATUS_GID_OFFSET = FILE_STATUS_UID_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int FILE_STATUS_RESERVED_OFFSET = FILE_STATUS_GID_OFFSET + Integer.BYTES;

  /** u64: st_rdev. */
  public static final int FILE_STATUS_SPECIAL_DEVICE_OFFSET =
      FILE_STATUS_RESERVED_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_file_status. */
  public static final int FILE_STATUS_LENGTH = FILE_STATUS_SPECIAL_DEVICE_OFFSET + Long.BYTES;

  // ---- struct vas_descriptor

  /** struct vas_file_status. */
  public static final int DESCRIPTOR_STATUS_OFFSET = 0;

  /** u32: descriptors of the same open file description have the same number. */
  public static final int DESCRIPTOR_FILE_OFFSET = DESCRIPTOR_STATUS_OFFSET + FILE_STATUS_LENGTH;

  /** u32: F_GETFL. */
  public static final int DESCRIPTOR_FLAGS_OFFSET = DESCRIPTOR_FILE_OFFSET + Integer.BYTES;

  /** u32: F_GETFD: FD_CLOEXEC; from fdinfo. */
  public static final int DESCRIPTOR_DESCRIPTOR_FLAGS_OFFSET =
      DESCRIPTOR_FLAGS_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int DESCRIPTOR_RESERVED_OFFSET =
      DESCRIPTOR_DESCRIPTOR_FLAGS_OFFSET + Integer.BYTES;

  /** s64: lseek(0, SEEK_CUR), or -errno. */
  public static final int DESCRIPTOR_POSITION_OFFSET = DESCRIPTOR_RESERVED_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_descriptor. */
  public static final int DESCRIPTOR_LENGTH = DESCRIPTOR_POSITION_OFFSET + Long.BYTES;

  // ---- struct vas_recorded_message

  /** u32. */
  public static final int RECORDED_MESSAGE_NAME_LENGTH_OFFSET = 0;

  /** u32. */
  public static final int RECORDED_MESSAGE_DATA_LENGTH_OFFSET =
      RECORDED_MESSAGE_NAME_LENGTH_OFFSET + Integer.BYTES;

  /** u32: msg_flags. */
  public static final int RECORDED_MESSAGE_FLAGS_OFFSET =
      RECORDED_MESSAGE_DATA_LENGTH_OFFSET + Integer.BYTES;

  /** u32: bytes of ancillary data, which is not recorded. */
  public static final int RECORDED_MESSAGE_CONTROL_LENGTH_OFFSET =
      RECORDED_MESSAGE_FLAGS_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_recorded_message. */
  public static final int RECORDED_MESSAGE_LENGTH =
      RECORDED_MESSAGE_CONTROL_LENGTH_OFFSET + Integer.BYTES;

  // ---- enum vas_region

  /** Region huge. */
  public static final int REGION_HUGE = 0;

  /** Region small. */
  public static final int REGION_SMALL = 1;

  /** The VMA maps an older region: pages not listed are that region's. */
  public static final int PAGES_REGION_BACKED = 1;

  /** Bit of a run's length: pages that are zero though the file underneath holds others. */
  public static final int RUN_ZERO = 1;

  /** Bit of a run's length: guard pages. */
  public static final int RUN_GUARD = 2;

  /** As they were at the base. */
  public static final int RUN_SAME = 4;

  // ---- struct vas_stored_pages

  /** u64. */
  public static final int STORED_PAGES_START_OFFSET = 0;

  /** u64. */
  public static final int STORED_PAGES_END_OFFSET = STORED_PAGES_START_OFFSET + Long.BYTES;

  /** u64. */
  public static final int STORED_PAGES_OFFSET_OFFSET = STORED_PAGES_END_OFFSET + Long.BYTES;

  /** u32: enum vas_region. */
  public static final int STORED_PAGES_REGION_OFFSET = STORED_PAGES_OFFSET_OFFSET + Long.BYTES;

  /** u32. */
  public static final int STORED_PAGES_FLAGS_OFFSET = STORED_PAGES_REGION_OFFSET + Integer.BYTES;

  /** u64: of a region-backed VMA: the region file's. */
  public static final int STORED_PAGES_BACKING_INODE_OFFSET =
      STORED_PAGES_FLAGS_OFFSET + Integer.BYTES;

  /** u64: and where in it the VMA begins. */
  public static final int STORED_PAGES_BACKING_OFFSET_OFFSET =
      STORED_PAGES_BACKING_INODE_OFFSET + Long.BYTES;

  /** u32. */
  public static final int STORED_PAGES_BACKING_REGION_OFFSET =
      STORED_PAGES_BACKING_OFFSET_OFFSET + Long.BYTES;

  /** u32. */
  public static final int STORED_PAGES_RUN_COUNT_OFFSET =
      STORED_PAGES_BACKING_REGION_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_stored_pages. */
  public static final int STORED_PAGES_LENGTH = STORED_PAGES_RUN_COUNT_OFFSET + Integer.BYTES;

  // ---- struct vas_run

  /** u64: address (pages) or offset in the object. */
  public static final int RUN_START_OFFSET = 0;

  /**
   * u64: bytes; with bit 0 set: pages that are zero now though the file underneath holds others.
   */
  public static final int RUN_LENGTH_OFFSET = RUN_START_OFFSET + Long.BYTES;

  /** Bytes of a struct vas_run. */
  public static final int RUN_LENGTH = RUN_LENGTH_OFFSET + Long.BYTES;

  // ---- struct vas_object

  /** struct vas_file_status. */
  public static final int OBJECT_STATUS_OFFSET = 0;

  /** u64: in the region: byte b of the object lies at offset + b. */
  public static final int OBJECT_OFFSET_OFFSET = OBJECT_STATUS_OFFSET + FILE_STATUS_LENGTH;

  /** u32. */
  public static final int OBJECT_REGION_OFFSET = OBJECT_OFFSET_OFFSET + Long.BYTES;

  /** u32. */
  public static final int OBJECT_RUN_COUNT_OFFSET = OBJECT_REGION_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_object. */
  public static final int OBJECT_LENGTH = OBJECT_RUN_COUNT_OFFSET + Integer.BYTES;

  private RecordDescriptor() {}
}
