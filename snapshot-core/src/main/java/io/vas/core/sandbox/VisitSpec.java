package io.vas.core.sandbox;

import io.vas.core.InvalidRequestException;
import java.util.List;
import java.util.Map;

/**
 * What is to run inside an instance.
 *
 * @param command the program and its arguments. A program without a slash is looked up in PATH.
 * @param env environment variables, in addition to the instance's.
 * @param workingDirectory where the command starts; empty: the instance's.
 */
public record VisitSpec(List<String> command, Map<String, String> env, String workingDirectory) {
  /**
   * Checks what can be checked without looking at the instance.
   *
   * @throws InvalidRequestException if something can not be meant.
   */
  public VisitSpec {
    command = List.copyOf(command);
    env = Map.copyOf(env);
    if (command.isEmpty() || command.get(0).isEmpty()) {
      throw new InvalidRequestException("there is no command to run");
    }
    RunSpec.checkText(command, env, workingDirectory);
  }

  /**
   * A command with nothing special.
   *
   * @param command the program and its arguments.
   * @return what to run.
   */
  public static VisitSpec of(final String... command) {
    return new VisitSpec(List.of(command), Map.of(), "");
  }
}
