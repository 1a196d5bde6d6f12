package io.vas.core.resource;

import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Value;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.BiConsumer;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * What is to be recorded while an instance is frozen. Resources add to it; what two ask for is
 * recorded once.
 *
 * <p>Programs are shared by all resources, so names of steps and data begin with the kind they
 * belong to, and steps must not fail: record a result with {@code callAny}, and judge it later. In
 * the process and task programs, which run in the instance's tasks, a step must not change anything
 * either.
 */
public final class PlanBuilder {
  private final Set<String> processFiles = new LinkedHashSet<>();
  private final Set<String> taskFiles = new LinkedHashSet<>();
  private final Set<String> runningFiles = new LinkedHashSet<>();
  private final Set<String> processLinks = new LinkedHashSet<>();
  private final ProgramBuilder processProgram = new ProgramBuilder();
  private final ProgramBuilder taskProgram = new ProgramBuilder();
  private final ProgramBuilder instanceProgram = new ProgramBuilder();
  private final Map<String, DescriptorProgram> descriptorRules = new LinkedHashMap<>();

  /** Parameter of the instance program: the directory of the files that the instance changed. */
  public static final String UPPER = "upper";

  /** Parameter of the instance program: the directory that takes the snapshot's copy of them. */
  public static final String LAYER = "layer";

  /** Parameter of the instance program: a socket that tells of the instance's sockets. */
  public static final String SOCK_DIAG = "sock_diag";

  /** Parameter of the instance program: the instance's root directory, opened with O_PATH. */
  public static final String ROOT = "root";

  /**
   * Parameter of an instance program that compares files: the root directory that the snapshot's
   * forks begin with, or -1.
   */
  public static final String SNAPSHOT_ROOT = "snapshot's root";

  private final Value upper = instanceProgram.parameter(UPPER);
  private final Value layer = instanceProgram.parameter(LAYER);
  private final Value sockDiag = instanceProgram.parameter(SOCK_DIAG);
  private final Value root = instanceProgram.parameter(ROOT);
  private final Optional<Path> process;

  private record DescriptorProgram(ProgramBuilder program, Value descriptor) {}

  /** An empty plan for any instance. */
  public PlanBuilder() {
    process = Optional.empty();
  }

  /**
   * An empty plan for one instance, for which a plan for any was not enough ({@link
   * PlanOutdatedException}).
   *
   * @param process the directory of its first process below /proc.
   */
  public PlanBuilder(final Path process) {
    this.process = Optional.of(process);
  }

  /**
   * What a file of the first process says now, while the instance runs. It may say something else
   * when the instance is frozen.
   *
   * @param name below /proc/PID, for example {@code timers}.
   * @return its contents, empty if it can not be read or the plan is for any instance.
   */
  public DirectBuffer now(final String name) {
    if (process.isEmpty()) {
      return new UnsafeBuffer(new byte[0]);
    }
    try {
      return new UnsafeBuffer(Files.readAllBytes(process.get().resolve(name)));
    } catch (final IOException e) {
      return new UnsafeBuffer(new byte[0]);
    }
  }

  /**
   * Record a file of each process.
   *
   * @param name below /proc/PID, for example {@code status}.
   */
  public void processFile(final String name) {
    processFiles.add(name);
  }

  /**
   * Record a file of the first process twice, before it is frozen and after it: reading it takes
   * too long for that to happen in between.
   *
   * @param name below /proc/PID, for example {@code smaps}.
   */
  public void runningFile(final String name) {
    runningFiles.add(name);
  }

  /**
   * Record a file of each task.
   *
   * @param name below /proc/PID/task/TID, for example {@code comm}.
   */
  public void taskFile(final String name) {
    taskFiles.add(name);
  }

  /**
   * Record where a link of each process leads.
   *
   * @param name below /proc/PID, for example {@code cwd}.
   */
  public void processLink(final String name) {
    processLinks.add(name);
  }

  /**
   * The program that runs in the first task of each process.
   *
   * @return a builder to add steps to.
   */
  public ProgramBuilder processProgram() {
    return processProgram;
  }

  /**
   * The program that runs in each task.
   *
   * @return a builder to add steps to.
   */
  public ProgramBuilder taskProgram() {
    return taskProgram;
  }

  /**
   * The program that runs in the keeper, once, while the instance is frozen, with the parameters of
   * the freeze.
   *
   * @return a builder to add steps to.
   */
  public ProgramBuilder instanceProgram() {
    return instanceProgram;
  }

  /**
   * For the instance program: the directory of the files that the instance changed.
   *
   * @return the number of a descriptor.
   */
  public Value upper() {
    return upper;
  }

  /**
   * For the instance program: the directory that takes the snapshot's copy of those files.
   *
   * @return the number of a descriptor.
   */
  public Value layer() {
    return layer;
  }

  /**
   * For the instance program: a NETLINK_SOCK_DIAG socket in the instance's net namespace.
   *
   * @return the number of a descriptor.
   */
  public Value sockDiag() {
    return sockDiag;
  }

  /**
   * For the instance program: the instance's root directory, opened with O_PATH.
   *
   * @return the number of a descriptor.
   */
  public Value root() {
    return root;
  }

  /**
   * Run steps in the keeper, on a duplicate of each descriptor whose link begins with a prefix,
   * once for each open file description. The duplicate shares the file's position and flags with
   * the instance: steps must put back what they change.
   *
   * @param linkPrefix for example {@code socket:} or {@code anon_inode:[eventpoll]}; resources that
   *     give the same prefix add to the same program.
   * @param steps gets the program and the duplicate's number.
   */
  public void descriptorRule(
      final String linkPrefix, final BiConsumer<ProgramBuilder, Value> steps) {
    final DescriptorProgram rule =
        descriptorRules.computeIfAbsent(
            linkPrefix,
            prefix -> {
              final ProgramBuilder program = new ProgramBuilder();
              // The keeper puts the duplicate's number into the first slot.
              return new DescriptorProgram(program, program.parameter("descriptor"));
            });
    steps.accept(rule.program(), rule.descriptor());
  }

  /**
   * What {@link #processFile} was called with.
   *
   * @return names, in the order of the first calls.
   */
  public List<String> processFiles() {
    return new ArrayList<>(processFiles);
  }

  /**
   * What {@link #runningFile} was called with.
   *
   * @return names, in the order of the first calls.
   */
  public List<String> runningFiles() {
    return new ArrayList<>(runningFiles);
  }

  /**
   * What {@link #taskFile} was called with.
   *
   * @return names, in the order of the first calls.
   */
  public List<String> taskFiles() {
    return new ArrayList<>(taskFiles);
  }

  /**
   * What {@link #processLink} was called with.
   *
   * @return names, in the order of the first calls.
   */
  public List<String> processLinks() {
    return new ArrayList<>(processLinks);
  }

  /**
   * The programs for descriptors.
   *
   * @return builders by link prefix, in the order of the first calls.
   */
  public Map<String, ProgramBuilder> descriptorRules() {
    final Map<String, ProgramBuilder> programs = new LinkedHashMap<>();
    descriptorRules.forEach((prefix, rule) -> programs.put(prefix, rule.program()));
    return programs;
  }
}
