package io.vas.core.restore;

import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.VictimHost;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@ExtendWith(LeakCheck.class)
class MemoryVictimsTest {
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
  @ValueSource(strings = {"mem_private"})
  void shouldFindMemoryAsItWas(final String victim) {
    host.run(victim).expectToSurvive();
  }
}
