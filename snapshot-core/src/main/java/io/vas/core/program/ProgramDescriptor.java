package io.vas.core.program;

/**
 * The layout of a program, twin of {@code vas/program.h}. Whoever changes one changes both, and
 * {@link #VERSION}. Little endian; offsets in the header count from its first byte and are
 * multiples of 8.
 *
 * <pre>
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 *  |                      magic ("VSPROGM1")                       |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                           version                             |
 *  +---------------------------------------------------------------+
 *  |                  length of the whole program                  |
 *  +---------------------------------------------------------------+
 *  |                       operations' offset                      |
 *  +---------------------------------------------------------------+
 *  |                       operations' count                       |
 *  +---------------------------------------------------------------+
 *  |                        results' offset                        |
 *  +---------------------------------------------------------------+
 *  |                        results' count                         |
 *  +---------------------------------------------------------------+
 *  |                         data's offset                         |
 *  +---------------------------------------------------------------+
 *  |                         data's length                         |
 *  +---------------------------------------------------------------+
 *  |                   operations (OP_LENGTH each)                ...
 *  +---------------------------------------------------------------+
 *  |                      results (8 bytes each)                  ...
 *  +---------------------------------------------------------------+
 *  |                             data                             ...
 *  +---------------------------------------------------------------+
 *
 *  An operation:
 *  +-------------------------------+---------------+---------------+
 *  |             code              |  expectation  |   reserved    |
 *  +-------------------------------+---------------+---------------+
 *  |              number of the system call, or a count            |
 *  +---------------+---------------+---------------+---------------+
 *  |    kind 0     |    kind 1     |    kind 2     |    kind 3     |
 *  +---------------+---------------+---------------+---------------+
 *  |    kind 4     |    kind 5     |           reserved            |
 *  +---------------+---------------+-------------------------------+
 *  |                    arguments 0 to 5 (8 bytes each)           ...
 *  +---------------------------------------------------------------+
 *  |                        expected result                        |
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                   result slot, or NO_RESULT                   |
 *  +---------------------------------------------------------------+
 *  |                           reserved                            |
 *  +---------------------------------------------------------------+
 * </pre>
 */
public final class ProgramDescriptor {
  /** First eight bytes: "VSPROGM1". */
  public static final long MAGIC = 0x314d474f52505356L;

  /** Of this layout. */
  public static final int VERSION = 1;

  /** Arguments that an operation has. */
  public static final int ARGS = 6;

  // ---- struct vas_program_header

  /** u64. */
  public static final int MAGIC_OFFSET = 0;

  /** u32. */
  public static final int VERSION_OFFSET = MAGIC_OFFSET + Long.BYTES;

  /** u32, bytes. */
  public static final int LENGTH_OFFSET = VERSION_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int OPS_OFFSET_OFFSET = LENGTH_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int OP_COUNT_OFFSET = OPS_OFFSET_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int RESULTS_OFFSET_OFFSET = OP_COUNT_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int RESULT_COUNT_OFFSET = RESULTS_OFFSET_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int DATA_OFFSET_OFFSET = RESULT_COUNT_OFFSET + Integer.BYTES;

  /** u32, bytes. */
  public static final int DATA_LENGTH_OFFSET = DATA_OFFSET_OFFSET + Integer.BYTES;

  /** Bytes of the header. */
  public static final int HEADER_LENGTH = DATA_LENGTH_OFFSET + Integer.BYTES;

  // ---- struct vas_op

  /** u16, one of OP_*. */
  public static final int OP_CODE_OFFSET = 0;

  /** u8, one of EXPECT_*. */
  public static final int OP_EXPECT_OFFSET = OP_CODE_OFFSET + Short.BYTES;

  /** u8. */
  public static final int OP_RESERVED_OFFSET = OP_EXPECT_OFFSET + Byte.BYTES;

  /** u32. */
  public static final int OP_NUMBER_OFFSET = OP_RESERVED_OFFSET + Byte.BYTES;

  /** u8[6], each one of ARG_*. */
  public static final int OP_ARG_KIND_OFFSET = OP_NUMBER_OFFSET + Integer.BYTES;

  /** u16. */
  public static final int OP_RESERVED2_OFFSET = OP_ARG_KIND_OFFSET + ARGS;

  /** u64[6]. */
  public static final int OP_ARG_OFFSET = OP_RESERVED2_OFFSET + Short.BYTES;

  /** s64. */
  public static final int OP_EXPECTED_OFFSET = OP_ARG_OFFSET + ARGS * Long.BYTES;

  /** u32. */
  public static final int OP_RESULT_OFFSET = OP_EXPECTED_OFFSET + Long.BYTES;

  /** u32. */
  public static final int OP_RESERVED3_OFFSET = OP_RESULT_OFFSET + Integer.BYTES;

  /** Bytes of an operation. */
  public static final int OP_LENGTH = OP_RESERVED3_OFFSET + Integer.BYTES;

  // ---- enum vas_op_code

  /** {@code number(args...)}. */
  public static final int OP_SYSCALL = 0;

  /** {@code clone3(arg0, arg1)}; the child goes on at operation arg2. */
  public static final int OP_TASK = 1;

  /** Add one to the u32 at arg0, wait until it is at least arg1. */
  public static final int OP_BARRIER = 2;

  /** Wait until the u32 at arg0 is at least arg1. */
  public static final int OP_WAIT = 3;

  /** rt_sigreturn from the frame at arg0. */
  public static final int OP_SIGRETURN = 4;

  /** Write {@code number} bytes of arg1 to address arg0. */
  public static final int OP_STORE = 5;

  /** Read {@code number} bytes from address arg0. */
  public static final int OP_LOAD = 6;

  /** The program is done. */
  public static final int OP_END = 7;

  /** Skip the next {@code number} operations if arg0 == arg1. */
  public static final int OP_SKIP = 8;

  /** In the keeper: record what read(arg0) yields, at most arg1 bytes. */
  public static final int OP_RECORD_BYTES = 9;

  /** In the keeper: record what recvmsg(arg0, flags arg1) yields, at most arg2 messages. */
  public static final int OP_RECORD_MESSAGES = 10;

  /** In the keeper: copy the tree under descriptor arg0 to directory arg1. */
  public static final int OP_COPY_TREE = 11;

  /**
   * In the keeper: the result is 0 if the directory trees under arg0 and arg1 (negative: an empty
   * one) are the same, else 1.
   */
  public static final int OP_COMPARE_TREES = 12;

  /**
   * In the keeper: what the root directories arg2, of an instance, and arg3 show is compared, as
   * far as it can differ: at what there is in the layers arg0 and arg1 (negative: nothing), each of
   * which lies in one of them upon the layers that both have. The result is ROOTS_*; changes are
   * recorded.
   */
  public static final int OP_COMPARE_ROOTS = 13;

  // ---- enum vas_arg_kind

  /** The argument itself. */
  public static final int ARG_IMMEDIATE = 0;

  /** What is in that result slot. */
  public static final int ARG_RESULT = 1;

  /** The address of that byte of the program. */
  public static final int ARG_DATA = 2;

  /** The address of that byte of the report. */
  public static final int ARG_REPORT = 3;

  /** The address of that byte of the stack area. */
  public static final int ARG_STACK = 4;

  // ---- enum vas_expect

  /** Any result will do. */
  public static final int EXPECT_ANY = 0;

  /** Not in -4095..-1. */
  public static final int EXPECT_SUCCESS = 1;

  /** The expected result and no other. */
  public static final int EXPECT_EQUAL = 2;

  /** The operation's result is not kept. */
  public static final int NO_RESULT = 0xffffffff;

  // ---- enum vas_report_state

  /** The program runs. */
  public static final int REPORT_RUNNING = 0;

  /** An operation's result was not as expected. */
  public static final int REPORT_FAILED = 1;

  /** The program came to its end. */
  public static final int REPORT_DONE = 2;

  // ---- struct vas_report

  /** Barriers that tasks can meet at. */
  public static final int REPORT_BARRIERS = 64;

  /** Words for times; a time is a pair of them, so there is room for half as many. */
  public static final int REPORT_STAMPS = 64;

  /** u32, one of REPORT_RUNNING, REPORT_FAILED, REPORT_DONE. */
  public static final int REPORT_STATE_OFFSET = 0;

  /** u32, index of an operation. */
  public static final int REPORT_FAILED_STEP_OFFSET = REPORT_STATE_OFFSET + Integer.BYTES;

  /** s64. */
  public static final int REPORT_FAILED_RESULT_OFFSET = REPORT_FAILED_STEP_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int REPORT_RELEASE_OFFSET = REPORT_FAILED_RESULT_OFFSET + Long.BYTES;

  /** u32. */
  public static final int REPORT_EXITS_OFFSET = REPORT_RELEASE_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int REPORT_PARK_OFFSET = REPORT_EXITS_OFFSET + Integer.BYTES;

  /** u32. */
  public static final int REPORT_RESERVED_OFFSET = REPORT_PARK_OFFSET + Integer.BYTES;

  /** u64, an address. */
  public static final int REPORT_STACK_OFFSET = REPORT_RESERVED_OFFSET + Integer.BYTES;

  /** u32[]. */
  public static final int REPORT_BARRIERS_OFFSET = REPORT_STACK_OFFSET + Long.BYTES;

  /** u64[]. */
  public static final int REPORT_STAMPS_OFFSET =
      REPORT_BARRIERS_OFFSET + REPORT_BARRIERS * Integer.BYTES;

  /** Bytes of a report. */
  /** Address of a program to run when this one has ended, or 0. 8 bytes. */
  public static final int REPORT_NEXT_OFFSET = REPORT_STAMPS_OFFSET + REPORT_STAMPS * Long.BYTES;

  /** Size of the report in bytes. */
  public static final int REPORT_LENGTH = REPORT_NEXT_OFFSET + Long.BYTES;

  private ProgramDescriptor() {}
}
