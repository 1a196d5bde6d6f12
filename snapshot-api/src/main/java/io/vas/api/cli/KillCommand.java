package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.v1.InstanceInfo;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "kill",
    header = "Send a signal to instances.",
    description =
        "An instance's command is pid 1 there: but for KILL and STOP, signals it has no handler for"
            + " do nothing.",
    footer = {"", "Example:", "  vas kill -s HUP cache"})
final class KillCommand extends InstancesVerb {
  @Option(
      names = {"-s", "--signal"},
      paramLabel = "SIGNAL",
      defaultValue = "KILL",
      description = "Name or number; ${DEFAULT-VALUE} by default.")
  private String signal;

  private int number;

  KillCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    number = Signals.number(signal);
    if (number == 0) {
      throw usage("no signal is called '" + signal + "'");
    }
    return super.execute();
  }

  @Override
  InstanceInfo change(final VasClient client, final String instance) {
    return client.kill(instance, number);
  }
}
