package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.v1.InstanceInfo;
import java.time.Duration;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "stop",
    header = "Ask instances to end by SIGTERM; end those that have not in time by SIGKILL.",
    footer = {"", "Example:", "  vas stop -t 3 cache"})
final class StopCommand extends InstancesVerb {
  private static final int SECONDS_MAX = 86_400;

  @Option(
      names = {"-t", "--time"},
      paramLabel = "SECONDS",
      defaultValue = "10",
      description = "Time between the two signals; ${DEFAULT-VALUE} by default.")
  private int seconds;

  StopCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    if (seconds < 0 || seconds > SECONDS_MAX) {
      throw usage("-t takes 0 to " + SECONDS_MAX + " seconds, not " + seconds);
    }
    return super.execute();
  }

  @Override
  InstanceInfo change(final VasClient client, final String instance) {
    return client.stop(instance, Duration.ofSeconds(seconds));
  }
}
