package io.vas.store;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.VasException;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class ImageDeltaTest {
  private static void check(final byte[] base, final byte[] image, final int most) {
    final ImageDelta delta = new ImageDelta(base);
    final byte[] encoded = delta.encode(image);
    assertThat(encoded.length).isLessThanOrEqualTo(most);
    assertThat(delta.decode(encoded, image.length)).isEqualTo(image);
  }

  @Test
  void shouldFindWhatIsTheSame() {
    final byte[] base = new byte[20_000];
    new Random(1).nextBytes(base);
    check(base, base, 8);
    check(base, new byte[0], 0);
    check(new byte[0], base, 20_004);
    final byte[] changed = base.clone();
    changed[7]++;
    changed[10_000]++;
    changed[19_999]++;
    check(base, changed, 40);
    // A few bytes more, and a few less.
    final byte[] moved = new byte[20_000];
    System.arraycopy(base, 0, moved, 0, 5000);
    System.arraycopy(base, 5000, moved, 5011, 9000);
    System.arraycopy(base, 14_100, moved, 14_011, 5900);
    check(base, Arrays.copyOf(moved, 19_911), 80);
  }

  @Test
  void shouldCopeWithWhatRepeatsItself() {
    check(new byte[5000], new byte[6000], 8);
    check("abc".repeat(1000).getBytes(UTF_8), "bca".repeat(900).getBytes(UTF_8), 30);
  }

  @Test
  void shouldBringBackWhateverThereIs() {
    final long seed = System.nanoTime();
    final Random random = new Random(seed);
    for (int i = 0; i < 2000; i++) {
      final byte[] base = new byte[random.nextInt(400)];
      final byte[] image = new byte[random.nextInt(400)];
      // Few values, so that there are matches of all lengths.
      for (int k = 0; k < base.length; k++) {
        base[k] = (byte) random.nextInt(2);
      }
      for (int at = 0; at < image.length; ) {
        final int length = 1 + random.nextInt(60);
        for (int from = random.nextInt(400), k = 0; k < length && at < image.length; k++) {
          image[at++] = from + k < base.length ? base[from + k] : (byte) random.nextInt(2);
        }
      }
      final ImageDelta delta = new ImageDelta(base);
      assertThat(delta.decode(delta.encode(image), image.length))
          .as("seed %d, %d", seed, i)
          .isEqualTo(image);
    }
  }

  @Test
  void shouldSayThatItIsDamaged() {
    final ImageDelta delta = new ImageDelta(new byte[100]);
    final byte[] encoded = delta.encode(new byte[90]);
    assertThatExceptionOfType(VasException.class)
        .isThrownBy(() -> delta.decode(encoded, 200))
        .withMessageContaining("damaged at byte 90");
  }
}
