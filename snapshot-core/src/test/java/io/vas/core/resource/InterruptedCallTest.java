package io.vas.core.resource;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.core.program.SystemCall;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class InterruptedCallTest {
  private static final long RIP = 0x7000_1234;
  private static final int EINTR = 4;

  private static GeneralRegisters in(final long call, final long result) {
    final GeneralRegisters registers = new GeneralRegisters(new byte[GeneralRegisters.LENGTH]);
    registers.set(GeneralRegisters.RIP_OFFSET, RIP);
    registers.set(GeneralRegisters.ORIG_RAX_OFFSET, call);
    registers.set(GeneralRegisters.RAX_OFFSET, result);
    return registers;
  }

  @ParameterizedTest
  @ValueSource(longs = {-512, -513, -514, -516})
  void shouldMakeCallAgain(final long result) {
    final GeneralRegisters registers = in(SystemCall.FUTEX, result);
    assertThat(InterruptedCall.resume(registers, false)).hasValue(SystemCall.FUTEX);
    assertThat(registers.get(GeneralRegisters.RIP_OFFSET)).isEqualTo(RIP - 2);
    assertThat(registers.get(GeneralRegisters.RAX_OFFSET)).isEqualTo(SystemCall.FUTEX);
    assertThat(registers.get(GeneralRegisters.ORIG_RAX_OFFSET)).isEqualTo(-1);
  }

  @ParameterizedTest
  @ValueSource(longs = {-514, -516})
  void shouldLetWaitingSignalEndCall(final long result) {
    final GeneralRegisters registers = in(SystemCall.PAUSE, result);
    assertThat(InterruptedCall.resume(registers, true)).isEmpty();
    assertThat(registers.get(GeneralRegisters.RIP_OFFSET)).isEqualTo(RIP);
    assertThat(registers.get(GeneralRegisters.RAX_OFFSET)).isEqualTo(-EINTR);
  }

  @Test
  void shouldKeepResultOfCallThatIsDone() {
    final GeneralRegisters registers = in(SystemCall.READ, 17);
    assertThat(InterruptedCall.resume(registers, false)).isEmpty();
    assertThat(registers.get(GeneralRegisters.RIP_OFFSET)).isEqualTo(RIP);
    assertThat(registers.get(GeneralRegisters.RAX_OFFSET)).isEqualTo(17);
  }

  @Test
  void shouldLeaveCodeOutsideOfCallsAlone() {
    final GeneralRegisters registers = in(-1, -512);
    assertThat(InterruptedCall.resume(registers, false)).isEmpty();
    assertThat(registers.get(GeneralRegisters.RIP_OFFSET)).isEqualTo(RIP);
    assertThat(registers.get(GeneralRegisters.RAX_OFFSET)).isEqualTo(-512);
  }
}
