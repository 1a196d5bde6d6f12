package io.vas.core.restore;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.DirectoriesState;
import io.vas.core.image.Piece;
import io.vas.core.image.ProcessImage;
import io.vas.core.resource.Directories;
import io.vas.core.resource.RecordLocks;
import java.util.Optional;

/** Whether a process, as it is, can open and close files as its image means it. */
final class OpensFiles {
  private static final ByteString ROOT = ByteString.copyFromUtf8("/");

  private OpensFiles() {}

  /**
   * Whether its paths begin where those of an image do, at the instance's root: it has not called
   * chroot(2).
   */
  static boolean byPath(final ProcessImage process) throws InvalidProtocolBufferException {
    final Optional<Piece> directories = piece(process, Directories.KIND);
    return directories.isPresent()
        && DirectoriesState.parseFrom(directories.get().getState()).getRoot().equals(ROOT);
  }

  /**
   * Whether it has nothing to lose by closing: it gives up its record locks of a file when it
   * closes any descriptor of it, see fcntl(2).
   */
  static boolean withoutLocks(final ProcessImage process) {
    return piece(process, RecordLocks.KIND).isEmpty();
  }

  static Optional<Piece> piece(final ProcessImage process, final String kind) {
    return process.getPiecesList().stream().filter(p -> p.getKind().equals(kind)).findFirst();
  }
}
