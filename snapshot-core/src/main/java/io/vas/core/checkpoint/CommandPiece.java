package io.vas.core.checkpoint;

import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.VasException;
import io.vas.core.image.CommandState;
import io.vas.core.image.Image;
import io.vas.core.image.Piece;
import io.vas.core.image.RunAsState;
import io.vas.core.linux.Capability;
import io.vas.core.sandbox.RunAs;
import io.vas.core.sandbox.RunSpec;
import java.util.Optional;

/** The piece of an image that says what the instance was started to run. */
public final class CommandPiece {
  private static final String KIND = "command";

  private CommandPiece() {}

  /**
   * Write it.
   *
   * @param spec what the instance was started to run.
   * @return the piece.
   */
  public static Piece of(final RunSpec spec) {
    return Piece.newBuilder().setKind(KIND).setState(encode(spec).toByteString()).build();
  }

  /**
   * Read it.
   *
   * @param image a snapshot's image.
   * @return what the instance was started to run, without a name.
   * @throws VasException if the image has no such piece.
   */
  public static RunSpec read(final Image image) {
    return find(image)
        .orElseThrow(() -> new VasException("the image says nothing of the instance's command"));
  }

  /**
   * Whom the instance was started to run as.
   *
   * @param image a snapshot's image.
   * @return empty if it is root, or the image has no such piece.
   */
  public static Optional<RunAs> runAs(final Image image) {
    return find(image).flatMap(RunSpec::runAs);
  }

  private static Optional<RunSpec> find(final Image image) {
    for (final Piece piece : image.getPiecesList()) {
      if (piece.getKind().equals(KIND)) {
        try {
          return Optional.of(decode(CommandState.parseFrom(piece.getState())));
        } catch (final InvalidProtocolBufferException e) {
          throw new VasException("the image's command can not be read", e);
        }
      }
    }
    return Optional.empty();
  }

  /**
   * As it is kept.
   *
   * @param spec what the instance was started to run.
   * @return the same, but for its name.
   */
  public static CommandState encode(final RunSpec spec) {
    final CommandState.Builder state =
        CommandState.newBuilder()
            .addAllCommand(spec.command())
            .putAllEnvironment(spec.env())
            .setWorkingDirectory(spec.workingDirectory())
            .setAddedCapabilities(Capability.maskOf(spec.addCapabilities()))
            .setPrivileged(spec.privileged());
    spec.runAs()
        .ifPresent(
            runAs ->
                state.setRunAs(
                    RunAsState.newBuilder()
                        .setUid(runAs.uid())
                        .setGid(runAs.gid())
                        .addAllGroups(runAs.groups())
                        .setHome(runAs.home())));
    return state.build();
  }

  /**
   * As it was kept.
   *
   * @param state what {@link #encode} made.
   * @return what the instance was started to run, without a name.
   */
  public static RunSpec decode(final CommandState state) {
    return new RunSpec(
        "",
        state.getCommandList(),
        state.getEnvironmentMap(),
        state.getWorkingDirectory(),
        Capability.setOf(state.getAddedCapabilities()),
        state.getPrivileged(),
        state.hasRunAs() ? Optional.of(decode(state.getRunAs())) : Optional.empty());
  }

  private static RunAs decode(final RunAsState state) {
    return new RunAs(state.getUid(), state.getGid(), state.getGroupsList(), state.getHome());
  }
}
