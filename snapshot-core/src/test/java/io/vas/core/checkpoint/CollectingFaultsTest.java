package io.vas.core.checkpoint;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.DeadlineException;
import io.vas.core.NotFoundException;
import io.vas.core.keeper.FreezeException;
import io.vas.core.keeper.FreezeStage;
import io.vas.core.keeper.PlanDescriptor;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.MemFd;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.program.ProgramDescriptor;
import io.vas.core.program.SystemCall;
import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.TestStore;
import io.vas.core.testing.VictimHost;
import io.vas.core.testing.VictimInstance;
import io.vas.core.testing.VictimSnapshot;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The programs that collect state, in the tasks and beside them, fail at each of their steps: by an
 * error, by a call that never returns, by the end of the process.
 */
@ExtendWith(LeakCheck.class)
class CollectingFaultsTest {
  private static final Duration DEADLINE = Duration.ofSeconds(10);
  private static final Duration SHORT = Duration.ofMillis(150);
  private static final int NO_SYSTEM_CALL = 100_000;
  private static final int ENOSYS = 38;
  private static final int STATUS = 7;

  /** Of many steps that do the same some are enough. */
  private static final int STRIDE = 9;

  @TempDir Path directory;
  private VictimHost host;

  /** By which the latest snapshot was taken. */
  private Fd plan;

  private TestStore.Entry entry;
  private int steps;

  private enum Collecting {
    PROCESS(PlanDescriptor.PROCESS_PROGRAM_OFFSET, FreezeStage.PROGRAMS),
    TASK(PlanDescriptor.TASK_PROGRAM_OFFSET, FreezeStage.PROGRAMS),
    INSTANCE(PlanDescriptor.INSTANCE_PROGRAM_OFFSET, FreezeStage.INSTANCE);

    final int offset;
    final FreezeStage stage;

    Collecting(final int offset, final FreezeStage stage) {
      this.offset = offset;
      this.stage = stage;
    }
  }

  @BeforeEach
  void start() {
    host = new VictimHost(directory);
    entry = host.store().newEntry();
  }

  @AfterEach
  void stop() {
    host.close();
    closePlan();
  }

  /** In place of a step of a plan's program another call is made, which must succeed. */
  private void replace(final Collecting program, final int step, final int number, final int arg) {
    host.checkpointer()
        .changing(
            request -> {
              closePlan();
              plan = copy(request.plan());
              replace(plan, program, step, number, arg);
              return request.plan(plan);
            });
  }

  private static Fd copy(final Fd file) {
    final ByteBuffer bytes = ByteBuffer.allocateDirect((int) FileStatus.of(file).size());
    FileIo.pread(file, bytes, 0);
    final Fd copy = MemFd.create("plan", bytes.capacity(), 0);
    FileIo.pwrite(copy, bytes.rewind(), 0);
    return copy;
  }

  private void closePlan() {
    if (plan != null) {
      plan.close();
    }
  }

  private void replace(
      final Fd file, final Collecting program, final int step, final int number, final int arg) {
    final int start = word(file, program.offset);
    steps = word(file, start + ProgramDescriptor.OP_COUNT_OFFSET);
    final int at =
        start
            + word(file, start + ProgramDescriptor.OPS_OFFSET_OFFSET)
            + step * ProgramDescriptor.OP_LENGTH;
    final ByteBuffer operation =
        ByteBuffer.allocateDirect(ProgramDescriptor.OP_LENGTH).order(LITTLE_ENDIAN);
    operation.putShort(ProgramDescriptor.OP_CODE_OFFSET, (short) ProgramDescriptor.OP_SYSCALL);
    operation.put(ProgramDescriptor.OP_EXPECT_OFFSET, (byte) ProgramDescriptor.EXPECT_SUCCESS);
    operation.putInt(ProgramDescriptor.OP_NUMBER_OFFSET, number);
    operation.putInt(ProgramDescriptor.OP_RESULT_OFFSET, ProgramDescriptor.NO_RESULT);
    operation.putLong(ProgramDescriptor.OP_ARG_OFFSET, arg);
    FileIo.pwrite(file, operation, at);
  }

  private static int word(final Fd file, final int offset) {
    final ByteBuffer word = ByteBuffer.allocateDirect(Integer.BYTES).order(LITTLE_ENDIAN);
    FileIo.pread(file, word, offset);
    return word.getInt(0);
  }

  private void expectToGoOn(final VictimInstance victim) {
    victim.expectOk();
    host.checkpointer().changing(request -> request);
    try (VictimSnapshot snapshot = victim.snapshot();
        VictimInstance fork = snapshot.fork(MemoryStrategy.MAP)) {
      fork.expectOk();
    }
  }

  @ParameterizedTest
  @EnumSource
  void shouldGoOnAfterAnErrorAtAnyStep(final Collecting program) {
    final VictimInstance victim = host.run("task_signal_stacks");
    steps = 1;
    for (int step = 0; step < steps; step++) {
      replace(program, step, NO_SYSTEM_CALL, 0);
      assertThatExceptionOfType(FreezeException.class)
          .as("step %d of %s", step, program)
          .isThrownBy(() -> host.checkpointer().take(victim, entry, DEADLINE))
          .satisfies(
              e -> {
                assertThat(e.number()).isEqualTo(ENOSYS);
                assertThat(e.stage()).isEqualTo(program.stage);
              });
      victim.expectOk();
    }
    assertThat(steps).isGreaterThan(5);
    expectToGoOn(victim);
  }

  @ParameterizedTest
  @EnumSource(names = {"PROCESS", "TASK"})
  void shouldGoOnWhenTimeIsUpAtAnyStep(final Collecting program) {
    final VictimInstance victim = host.run("task_signal_stacks");
    steps = 1;
    for (int step = 0; step < steps; step += STRIDE) {
      replace(program, step, SystemCall.PAUSE, 0);
      assertThatExceptionOfType(DeadlineException.class)
          .as("step %d of %s", step, program)
          .isThrownBy(() -> host.checkpointer().take(victim, entry, SHORT));
      victim.expectOk();
    }
    expectToGoOn(victim);
  }

  @ParameterizedTest
  @EnumSource(names = {"PROCESS", "TASK"})
  void shouldEndWithProcessThatEndsAtAnyStep(final Collecting program) {
    steps = 1;
    for (int step = 0; step < steps; step += STRIDE) {
      final VictimInstance victim = host.run("task_signal_stacks");
      replace(program, step, SystemCall.EXIT_GROUP, STATUS);
      assertThatExceptionOfType(NotFoundException.class)
          .as("step %d of %s", step, program)
          .isThrownBy(() -> host.checkpointer().take(victim, entry, DEADLINE));
      assertThat(victim.exitStatus().code()).isEqualTo(STATUS);
      assertThat(host.keeper().list()).isEmpty();
    }
  }

  @Test
  void shouldNotLookAtInstanceThatHasEnded() {
    final VictimInstance victim = host.run("task_signal_stacks");
    victim.close();
    assertThatExceptionOfType(NotFoundException.class)
        .isThrownBy(() -> host.checkpointer().take(victim, entry, DEADLINE));
  }
}
