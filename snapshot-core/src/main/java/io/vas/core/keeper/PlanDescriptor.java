package io.vas.core.keeper;

/**
 * The plan of a freeze, twin of the second part of {@code vas/protocol.h}: what the keeper is to
 * record. Little endian. Offsets count from the plan's begin. A list of names is NUL-terminated
 * strings one after the other.
 *
 * <pre>
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *
 *  vas_plan
 *  +---------------------------------------------------------------+
 *  |                             magic                             |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                            version                            |
 *  +---------------------------------------------------------------+
 *  |                             length                            |
 *  +---------------------------------------------------------------+
 *  |                      process_files_offset                     |
 *  +---------------------------------------------------------------+
 *  |                      process_files_count                      |
 *  +---------------------------------------------------------------+
 *  |                       task_files_offset                       |
 *  +---------------------------------------------------------------+
 *  |                        task_files_count                       |
 *  +---------------------------------------------------------------+
 *  |                      process_links_offset                     |
 *  +---------------------------------------------------------------+
 *  |                      process_links_count                      |
 *  +---------------------------------------------------------------+
 *  |                        process_program                        |
 *  +---------------------------------------------------------------+
 *  |                          task_program                         |
 *  +---------------------------------------------------------------+
 *  |                        instance_program                       |
 *  +---------------------------------------------------------------+
 *  |                    descriptor_rules_offset                    |
 *  +---------------------------------------------------------------+
 *  |                     descriptor_rules_count                    |
 *  +---------------------------------------------------------------+
 *  |                      running_files_offset                     |
 *  +---------------------------------------------------------------+
 *  |                      running_files_count                      |
 *  +---------------------------------------------------------------+
 *  |                            reserved                           |
 *  +---------------------------------------------------------------+
 *  |                           shm_device                          |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                     region_device (u64[2])                    ...
 *  +---------------------------------------------------------------+
 *
 *  vas_descriptor_rule
 *  +---------------------------------------------------------------+
 *  |                         prefix_offset                         |
 *  +---------------------------------------------------------------+
 *  |                            program                            |
 *  +---------------------------------------------------------------+
 * </pre>
 */
public final class PlanDescriptor {
  /** "VASPLAN1". */
  public static final long MAGIC = 0x314e414c50534156L;

  // ---- struct vas_plan

  /** u64. */
  public static final int MAGIC_OFFSET = 0;

  /** u32. */
  public static final int VERSION_OFFSET = MAGIC_OFFSET + Long.BYTES;

  /** u32. */
  public static final int LENGTH_OFFSET = VERSION_OFFSET + Integer.BYTES;

  /** u32: below /proc/PID/. */
  public static final int PROCESS_FILES_OFFSET_OFFSET = LENGTH_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int PROCESS_FILES_COUNT_OFFSET = PROCESS_FILES_OFFSET_OFFSET + Integer.BYTES;

  /** u32: below /proc/PID/task/TID/. */
  public static final int TASK_FILES_OFFSET_OFFSET = PROCESS_FILES_COUNT_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int TASK_FILES_COUNT_OFFSET = TASK_FILES_OFFSET_OFFSET + Integer.BYTES;

  /** u32: below /proc/PID/: exe, cwd, root, ns/... */
  public static final int PROCESS_LINKS_OFFSET_OFFSET = TASK_FILES_COUNT_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int PROCESS_LINKS_COUNT_OFFSET = PROCESS_LINKS_OFFSET_OFFSET + Integer.BYTES;

  /** u32: offset, or 0: run in the first thread. */
  public static final int PROCESS_PROGRAM_OFFSET = PROCESS_LINKS_COUNT_OFFSET + Integer.BYTES;

  /** u32: run in every thread. */
  public static final int TASK_PROGRAM_OFFSET = PROCESS_PROGRAM_OFFSET + Integer.BYTES;

  /** u32: run in the keeper, with the freeze's params. */
  public static final int INSTANCE_PROGRAM_OFFSET = TASK_PROGRAM_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int DESCRIPTOR_RULES_OFFSET_OFFSET = INSTANCE_PROGRAM_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int DESCRIPTOR_RULES_COUNT_OFFSET =
      DESCRIPTOR_RULES_OFFSET_OFFSET + Integer.BYTES;

  /** u32: below /proc/PID/: read before the freeze and after it. */
  public static final int RUNNING_FILES_OFFSET_OFFSET =
      DESCRIPTOR_RULES_COUNT_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int RUNNING_FILES_COUNT_OFFSET = RUNNING_FILES_OFFSET_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int RESERVED_OFFSET = RUNNING_FILES_COUNT_OFFSET + Integer.BYTES;

  /** u64: st_dev of memfds and shared anonymous memory: their contents are copied. */
  public static final int SHM_DEVICE_OFFSET = RESERVED_OFFSET + Integer.BYTES;

  /** u64[2]: st_dev of the region mounts, huge and small. */
  public static final int REGION_DEVICE_OFFSET = SHM_DEVICE_OFFSET + Long.BYTES;

  /** Bytes of a struct vas_plan. */
  public static final int LENGTH = REGION_DEVICE_OFFSET + 2 * Long.BYTES;

  // ---- struct vas_descriptor_rule

  /** u32. */
  public static final int RULE_PREFIX_OFFSET_OFFSET = 0;

  /** u32: offset. */
  public static final int RULE_PROGRAM_OFFSET = RULE_PREFIX_OFFSET_OFFSET + Integer.BYTES;

  /** Bytes of a struct vas_descriptor_rule. */
  public static final int RULE_LENGTH = RULE_PROGRAM_OFFSET + Integer.BYTES;

  private PlanDescriptor() {}
}
