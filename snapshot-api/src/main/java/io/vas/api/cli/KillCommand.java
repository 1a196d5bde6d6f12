package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.v1.InstanceInfo;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "kill",
    header = "Send a signal to instances.",
    description =
        "An instance's command is pid 1 there: but for KILL and STOP, signals it has no handler for"
            + " do nothing.",
    footer = {"", "Example:", "  vas kill -s HUP cache"})
final class KillCommand extends Verb {
  @Option(
      names = {"-s", "--signal"},
      paramLabel = "SIGNAL",
      defaultValue = "KILL",
      description = "Name or number; ${DEFAULT-VALUE} by default.")
  private String signal;

  @Parameters(
      arity = "1..*",
      paramLabel = "INSTANCE",
      description = "Id, beginning of an id, or name.")
  private List<String> instances;

  KillCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    final int number = Signals.number(signal);
    if (number == 0) {
      throw usage("no signal is called '" + signal + "'");
    }
    final List<Object> killed = new ArrayList<>();
    try (VasClient client = connect()) {
      for (final String instance : instances) {
        final InstanceInfo info = client.kill(instance, number);
        killed.add(JsonViews.instance(info));
        if (!json()) {
          print(instance);
        }
      }
    }
    if (json()) {
      printJson(killed);
    }
    return 0;
  }
}
