package io.vas.api.cli;

import io.vas.api.client.VasClient;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "rm",
    header = "Remove ended instances, and snapshots.",
    description = "All that are named or, if one can't be removed, none.",
    footer = {"", "Example:", "  vas rm -f cache cache:warm"})
final class RmCommand extends Verb {
  @Option(
      names = {"-f", "--force"},
      description = "End running instances by SIGKILL first.")
  private boolean force;

  @Parameters(
      arity = "1..*",
      paramLabel = "INSTANCE|SNAPSHOT",
      description = "Id, beginning of an id, or name.")
  private List<String> references;

  RmCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    final List<String> removed;
    try (VasClient client = connect()) {
      removed = client.rm(references, force);
    }
    if (json()) {
      printJson(removed);
    } else {
      removed.forEach(this::print);
    }
    return 0;
  }
}
