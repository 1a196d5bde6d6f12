package io.vas.api.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class TellingTest {
  private final List<Runnable> atEnd = new ArrayList<>();
  private final PrintStream nowhere =
      new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8);
  private final Console console =
      new Console(
          InputStream.nullInputStream(),
          nowhere,
          nowhere,
          false,
          () -> {
            throw new AssertionError("nobody connects");
          },
          atEnd::add);

  private Thread end() {
    assertThat(atEnd).hasSize(1);
    final Thread thread = new Thread(atEnd.get(0));
    thread.start();
    return thread;
  }

  @Test
  void shouldKeepTheProcessUntilAllIsTold() throws InterruptedException {
    final Thread end;
    try (Telling telling = new Telling(console)) {
      telling.begin();
      end = end();
      while (end.getState() != Thread.State.TIMED_WAITING) {
        assertThat(end.isAlive()).isTrue();
        Thread.onSpinWait();
      }
    }
    end.join();
  }

  @Test
  void shouldNotKeepTheProcessWhileThereIsNothingToTell() throws InterruptedException {
    try (Telling telling = new Telling(console)) {
      end().join();
      telling.begin();
    }
  }
}
