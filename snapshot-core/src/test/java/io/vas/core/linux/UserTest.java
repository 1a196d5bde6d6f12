package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class UserTest {
  @Test
  void shouldKnowRoot() {
    assertThat(User.of(0)).contains(new User(0, "root", "/root"));
  }

  @Test
  void shouldKnowNobodyOfANumberThatIsNotUsed() {
    assertThat(User.of(0xFFFF_FFF0)).isEmpty();
  }
}
