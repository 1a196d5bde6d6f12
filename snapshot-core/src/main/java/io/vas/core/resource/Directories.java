package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.DirectoriesState;
import io.vas.core.linux.RawText;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.util.Optional;
import java.util.Set;

/** The working directory, and the root directory of a process that has changed it. */
public final class Directories implements ProcessResource {
  /** The kind's name. */
  public static final String KIND = "directories";

  private static final String WORKING = "cwd";
  private static final String ROOT = "root";

  /** The links that are recorded. Nothing depends on the times and sizes of what they lead to. */
  public static final Set<String> LINKS = Set.of(WORKING, ROOT);

  /** The kind. */
  public Directories() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Phase phase() {
    // Until then, paths mean what they mean in the instance's own root.
    return Phase.CREDENTIALS;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    plan.processLink(WORKING);
    plan.processLink(ROOT);
  }

  @Override
  public Optional<? extends Message> capture(
      final ProcessRecord process, final CaptureContext context) {
    return Optional.of(
        DirectoriesState.newBuilder()
            .setWorkingDirectory(path(WORKING, "working directory", process, context))
            .setRoot(path(ROOT, "root directory", process, context))
            .build());
  }

  private static ByteString path(
      final String name,
      final String what,
      final ProcessRecord process,
      final CaptureContext context) {
    final RecordedLink link =
        process
            .link(name)
            .orElseThrow(() -> context.unsupported(process, what, "it could not be read"));
    if (link.status().links() == 0 && !context.isOnlyCompared()) {
      throw context.unsupported(process, what, link.target() + ": it is removed");
    }
    if (!link.target().startsWith("/")) {
      throw context.unsupported(
          process, what, link.target() + ": it is outside of the instance's root");
    }
    return ByteString.copyFrom(RawText.encode(link.target()));
  }

  @Override
  public boolean isSettable() {
    return true;
  }

  @Override
  public void restore(final ByteString state, final ProcessRestore restore)
      throws InvalidProtocolBufferException {
    final DirectoriesState image = DirectoriesState.parseFrom(state);
    final ProgramBuilder program = restore.program();
    final String root = RawText.decode(image.getRoot().toByteArray());
    // Both paths begin at the instance's root, and chroot leaves the working directory alone.
    program.call(
        restore.name("chdir"),
        SystemCall.CHDIR,
        program.string(RawText.decode(image.getWorkingDirectory().toByteArray())));
    if (!root.equals("/")) {
      program.call(restore.name("chroot"), SystemCall.CHROOT, program.string(root));
    }
  }
}
