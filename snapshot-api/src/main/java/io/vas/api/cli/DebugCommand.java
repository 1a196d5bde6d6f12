package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.v1.ForkInfo;
import io.vas.api.v1.ForkRequest;
import io.vas.api.v1.MemoryStrategy;
import io.vas.core.VasException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "debug",
    header = "Look at a snapshot in gdb.",
    description = {
      "Forks the snapshot, paused before its first instruction, and attaches gdb to the fork, which"
          + " can go on there. When gdb ends, the fork is removed. The snapshot stays as it is.",
      "Its memory is copied, not mapped: the keeper would have to be the tracer of guarded memory."
    },
    footer = {
      "",
      "Example:",
      "  vas debug cache:warm",
      "  vas debug cache:warm -- -batch -ex 'thread apply all backtrace'"
    })
final class DebugCommand extends Verb {
  @Option(
      names = "--print",
      description =
          "Do not start gdb: print the command that attaches it. The fork stays, paused, until vas"
              + " rm -f.")
  private boolean printOnly;

  @Option(
      names = "--name",
      converter = NotEmpty.class,
      paramLabel = "NAME",
      description = "Name of the fork; made up by default.")
  private String name = "";

  @Mixin private TimeoutOption timeout;

  @Parameters(index = "0", paramLabel = "SNAPSHOT|INSTANCE", description = "Id or name.")
  private String source;

  @Parameters(index = "1..*", paramLabel = "ARG", description = "Passed on to gdb.")
  private List<String> arguments = List.of();

  DebugCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    try (VasClient client = connect()) {
      final ForkInfo fork =
          timeout
              .apply(client)
              .fork(
                  ForkRequest.newBuilder()
                      .setSource(source)
                      .setName(name)
                      .setPaused(true)
                      .setDebugged(true)
                      .setMemoryStrategy(MemoryStrategy.COPY)
                      .build())
              .get(0);
      final List<String> command = new ArrayList<>(List.of("gdb", "-p", "" + fork.getPid()));
      command.addAll(arguments);
      if (printOnly) {
        report(fork, command);
        return 0;
      }
      try {
        return debug(command);
      } finally {
        final List<String> removed = client.rm(List.of(fork.getId()), true);
        assert removed.size() == 1;
      }
    }
  }

  private void report(final ForkInfo fork, final List<String> command) {
    if (json()) {
      printJson(
          Json.object(
              "id", fork.getId(),
              "name", fork.getName(),
              "snapshot", fork.getSnapshot(),
              "pid", fork.getPid(),
              "command", command));
    } else {
      print(String.join(" ", command));
    }
  }

  /** Ctrl-C is gdb's. */
  private static int debug(final List<String> command) {
    Interrupts.handle(() -> {});
    try {
      return new ProcessBuilder(command).inheritIO().start().waitFor();
    } catch (final IOException e) {
      throw new VasException("gdb can't be started: " + e.getMessage(), e);
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new VasException("interrupted", e);
    }
  }
}
