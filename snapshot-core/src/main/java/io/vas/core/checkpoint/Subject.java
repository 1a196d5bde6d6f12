package io.vas.core.checkpoint;

import io.vas.core.image.Image;
import io.vas.core.image.Piece;
import io.vas.core.keeper.Keeper;
import io.vas.core.linux.FileStatus;
import io.vas.core.memory.PageSource;
import io.vas.core.sandbox.SandboxSpec;
import java.util.List;
import java.util.Optional;

/** The instance that a snapshot is taken of, as far as that must know it. */
public interface Subject {
  /**
   * Its number.
   *
   * @return the id that the keeper knows it by.
   */
  long id();

  /**
   * Its first process.
   *
   * @return the pid as the host sees it.
   */
  int pid();

  /**
   * Who holds it.
   *
   * @return the connection to its keeper.
   */
  Keeper keeper();

  /**
   * What its sandbox was made from.
   *
   * @return its spec.
   */
  SandboxSpec sandbox();

  /**
   * The file that it was given as standard output and error.
   *
   * @return that file's status.
   */
  FileStatus log();

  /**
   * What it adds to the image of its own accord.
   *
   * @return pieces of kinds that no resource has.
   */
  default List<Piece> pieces() {
    return List.of();
  }

  /**
   * Where it comes from.
   *
   * @return empty if it was started by a command.
   */
  Optional<Origin> origin();

  /**
   * The snapshot that an instance was forked from.
   *
   * @param image of the snapshot.
   * @param pages of the snapshot.
   */
  record Origin(Image image, PageSource pages) {}
}
