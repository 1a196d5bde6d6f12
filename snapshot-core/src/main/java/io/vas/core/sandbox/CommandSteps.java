package io.vas.core.sandbox;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.InvalidRequestException;
import io.vas.core.linux.Capability;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.RawText;
import io.vas.core.linux.Rlimit;
import io.vas.core.linux.Signals;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.agrona.concurrent.UnsafeBuffer;

/** Steps that end a program in a command: what it may do, its limits and signals, and execve. */
final class CommandSteps {
  /** The step that fails if the command can not be executed. */
  static final String EXECUTE = "execute";

  /** The step that fails if the working directory is not there. */
  static final String DIRECTORY = "working directory";

  private static final int PR_CAPBSET_DROP = 24;
  private static final int PR_SET_NO_NEW_PRIVS = 38;
  private static final int PR_CAP_AMBIENT = 47;
  private static final int PR_CAP_AMBIENT_CLEAR_ALL = 4;
  private static final int LINUX_CAPABILITY_VERSION_3 = 0x20080522;
  private static final int SIG_SETMASK = 2;
  private static final int SIGACTION_LENGTH = 32;
  private static final int SIGSET_LENGTH = 8;

  /** The soft limit that dockerd gives its containers, because of programs that use select(2). */
  private static final long OPEN_FILES = 1024;

  private CommandSteps() {}

  /**
   * What a command may do.
   *
   * @param add capabilities beyond docker's default.
   * @param privileged whether it has all that there are.
   * @return a mask.
   * @throws InvalidRequestException if one was asked for that vas does not have itself.
   */
  static long capabilities(final Set<Capability> add, final boolean privileged) {
    final Set<Capability> own = own();
    if (privileged) {
      return Capability.maskOf(own);
    }
    final Set<Capability> wanted = EnumSet.copyOf(Capability.DOCKER_DEFAULT);
    wanted.retainAll(own);
    for (final Capability capability : add) {
      if (!own.contains(capability) && add.size() < Capability.values().length) {
        throw new InvalidRequestException(
            capability.capName() + " can't be added: vas does not have it itself");
      }
      wanted.add(capability);
    }
    wanted.retainAll(own);
    return Capability.maskOf(wanted);
  }

  private static Set<Capability> own() {
    final String status = RawText.decode(FileIo.readAll("/proc/self/status"));
    return status
        .lines()
        .filter(line -> line.startsWith("CapPrm:"))
        .map(line -> Capability.setOf(Long.parseUnsignedLong(line.substring(7).trim(), 16)))
        .findFirst()
        .orElseThrow();
  }

  /**
   * Steps that leave a task with what a command may do, and no way to more.
   *
   * @param b the program.
   * @param spec the instance's command, or that of the instance that is visited.
   */
  static void limit(final ProgramBuilder b, final RunSpec spec) {
    final long mask =
        spec.runAs().isPresent() ? 0 : capabilities(spec.addCapabilities(), spec.privileged());
    b.resource("capabilities");
    bound(b, mask);
    spec.runAs().ifPresent(runAs -> runAs.become(b));
    set(b, mask);
    if (spec.runAs().isPresent()) {
      // With nothing in the bounding set a set-user-ID program would gain no capabilities, but it
      // would be root, whom files of the host's root belong to.
      b.call("no_new_privs", SystemCall.PRCTL, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    }
  }

  private static void bound(final ProgramBuilder b, final long mask) {
    final long all = Capability.maskOf(own());
    for (final Capability capability : Capability.values()) {
      final long bit = 1L << capability.bit();
      // One that is not in the bounding set is dropped by nobody; one that the kernel does not know
      // is none that vas has.
      if ((mask & bit) == 0 && (all & bit) != 0) {
        b.call(
            "drop " + capability.capName(),
            SystemCall.PRCTL,
            PR_CAPBSET_DROP,
            capability.bit(),
            0,
            0,
            0);
      }
    }
    b.call("ambient", SystemCall.PRCTL, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  }

  private static void set(final ProgramBuilder b, final long mask) {
    final UnsafeBuffer sets = new UnsafeBuffer(new byte[24]);
    for (int word = 0; word < 2; word++) {
      final int part = (int) (mask >>> (32 * word));
      sets.putInt(12 * word, part, LITTLE_ENDIAN);
      sets.putInt(12 * word + 4, part, LITTLE_ENDIAN);
    }
    final UnsafeBuffer header = new UnsafeBuffer(new byte[8]);
    header.putInt(0, LINUX_CAPABILITY_VERSION_3, LITTLE_ENDIAN);
    b.call("sets", SystemCall.CAPSET, b.data(header.byteArray()), b.data(sets.byteArray()));
  }

  /** Steps for limits, session and signals. */
  static void prepare(final ProgramBuilder b) {
    b.resource("command");
    final long hard =
        Rlimit.parse(new UnsafeBuffer(FileIo.readAll("/proc/self/limits")))
            .get(Rlimit.NOFILE)
            .hard();
    final UnsafeBuffer limit = new UnsafeBuffer(new byte[16]);
    limit.putLong(0, Long.compareUnsigned(hard, OPEN_FILES) < 0 ? hard : OPEN_FILES, LITTLE_ENDIAN);
    limit.putLong(8, hard, LITTLE_ENDIAN);
    b.call(
        "limit of open files",
        SystemCall.PRLIMIT64,
        0,
        Rlimit.NOFILE.number(),
        b.data(limit.byteArray()),
        0);
    b.call("session", SystemCall.SETSID);
    final Data defaultAction = b.data(new byte[SIGACTION_LENGTH]);
    // The daemon may have been started with some ignored (nohup, a service manager).
    for (int signal = 1; signal <= Signals.COUNT; signal++) {
      if (signal != Signals.SIGKILL && signal != Signals.SIGSTOP) {
        b.call(
            "reset signal " + signal,
            SystemCall.RT_SIGACTION,
            signal,
            defaultAction,
            0,
            SIGSET_LENGTH);
      }
    }
    b.call("signal mask", SystemCall.RT_SIGPROCMASK, SIG_SETMASK, defaultAction, 0, SIGSET_LENGTH);
  }

  /** The step to a directory that the command's user may enter. */
  static void enter(final ProgramBuilder b, final String directory) {
    b.resource("command");
    b.call(DIRECTORY, SystemCall.CHDIR, b.string(directory));
  }

  /**
   * The last steps. A program without a slash is looked for in each directory of PATH, in the
   * instance, where files may be others than on the host.
   */
  static void execute(
      final ProgramBuilder b, final List<String> command, final Map<String, String> env) {
    final String program = command.get(0);
    b.resource(program);
    final Data arguments = pointers(b, "arguments", command);
    final Data environment =
        pointers(
            b,
            "environment",
            env.entrySet().stream().map(e -> e.getKey() + "=" + e.getValue()).toList());
    final List<String> candidates = candidates(program, env.getOrDefault("PATH", ""));
    for (int i = 0; i < candidates.size(); i++) {
      final Data path = b.string(candidates.get(i));
      if (i < candidates.size() - 1) {
        b.callAny(EXECUTE + " " + i, SystemCall.EXECVE, path, arguments, environment);
      } else {
        b.call(EXECUTE, SystemCall.EXECVE, path, arguments, environment);
      }
    }
  }

  private static List<String> candidates(final String program, final String path) {
    if (program.indexOf('/') >= 0) {
      return List.of(program);
    }
    final List<String> candidates =
        Arrays.stream(path.split(":"))
            .filter(directory -> !directory.isEmpty())
            .map(directory -> directory + "/" + program)
            .distinct()
            .toList();
    return candidates.isEmpty() ? List.of(program) : candidates;
  }

  private static Data pointers(
      final ProgramBuilder b, final String name, final List<String> texts) {
    final Data list = b.data(name, (texts.size() + 1) * Long.BYTES);
    for (int i = 0; i < texts.size(); i++) {
      b.store(list.plus(i * Long.BYTES), b.string(texts.get(i)), Long.BYTES);
    }
    return list;
  }
}
