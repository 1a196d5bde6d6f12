package io.vas.api.cli;

import io.vas.api.client.ExecResult;
import io.vas.api.client.VasClient;
import io.vas.api.v1.ExecStart;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "exec",
    header = "Run a command inside an instance, as a visitor.",
    description = {
      "A visitor is frozen with its instance, but no snapshot holds it. Returns the command's exit"
          + " code. Options go before the instance."
    },
    footer = {"", "Example:", "  vas exec cache -- redis-cli ping"})
final class ExecCommand extends Verb {
  @Option(
      names = {"-i", "--interactive"},
      description = "Pass standard input on.")
  private boolean interactive;

  @Option(
      names = {"-e", "--env"},
      paramLabel = "K=V",
      description = "Set an environment variable; K alone takes it from here.")
  private List<String> environment = List.of();

  @Option(
      names = {"-w", "--workdir"},
      converter = NotEmpty.class,
      paramLabel = "DIR",
      description = "Working directory in the instance.")
  private String directory = "";

  @Parameters(
      index = "0",
      paramLabel = "INSTANCE",
      description = "Id, beginning of an id, or name.")
  private String instance;

  @Parameters(
      index = "1..*",
      arity = "0..*",
      paramLabel = "CMD",
      description = "The command and its arguments.")
  private List<String> words = List.of();

  ExecCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    final ExecStart start =
        ExecStart.newBuilder()
            .setInstance(instance)
            .addAllCommand(command())
            .putAllEnvironment(Environment.parse(environment))
            .setWorkingDirectory(directory)
            .build();
    try (VasClient client = connect()) {
      if (!json()) {
        return client.exec(
            start, interactive ? console().in() : null, console().out(), console().err());
      }
      final ExecResult result = client.exec(start, interactive ? console().in() : null);
      printJson(
          Json.object(
              "pid", result.pid(),
              "exit_code", result.exitCode(),
              "stdout", result.text(),
              "stderr", result.errorText()));
      return result.exitCode();
    }
  }

  /** Parsing stops at the instance, so that the command's options are its own. */
  private List<String> command() {
    if (words.isEmpty()) {
      throw usage("no command to run");
    }
    if (words.get(0).equals("--")) {
      return words.subList(1, words.size());
    }
    if (words.get(0).startsWith("-")) {
      throw usage("option " + words.get(0) + " is to go before the instance");
    }
    return words;
  }
}
