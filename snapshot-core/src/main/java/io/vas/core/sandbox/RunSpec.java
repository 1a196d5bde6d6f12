package io.vas.core.sandbox;

import io.vas.core.InvalidRequestException;
import io.vas.core.linux.Capability;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/**
 * What is to run in a new instance, and how.
 *
 * @param name of the instance; empty: one is made up.
 * @param command the program and its arguments. A program without a slash is looked up in PATH.
 * @param env environment variables, in addition to what every instance has and before that.
 * @param workingDirectory where the command starts, an absolute path.
 * @param addCapabilities those that it has beyond docker's default.
 * @param privileged whether it has all capabilities, and nothing of /proc and /sys is masked. Then
 *     it can reach and change what other instances and snapshots hold. Its devices are the same as
 *     without.
 * @param runAs whom the command runs as; empty: root. Others have no capabilities.
 */
public record RunSpec(
    String name,
    List<String> command,
    Map<String, String> env,
    String workingDirectory,
    Set<Capability> addCapabilities,
    boolean privileged,
    Optional<RunAs> runAs) {
  /**
   * Checks what can be checked without looking at the host.
   *
   * @throws InvalidRequestException if something can not be meant.
   */
  public RunSpec {
    command = List.copyOf(command);
    env = Map.copyOf(env);
    addCapabilities = Set.copyOf(addCapabilities);
    if (runAs.isPresent() && (privileged || !addCapabilities.isEmpty())) {
      throw new InvalidRequestException("only root's commands can have capabilities");
    }
    if (command.isEmpty() || command.get(0).isEmpty()) {
      throw new InvalidRequestException("there is no command to run");
    }
    if (workingDirectory.isEmpty()) {
      workingDirectory = "/";
    }
    if (!workingDirectory.startsWith("/")) {
      throw new InvalidRequestException(
          "the working directory must be an absolute path: " + workingDirectory);
    }
    checkText(command, env, workingDirectory);
  }

  /**
   * A command of root's.
   *
   * @param name of the instance; empty: one is made up.
   * @param command the program and its arguments.
   * @param env environment variables.
   * @param workingDirectory where the command starts.
   * @param addCapabilities those that it has beyond docker's default.
   * @param privileged whether it has all capabilities, and nothing is masked.
   */
  public RunSpec(
      final String name,
      final List<String> command,
      final Map<String, String> env,
      final String workingDirectory,
      final Set<Capability> addCapabilities,
      final boolean privileged) {
    this(name, command, env, workingDirectory, addCapabilities, privileged, Optional.empty());
  }

  /**
   * A command with nothing special.
   *
   * @param command the program and its arguments.
   * @return what to run.
   */
  public static RunSpec of(final String... command) {
    return new RunSpec("", List.of(command), Map.of(), "/", Set.of(), false);
  }

  /**
   * The same with another name.
   *
   * @param newName of the instance.
   * @return what to run.
   */
  public RunSpec named(final String newName) {
    return new RunSpec(newName, command, env, workingDirectory, addCapabilities, privileged, runAs);
  }

  static void checkText(
      final List<String> command, final Map<String, String> env, final String directory) {
    for (final String argument : command) {
      checkNul("an argument", argument);
    }
    checkNul("the working directory", directory);
    env.forEach(
        (key, value) -> {
          if (key.isEmpty() || key.indexOf('=') >= 0) {
            throw new InvalidRequestException("not the name of a variable: \"" + key + "\"");
          }
          checkNul("a variable", key + value);
        });
  }

  private static void checkNul(final String what, final String text) {
    if (text.indexOf('\0') >= 0) {
      throw new InvalidRequestException(what + " contains a NUL");
    }
  }
}
