package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import org.junit.jupiter.api.Test;

class NamesTest {
  @Test
  void shouldKeepAnyBytes() {
    final Random random = new Random(1);
    for (int i = 0; i < 1000; i++) {
      final byte[] bytes = new byte[random.nextInt(20)];
      random.nextBytes(bytes);
      assertThat(RawText.encode(RawText.decode(bytes))).isEqualTo(bytes);
    }
    assertThat(RawText.decode(RawText.encode("grün \uD83D\uDC1D"))).isEqualTo("grün \uD83D\uDC1D");
  }

  @Test
  void shouldKnowErrorNumbers() {
    assertThat(Errno.of(2)).isEqualTo(Errno.ENOENT);
    assertThat(Errno.of(11)).isEqualTo(Errno.EAGAIN);
    assertThat(Errno.of(133)).isEqualTo(Errno.EHWPOISON);
    assertThat(Errno.of(516)).isEqualTo(Errno.ERESTART_RESTARTBLOCK);
    assertThat(Errno.of(41)).isEqualTo(Errno.UNKNOWN);
    assertThat(Errno.of(-1)).isEqualTo(Errno.UNKNOWN);
    assertThat(Errno.of(100_000)).isEqualTo(Errno.UNKNOWN);
    assertThat(Errno.describe(12)).isEqualTo("ENOMEM (Cannot allocate memory)");
    assertThat(Errno.describe(4000)).isEqualTo("errno 4000 (unknown error)");
  }

  @Test
  void shouldEncodeDeviceNumbersAsTheCLibraryDoes() {
    assertThat(new DeviceNumber(0xFE, 3).encoded()).isEqualTo(0xFE03);
    for (final DeviceNumber device :
        new DeviceNumber[] {
          new DeviceNumber(1, 3),
          new DeviceNumber(0, 0x12345),
          new DeviceNumber(0xABCDE, 0xFFFFF),
          new DeviceNumber(259, 70000)
        }) {
      assertThat(DeviceNumber.of(device.encoded())).isEqualTo(device);
    }
  }
}
