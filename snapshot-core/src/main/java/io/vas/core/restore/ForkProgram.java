package io.vas.core.restore;

import io.vas.core.VasException;
import io.vas.core.checkpoint.CommandPiece;
import io.vas.core.checkpoint.SandboxPiece;
import io.vas.core.image.Image;
import io.vas.core.keeper.Keeper;
import io.vas.core.keeper.Params;
import io.vas.core.keeper.ProgramFile;
import io.vas.core.keeper.SpawnReply;
import io.vas.core.keeper.SpawnRequest;
import io.vas.core.linux.Fd;
import io.vas.core.memory.MemoryPlan;
import io.vas.core.memory.PageSource;
import io.vas.core.program.Program;
import io.vas.core.sandbox.KeptNetwork;
import io.vas.core.sandbox.RunSpec;
import io.vas.core.sandbox.SandboxBase;
import io.vas.core.sandbox.SandboxSpec;
import java.time.Duration;
import java.util.List;

/** A snapshot compiled to a program, from which any number of instances are started. */
public final class ForkProgram implements AutoCloseable {

  private final Image image;
  private final PageSource pages;
  private final List<Long> pageFiles;
  private final MemoryPlan plan;
  private final ProgramFile file;
  private final long base;
  private final int stackLength;
  private final List<String> layers;
  private final SandboxSpec sandbox;
  private final HostFileSet hostFiles;
  private volatile RunSpec command;

  ForkProgram(
      final Image image,
      final PageSource pages,
      final List<Long> pageFiles,
      final MemoryPlan plan,
      final ProgramFile file,
      final long base,
      final int stackLength,
      final List<String> layers) {
    this.image = image;
    this.pages = pages;
    this.pageFiles = pageFiles;
    this.plan = plan;
    this.file = file;
    this.base = base;
    this.stackLength = stackLength;
    this.layers = List.copyOf(layers);
    this.sandbox = SandboxPiece.read(image);
    this.hostFiles = new HostFileSet(image);
  }

  /**
   * Start an instance.
   *
   * @param keeper who is to be its parent.
   * @param id its number, not 0 and not used by another one that lives.
   * @param log a file that takes its standard output and error, open for appending.
   * @param deadline how long it may take until it runs.
   * @param meanwhile is done while the keeper starts it; throws nothing.
   * @return the instance, which runs.
   * @throws io.vas.core.keeper.SpawnException if it could not be started; nothing of it is left.
   * @throws io.vas.core.DeadlineException if it did not run in time; nothing of it is left.
   * @throws VasException if a file of the host that the snapshot maps has changed.
   */
  public SpawnReply fork(
      final Keeper keeper,
      final long id,
      final Fd log,
      final Duration deadline,
      final Runnable meanwhile) {
    return keeper.spawn(request(keeper, id, log, deadline).meanwhile(meanwhile).releases());
  }

  /**
   * Start an instance that waits before its first instruction until it is {@link Keeper#pause
   * paused} and {@link Keeper#resume resumed}. As {@link #fork} otherwise.
   *
   * @param keeper who is to be its parent.
   * @param id its number, not 0 and not used by another one that lives.
   * @param log a file that takes its standard output and error, open for appending.
   * @param deadline how long it may take until it waits.
   * @param meanwhile is done while the keeper starts it; throws nothing.
   * @return the instance.
   */
  public SpawnReply forkHeld(
      final Keeper keeper,
      final long id,
      final Fd log,
      final Duration deadline,
      final Runnable meanwhile) {
    return keeper.spawn(request(keeper, id, log, deadline).meanwhile(meanwhile).holds());
  }

  /**
   * Start an instance in the net namespace of another one, whose place it is to take. As {@link
   * #forkHeld} otherwise.
   *
   * @param network the net namespace.
   * @param keeper who is to be its parent.
   * @param id its number, not 0 and not used by another one that lives.
   * @param log a file that takes its standard output and error, open for appending.
   * @param deadline how long it may take until it waits.
   * @param meanwhile is done while the keeper starts it: gives it the network when it asks for it.
   *     Throws nothing, and asks the keeper nothing.
   * @return the instance.
   */
  public SpawnReply forkHeldIn(
      final KeptNetwork network,
      final Keeper keeper,
      final long id,
      final Fd log,
      final Duration deadline,
      final Runnable meanwhile) {
    hostFiles.check();
    final Params params =
        params(log)
            .attached(ForkCompiler.NETWORK, network.socket())
            .immediate(ForkCompiler.NETWORK_IS_KEPT, 1);
    return keeper.spawn(
        complete(SandboxBase.of(keeper).requestWithoutNetwork(id, file, params), deadline)
            .meanwhile(meanwhile)
            .holds());
  }

  private SpawnRequest request(
      final Keeper keeper, final long id, final Fd log, final Duration deadline) {
    hostFiles.check();
    final Params params =
        params(log).control(ForkCompiler.NETWORK).immediate(ForkCompiler.NETWORK_IS_KEPT, 0);
    return complete(SandboxBase.of(keeper).request(id, file, params), deadline);
  }

  private Params params(final Fd log) {
    final Params params =
        Params.forSpawn(file.program())
            .control(ForkCompiler.CONTROL)
            .attached(ForkCompiler.LOG, log);
    for (final long file : pageFiles) {
      params.held(ForkCompiler.pageFileParameter(file), pages.held(file));
    }
    for (int i = 0; i < layers.size(); i++) {
      params.held(layers.get(i), pages.heldLayers().get(i));
    }
    return params;
  }

  private SpawnRequest complete(final SpawnRequest request, final Duration deadline) {
    return request
        .area(base, stackLength)
        .fileRanges(plan.needsGuard() ? file.program().dataOffset(FileRanges.NAME) : 0)
        .deadline(deadline);
  }

  /**
   * What a fork does.
   *
   * @return the program.
   */
  public Program program() {
    return file.program();
  }

  /** The program with the executor before it. */
  ProgramFile file() {
    return file;
  }

  /**
   * How the memory comes back.
   *
   * @return the plan.
   */
  public MemoryPlan memoryPlan() {
    return plan;
  }

  /**
   * What the instance was started to run.
   *
   * @return the command, without a name.
   * @throws VasException if the image does not say.
   */
  public RunSpec command() {
    if (command == null) {
      command = CommandPiece.read(image);
    }
    return command;
  }

  /**
   * What a fork lives in.
   *
   * @return the same for all forks.
   */
  public SandboxSpec sandbox() {
    return sandbox;
  }

  /**
   * The snapshot.
   *
   * @return its image.
   */
  public Image image() {
    return image;
  }

  /**
   * The snapshot's pages.
   *
   * @return where they are.
   */
  public PageSource pages() {
    return pages;
  }

  /** Free the program; instances that run are not concerned. */
  @Override
  public void close() {
    file.close();
  }
}
