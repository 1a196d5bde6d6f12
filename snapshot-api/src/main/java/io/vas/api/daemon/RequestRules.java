package io.vas.api.daemon;

import io.vas.api.record.KeepPolicy;
import io.vas.api.v1.ExecStart;
import io.vas.api.v1.ForkRequest;
import io.vas.api.v1.MemoryStrategy;
import io.vas.api.v1.RecordRequest;
import io.vas.api.v1.RunRequest;
import io.vas.api.v1.SnapshotRequest;
import io.vas.core.InvalidRequestException;
import io.vas.core.instance.InstanceNames;
import io.vas.store.SnapshotName;
import java.util.Map;

/** The rules that can be checked by looking at a request alone. */
public final class RequestRules {
  /** The most instances that one fork request may start. */
  public static final int FORK_COUNT_MAX = 1000;

  /** The greatest signal number of Linux. */
  public static final int SIGNAL_MAX = 64;

  /** No reference is longer: a snapshot's name with its tag. */
  private static final int REFERENCE_LENGTH_MAX = 2 * SnapshotName.LENGTH_MAX + 1;

  private static final long RECORD_EVERY_US_MIN = 1000;
  private static final long RECORD_EVERY_US_MAX = 86_400_000_000L;

  private RequestRules() {}

  static void check(final RunRequest request) {
    checkName(request.getName());
    checkCommand(request.getCommandList());
    checkEnvironment(request.getEnvironmentMap());
    checkDirectory(request.getWorkingDirectory());
  }

  static void check(final ExecStart request) {
    checkReference(request.getInstance(), "instance");
    checkCommand(request.getCommandList());
    checkEnvironment(request.getEnvironmentMap());
    checkDirectory(request.getWorkingDirectory());
  }

  static void check(final SnapshotRequest request) {
    checkReference(request.getInstance(), "instance");
    if (!request.getName().isEmpty()) {
      final var unused = SnapshotName.parse(request.getName());
    }
  }

  static void check(final ForkRequest request) {
    checkReference(request.getSource(), "snapshot or instance");
    final int count = request.getCount() == 0 ? 1 : request.getCount();
    checkForkCount(count);
    // The longest of them. Not later: an instance is snapshotted first.
    checkName(
        request.getName().isEmpty() || count == 1
            ? request.getName()
            : request.getName() + "-" + count);
    if (request.getDebugged()
        && !(request.getPaused() && request.getMemoryStrategy() == MemoryStrategy.COPY)) {
      throw new InvalidRequestException(
          "a debugged fork is paused, and its memory strategy is copy: its keeper has to trace one"
              + " whose memory it guards");
    }
  }

  static void check(final RecordRequest request) {
    checkReference(request.getInstance(), "instance");
    if (request.getEveryUs() < RECORD_EVERY_US_MIN || request.getEveryUs() > RECORD_EVERY_US_MAX) {
      throw new InvalidRequestException(
          "a snapshot is recorded every 1 ms to 1 day, not every " + request.getEveryUs() + " us");
    }
    final var unused = KeepPolicy.parse(request.getKeep());
  }

  /**
   * How many instances one request may start.
   *
   * @param count as asked for.
   * @throws InvalidRequestException unless it is 1 to {@value #FORK_COUNT_MAX}.
   */
  public static void checkForkCount(final int count) {
    if (count < 1 || count > FORK_COUNT_MAX) {
      throw new InvalidRequestException(
          "a fork starts 1 to " + FORK_COUNT_MAX + " instances, not " + count);
    }
  }

  static void checkSignal(final int signal) {
    if (signal < 1 || signal > SIGNAL_MAX) {
      throw new InvalidRequestException(
          "a signal is a number from 1 to " + SIGNAL_MAX + ", not " + signal);
    }
  }

  static void checkReference(final String reference, final String what) {
    if (reference.isEmpty()) {
      throw new InvalidRequestException("no " + what + " named");
    }
    if (reference.length() > REFERENCE_LENGTH_MAX) {
      throw new InvalidRequestException(
          "no " + what + " has a name of " + reference.length() + " characters");
    }
  }

  /** For one that may be left out. */
  static void checkOptionalReference(final String reference, final String what) {
    if (!reference.isEmpty()) {
      checkReference(reference, what);
    }
  }

  private static void checkName(final String name) {
    if (!name.isEmpty()) {
      InstanceNames.check(name);
    }
  }

  static void checkArchive(final String directory, final Iterable<String> snapshots) {
    if (!directory.startsWith("/") || directory.indexOf('\0') >= 0) {
      throw new InvalidRequestException(
          "the directory of saved snapshots '" + directory + "' is not an absolute path");
    }
    snapshots.forEach(reference -> checkReference(reference, "snapshot"));
  }

  private static void checkCommand(final Iterable<String> command) {
    if (!command.iterator().hasNext() || command.iterator().next().isEmpty()) {
      throw new InvalidRequestException("no command to run");
    }
    for (final String argument : command) {
      if (argument.indexOf('\0') >= 0) {
        throw new InvalidRequestException("an argument of the command holds a zero byte");
      }
    }
  }

  private static void checkEnvironment(final Map<String, String> environment) {
    for (final Map.Entry<String, String> variable : environment.entrySet()) {
      final String name = variable.getKey();
      if (name.isEmpty() || name.indexOf('=') >= 0 || name.indexOf('\0') >= 0) {
        throw new InvalidRequestException("'" + name + "' can't be an environment variable's name");
      }
      if (variable.getValue().indexOf('\0') >= 0) {
        throw new InvalidRequestException("environment variable " + name + " holds a zero byte");
      }
    }
  }

  private static void checkDirectory(final String directory) {
    if (!directory.isEmpty() && (!directory.startsWith("/") || directory.indexOf('\0') >= 0)) {
      throw new InvalidRequestException(
          "working directory '" + directory + "' is not an absolute path");
    }
  }
}
