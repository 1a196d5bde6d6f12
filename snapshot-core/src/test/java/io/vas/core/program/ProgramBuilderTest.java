package io.vas.core.program;

import static io.vas.core.program.ProgramDescriptor.ARGS;
import static io.vas.core.program.ProgramDescriptor.ARG_DATA;
import static io.vas.core.program.ProgramDescriptor.ARG_IMMEDIATE;
import static io.vas.core.program.ProgramDescriptor.ARG_REPORT;
import static io.vas.core.program.ProgramDescriptor.ARG_RESULT;
import static io.vas.core.program.ProgramDescriptor.ARG_STACK;
import static io.vas.core.program.ProgramDescriptor.DATA_LENGTH_OFFSET;
import static io.vas.core.program.ProgramDescriptor.DATA_OFFSET_OFFSET;
import static io.vas.core.program.ProgramDescriptor.EXPECT_EQUAL;
import static io.vas.core.program.ProgramDescriptor.HEADER_LENGTH;
import static io.vas.core.program.ProgramDescriptor.LENGTH_OFFSET;
import static io.vas.core.program.ProgramDescriptor.MAGIC;
import static io.vas.core.program.ProgramDescriptor.MAGIC_OFFSET;
import static io.vas.core.program.ProgramDescriptor.OPS_OFFSET_OFFSET;
import static io.vas.core.program.ProgramDescriptor.OP_ARG_KIND_OFFSET;
import static io.vas.core.program.ProgramDescriptor.OP_ARG_OFFSET;
import static io.vas.core.program.ProgramDescriptor.OP_CODE_OFFSET;
import static io.vas.core.program.ProgramDescriptor.OP_COUNT_OFFSET;
import static io.vas.core.program.ProgramDescriptor.OP_EXPECTED_OFFSET;
import static io.vas.core.program.ProgramDescriptor.OP_EXPECT_OFFSET;
import static io.vas.core.program.ProgramDescriptor.OP_LENGTH;
import static io.vas.core.program.ProgramDescriptor.OP_NUMBER_OFFSET;
import static io.vas.core.program.ProgramDescriptor.OP_RESULT_OFFSET;
import static io.vas.core.program.ProgramDescriptor.OP_SYSCALL;
import static io.vas.core.program.ProgramDescriptor.REPORT_STAMPS_OFFSET;
import static io.vas.core.program.ProgramDescriptor.RESULTS_OFFSET_OFFSET;
import static io.vas.core.program.ProgramDescriptor.RESULT_COUNT_OFFSET;
import static io.vas.core.program.ProgramDescriptor.VERSION;
import static io.vas.core.program.ProgramDescriptor.VERSION_OFFSET;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.nio.charset.StandardCharsets;
import java.util.NoSuchElementException;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;

class ProgramBuilderTest {
  private final ProgramBuilder builder = new ProgramBuilder();

  private static UnsafeBuffer bytes(final Program program) {
    return new UnsafeBuffer(program.bytes());
  }

  private static int operation(final int index) {
    return HEADER_LENGTH + index * OP_LENGTH;
  }

  @Test
  void shouldWriteHeader() {
    builder.data("state", 12);
    builder.parameter("fd");
    builder.call("first", SystemCall.GETPID);
    builder.end();
    final Program program = builder.build();
    final UnsafeBuffer buffer = bytes(program);
    final int results = HEADER_LENGTH + 2 * OP_LENGTH;
    assertThat(buffer.getLong(MAGIC_OFFSET)).isEqualTo(MAGIC);
    assertThat(buffer.getStringWithoutLengthAscii(0, 8)).isEqualTo("VSPROGM1");
    assertThat(buffer.getInt(VERSION_OFFSET)).isEqualTo(VERSION);
    assertThat(buffer.getInt(LENGTH_OFFSET)).isEqualTo(program.length());
    assertThat(buffer.getInt(OPS_OFFSET_OFFSET)).isEqualTo(HEADER_LENGTH);
    assertThat(buffer.getInt(OP_COUNT_OFFSET)).isEqualTo(2);
    assertThat(buffer.getInt(RESULTS_OFFSET_OFFSET)).isEqualTo(results);
    assertThat(buffer.getInt(RESULT_COUNT_OFFSET)).isEqualTo(2);
    assertThat(buffer.getInt(DATA_OFFSET_OFFSET)).isEqualTo(results + 16);
    assertThat(buffer.getInt(DATA_LENGTH_OFFSET)).isEqualTo(12);
    assertThat(program.length()).isEqualTo(results + 16 + 16);
  }

  @Test
  void shouldWriteEachKindOfArgument() {
    final Result parameter = builder.parameter("fd");
    final Data data = builder.data("buffer", 32);
    final Result first = builder.call("first", SystemCall.GETPID);
    builder.callExpecting(
        7,
        "second",
        SystemCall.MMAP,
        -100,
        0xffff_ffff_ffffL,
        first,
        data.plus(8),
        builder.report(REPORT_STAMPS_OFFSET),
        builder.stack(4096));
    final Program program = builder.build();
    final UnsafeBuffer buffer = bytes(program);
    final int op = operation(1);
    final byte[] kinds = new byte[ARGS];
    buffer.getBytes(op + OP_ARG_KIND_OFFSET, kinds);
    assertThat(kinds)
        .containsExactly(ARG_IMMEDIATE, ARG_IMMEDIATE, ARG_RESULT, ARG_DATA, ARG_REPORT, ARG_STACK);
    final long[] args = new long[ARGS];
    for (int i = 0; i < ARGS; i++) {
      args[i] = buffer.getLong(op + OP_ARG_OFFSET + i * Long.BYTES);
    }
    assertThat(args)
        .containsExactly(
            -100,
            0xffff_ffff_ffffL,
            1,
            program.dataOffset("buffer") + 8,
            REPORT_STAMPS_OFFSET,
            4096);
    assertThat(buffer.getShort(op + OP_CODE_OFFSET)).isEqualTo((short) OP_SYSCALL);
    assertThat(buffer.getInt(op + OP_NUMBER_OFFSET)).isEqualTo(9);
    assertThat(buffer.getByte(op + OP_EXPECT_OFFSET)).isEqualTo((byte) EXPECT_EQUAL);
    assertThat(buffer.getLong(op + OP_EXPECTED_OFFSET)).isEqualTo(7);
    assertThat(buffer.getInt(op + OP_RESULT_OFFSET)).isEqualTo(2);
    assertThat(parameter.slot()).isZero();
    assertThat(program.parameterSlot("fd")).isZero();
    assertThat(program.resultOf("second")).isEqualTo(new Result(2));
  }

  @Test
  void shouldHoldTheSameStringOnce() {
    final Data proc = builder.string("/proc");
    final Data other = builder.string("/sys");
    assertThat(builder.string("/proc")).isEqualTo(proc);
    final Program program = builder.build();
    final UnsafeBuffer buffer = bytes(program);
    final byte[] text = new byte[6];
    buffer.getBytes(program.dataOffset(proc), text);
    assertThat(text).isEqualTo("/proc\0".getBytes(StandardCharsets.US_ASCII));
    assertThat(other.length()).isEqualTo(5);
  }

  @Test
  void shouldAlignDataFromTheProgramsBegin() {
    builder.string("x");
    builder.data(new byte[] {1, 2, 3});
    builder.data("frame", 100, 64);
    builder.callAny("a", SystemCall.GETPID);
    final Program program = builder.build();
    assertThat(program.dataOffset("frame") % 64).isZero();
    assertThat(program.length() % 8).isZero();
  }

  @Test
  void shouldLetATaskBeginAtALabelBoundLater() {
    final Label thread = builder.newLabel();
    builder.task("thread 2", builder.data("clone args", 88), thread);
    builder.end();
    builder.bind(thread);
    builder.callAny("in the thread", SystemCall.GETTID);
    builder.end();
    final UnsafeBuffer buffer = bytes(builder.build());
    assertThat(buffer.getLong(operation(0) + OP_ARG_OFFSET + Long.BYTES)).isEqualTo(88);
    assertThat(buffer.getLong(operation(0) + OP_ARG_OFFSET + 2 * Long.BYTES)).isEqualTo(2);
  }

  @Test
  void shouldRejectALabelThatIsNotBound() {
    builder.task("thread 2", builder.data("clone args", 88), builder.newLabel());
    assertThatIllegalStateException().isThrownBy(builder::build).withMessageContaining("thread 2");
  }

  @Test
  void shouldRejectNamesTakenTwice() {
    builder.call("x", SystemCall.GETPID);
    builder.data("y", 8);
    builder.parameter("z");
    assertThatIllegalArgumentException().isThrownBy(() -> builder.call("x", SystemCall.GETPID));
    assertThatIllegalArgumentException().isThrownBy(() -> builder.data("y", 8));
    assertThatIllegalArgumentException().isThrownBy(() -> builder.parameter("z"));
  }

  @Test
  void shouldRejectWhatIsNoValue() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.call("x", SystemCall.OPEN, "/path"))
        .withMessageContaining("/path");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.call("x", SystemCall.OPEN, new Result(5)));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.call("x", SystemCall.OPEN, 1, 2, 3, 4, 5, 6, 7));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> builder.store(builder.report(0), Value.of(1), 3));
    assertThat(builder.build().stepCount()).isZero();
  }

  @Test
  void shouldSayWhatFailed() {
    builder.resource("timers");
    builder.call("arm timer 3", SystemCall.TIMER_SETTIME, 3);
    builder.callExpecting(5, "five", SystemCall.FCNTL, 3);
    final Program program = builder.build();
    assertThat(program.describeFailure(0, -22))
        .isEqualTo("timers: arm timer 3 (timer_settime): EINVAL (Invalid argument)");
    assertThat(program.describeFailure(1, 6))
        .isEqualTo("timers: five (fcntl): returned 6 instead of 5");
    assertThat(program.resourceOf(1)).isEqualTo("timers");
    assertThat(program.stepName(1)).isEqualTo("five");
  }

  @Test
  void shouldReadWhatAProgramLeft() {
    builder.parameter("descriptor");
    final Data state = builder.data("state", 16);
    builder.call("get", SystemCall.GETSOCKOPT, 1);
    builder.callAny("try", SystemCall.GETSOCKOPT, 1);
    builder.store(state, Value.of(1), 8);
    final Program program = builder.build();
    final UnsafeBuffer payload = new UnsafeBuffer(new byte[3 * 8 + 16]);
    payload.putLong(8, 42);
    payload.putLong(16, -95);
    payload.putLong(32, 77);
    final ProgramResults results = new ProgramResults(program, payload);
    assertThat(results.result("get")).isEqualTo(42);
    assertThat(results.failed("get")).isFalse();
    assertThat(results.result("try")).isEqualTo(-95);
    assertThat(results.failed("try")).isTrue();
    assertThat(results.data("state").capacity()).isEqualTo(16);
    assertThat(results.data("state").getLong(8)).isEqualTo(77);
    assertThatExceptionOfType(NoSuchElementException.class)
        .isThrownBy(() -> results.result("store 1"));
    assertThatIllegalArgumentException()
        .isThrownBy(() -> new ProgramResults(program, new UnsafeBuffer(new byte[8])));
  }

  @Test
  void shouldKnowNamesOfSystemCalls() {
    assertThat(SystemCall.name(SystemCall.MMAP)).isEqualTo("mmap");
    assertThat(SystemCall.name(SystemCall.CLONE3)).isEqualTo("clone3");
    assertThat(SystemCall.name(99999)).isEqualTo("system call 99999");
  }
}
