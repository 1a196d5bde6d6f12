package io.vas.core.restore;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.keeper.ProgramFile;
import io.vas.core.keeper.SpawnException;
import io.vas.core.linux.FileIo;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.program.Program;
import io.vas.core.program.ProgramDescriptor;
import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.VictimHost;
import io.vas.core.testing.VictimInstance;
import io.vas.core.testing.VictimSnapshot;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(LeakCheck.class)
class ForkFaultsTest {
  private static final String LAST_WORD = "tell the keeper";
  private static final int NO_SYSTEM_CALL = 100_000;
  private static final int ENOSYS = 38;

  @TempDir Path directory;
  private VictimHost host;

  @BeforeEach
  void start() {
    host = new VictimHost(directory);
  }

  @AfterEach
  void stop() {
    host.close();
  }

  @ParameterizedTest
  @ValueSource(strings = {"mem_files", "call_interrupted"})
  void shouldLeaveNothingWhateverStepFails(final String name) {
    final VictimInstance victim = host.run(name);
    try (VictimSnapshot snapshot = victim.snapshot()) {
      try (VictimInstance fork = snapshot.fork(MemoryStrategy.MAP)) {
        fork.expectOk();
      }
      final Program program = snapshot.program().program();
      for (int step = 0; step < program.stepCount(); step++) {
        if (!isSkipped(program, step)) {
          failAt(step, snapshot);
        }
      }
      try (VictimInstance fork = snapshot.fork(MemoryStrategy.MAP)) {
        fork.expectOk();
      }
    }
    victim.expectOk();
    // Whatever a failed fork left would be left now, too: the extension looks.
    assertThat(host.keeper().list()).hasSize(1);
  }

  private static void failAt(final int step, final VictimSnapshot snapshot) {
    final ProgramFile file = snapshot.program().file();
    final Program program = file.program();
    final ByteBuffer all = ByteBuffer.wrap(program.bytes()).order(LITTLE_ENDIAN);
    final int at =
        all.getInt(ProgramDescriptor.OPS_OFFSET_OFFSET) + step * ProgramDescriptor.OP_LENGTH;
    final ByteBuffer original = ByteBuffer.allocateDirect(ProgramDescriptor.OP_LENGTH);
    original.put(program.bytes(), at, ProgramDescriptor.OP_LENGTH).flip();
    final ByteBuffer failing =
        ByteBuffer.allocateDirect(ProgramDescriptor.OP_LENGTH).order(LITTLE_ENDIAN);
    failing.putShort(ProgramDescriptor.OP_CODE_OFFSET, (short) ProgramDescriptor.OP_SYSCALL);
    failing.put(ProgramDescriptor.OP_EXPECT_OFFSET, (byte) ProgramDescriptor.EXPECT_SUCCESS);
    failing.putInt(ProgramDescriptor.OP_NUMBER_OFFSET, NO_SYSTEM_CALL);
    failing.putInt(ProgramDescriptor.OP_RESULT_OFFSET, ProgramDescriptor.NO_RESULT);
    FileIo.pwrite(file.fd(), failing, file.codeLength() + (long) at);
    try {
      expectFailure(step, snapshot, program);
    } finally {
      FileIo.pwrite(file.fd(), original, file.codeLength() + (long) at);
    }
  }

  private static void expectFailure(
      final int step, final VictimSnapshot snapshot, final Program program) {
    if (isPastRelease(program, step)) {
      // Too late for an error: the instance is there, and ends by itself.
      try (VictimInstance fork = snapshot.fork(MemoryStrategy.MAP)) {
        assertThat(fork.exitStatus().code()).as(program.stepName(step)).isEqualTo(127);
      } catch (final SpawnException e) {
        assertThat(e.number()).isEqualTo(ENOSYS);
      }
      return;
    }
    assertThatExceptionOfType(SpawnException.class)
        .as("step %d, %s", step, program.stepName(step))
        .isThrownBy(() -> snapshot.fork(MemoryStrategy.MAP))
        .satisfies(
            e -> {
              assertThat(e.number()).isEqualTo(ENOSYS);
              assertThat(e.stepName()).isEqualTo(program.stepName(step));
              assertThat(e).hasMessageContaining(program.resourceOf(step));
            });
  }

  /** Each task has a few steps after the barrier behind which the keeper is told. */
  private static boolean isPastRelease(final Program program, final int step) {
    int told = 0;
    while (!program.stepName(told).equals(LAST_WORD)) {
      told++;
    }
    // The first task closes what it needed no more, waits and returns; the others wait and return.
    return step > told
        && (step <= told + 3 || isSignalReturn(program, step) || isSignalReturn(program, step + 1));
  }

  private static boolean isSignalReturn(final Program program, final int step) {
    return step < program.stepCount()
        && operation(program, step).getShort(ProgramDescriptor.OP_CODE_OFFSET)
            == ProgramDescriptor.OP_SIGRETURN;
  }

  /** Whether a step before may jump over this one, so that its failure need not be met. */
  private static boolean isSkipped(final Program program, final int step) {
    for (int before = 0; before < step; before++) {
      final ByteBuffer operation = operation(program, before);
      if (operation.getShort(ProgramDescriptor.OP_CODE_OFFSET) == ProgramDescriptor.OP_SKIP
          && before + operation.getInt(ProgramDescriptor.OP_NUMBER_OFFSET) >= step) {
        return true;
      }
    }
    return false;
  }

  private static ByteBuffer operation(final Program program, final int step) {
    final ByteBuffer all = ByteBuffer.wrap(program.bytes()).order(LITTLE_ENDIAN);
    final int at =
        all.getInt(ProgramDescriptor.OPS_OFFSET_OFFSET) + step * ProgramDescriptor.OP_LENGTH;
    return all.slice(at, ProgramDescriptor.OP_LENGTH).order(LITTLE_ENDIAN);
  }
}
