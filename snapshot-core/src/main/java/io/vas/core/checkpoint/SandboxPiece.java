package io.vas.core.checkpoint;

import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.VasException;
import io.vas.core.image.Image;
import io.vas.core.image.Piece;
import io.vas.core.image.SandboxState;
import io.vas.core.sandbox.SandboxSpec;

/** The piece of an image that says what the instance's sandbox is made from. */
public final class SandboxPiece {
  private static final String KIND = "sandbox";

  private SandboxPiece() {}

  static Piece of(final SandboxSpec spec) {
    return Piece.newBuilder().setKind(KIND).setState(spec.encode().toByteString()).build();
  }

  /**
   * Put another one in its place.
   *
   * @param image a snapshot's image.
   * @param spec what the sandbox of its forks is made from from now on.
   * @return a copy of the image.
   */
  public static Image replace(final Image image, final SandboxSpec spec) {
    final Image.Builder copy = image.toBuilder();
    for (int i = 0; i < copy.getPiecesCount(); i++) {
      if (copy.getPieces(i).getKind().equals(KIND)) {
        copy.setPieces(i, of(spec));
      }
    }
    return copy.build();
  }

  /**
   * Read it.
   *
   * @param image a snapshot's image.
   * @return what the sandbox of its forks is made from.
   * @throws VasException if the image has no such piece.
   */
  public static SandboxSpec read(final Image image) {
    for (final Piece piece : image.getPiecesList()) {
      if (piece.getKind().equals(KIND)) {
        try {
          return SandboxSpec.decode(SandboxState.parseFrom(piece.getState()));
        } catch (final InvalidProtocolBufferException e) {
          throw new VasException("the image's sandbox can not be read", e);
        }
      }
    }
    throw new VasException("the image says nothing of the instance's sandbox");
  }
}
