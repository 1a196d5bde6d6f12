package io.vas.api.demo;

import io.vas.api.client.ExecResult;
import io.vas.api.client.VasClient;
import io.vas.core.VasException;

/** Asks a workload by a visitor in its instance. */
final class Question {
  private Question() {}

  /**
   * Asks.
   *
   * @param client to ask through.
   * @param instance to ask in.
   * @param command that prints the answer.
   * @return what it printed.
   * @throws VasException if it failed.
   */
  static String ask(final VasClient client, final String instance, final String... command) {
    final ExecResult result = client.exec(instance, command);
    final String answer = result.text().strip();
    if (result.exitCode() != 0 || answer.startsWith("ERR") || answer.startsWith("error")) {
      throw new VasException(
          "instance "
              + instance
              + ": "
              + String.join(" ", command).replaceAll("\\s+", " ")
              + " ended with exit code "
              + result.exitCode()
              + ": "
              + (answer + " " + result.errorText()).strip());
    }
    return answer;
  }
}
