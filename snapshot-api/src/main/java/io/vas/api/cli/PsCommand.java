package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.InstanceState;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "ps",
    header = "List the instances.",
    footer = {"", "Example:", "  vas ps -a", "  vas rm -f $(vas ps -q)"})
final class PsCommand extends Verb {
  private static final int COMMAND_WIDTH = 40;

  @Option(
      names = {"-a", "--all"},
      description = "Those that have ended, too.")
  private boolean all;

  @Option(
      names = {"-q", "--quiet"},
      description = "Print ids only.")
  private boolean quiet;

  PsCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    final List<InstanceInfo> instances;
    try (VasClient client = connect()) {
      instances = client.ps(all);
    }
    if (json()) {
      printJson(instances.stream().map(JsonViews::instance).toList());
    } else if (quiet) {
      instances.forEach(instance -> print(instance.getId()));
    } else {
      print(instances);
    }
    return 0;
  }

  private void print(final List<InstanceInfo> instances) {
    final OwnerColumn owner =
        OwnerColumn.of(instances.stream().map(InstanceInfo::getOwnerUid).toList());
    final Table table =
        new Table(owner.headers("ID", "NAME", "STATE", ">PID", "CREATED", "FROM", "COMMAND"));
    for (final InstanceInfo instance : instances) {
      final boolean exited = instance.getState() == InstanceState.EXITED;
      table.add(
          owner.cells(
              instance.getOwner(),
              instance.getId(),
              instance.getName(),
              Texts.state(instance.getState())
                  + (exited ? " (" + instance.getExitCode() + ")" : ""),
              exited ? "-" : instance.getPid(),
              Texts.age(instance.getCreatedUnixUs()),
              instance.getSnapshot().isEmpty() ? "-" : instance.getSnapshot(),
              Texts.clipped(Texts.command(instance.getCommandList()), COMMAND_WIDTH)));
    }
    table.print(console().out());
  }
}
