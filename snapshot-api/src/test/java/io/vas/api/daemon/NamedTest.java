package io.vas.api.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.core.UnsupportedException;
import io.vas.core.VasException;
import org.junit.jupiter.api.Test;

class NamedTest {
  @Test
  void shouldSayWhichInstanceItIsAbout() {
    final VasException error =
        Named.error("instance x", new UnsupportedException(7, "unix socket", "it is unfit"));

    assertThat(error)
        .isInstanceOf(UnsupportedException.class)
        .hasMessageStartingWith("instance x: pid 7")
        .hasMessageContaining("unix socket");
  }

  @Test
  void shouldNotSayItTwice() {
    for (final String message : new String[] {"instance x has ended", "instance x: it is unfit"}) {
      final VasException error = new VasException(message);

      assertThat(Named.error("instance x", error)).isSameAs(error);
    }
  }
}
