package io.vas.core.restore;

import io.vas.core.keeper.MendReply;
import io.vas.core.testing.LeakCheck;
import io.vas.core.testing.VictimHost;
import io.vas.core.testing.VictimInstance;
import io.vas.core.testing.VictimSnapshot;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** A host of victims that are put back in place. */
@ExtendWith(LeakCheck.class)
abstract class InPlaceTest {
  static final int SIGUSR2 = 12;

  @TempDir Path directory;
  VictimHost host;
  InPlaceRollback rollback;

  @BeforeEach
  void start() {
    host = new VictimHost(directory);
    rollback = new InPlaceRollback(host.checkpointer());
  }

  @AfterEach
  void stop() {
    rollback.close();
    host.close();
  }

  MendReply rollBack(final VictimInstance victim, final VictimSnapshot snapshot) {
    return rollback.run(
        victim, snapshot.image(), snapshot.pages(), false, false, VictimHost.DEADLINE);
  }
}
