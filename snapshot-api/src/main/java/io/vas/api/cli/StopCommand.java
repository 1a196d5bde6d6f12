package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.v1.InstanceInfo;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "stop",
    header = "Ask instances to end by SIGTERM; end those that have not in time by SIGKILL.",
    footer = {"", "Example:", "  vas stop -t 3 cache"})
final class StopCommand extends Verb {
  private static final int SECONDS_MAX = 86_400;

  @Option(
      names = {"-t", "--time"},
      paramLabel = "SECONDS",
      defaultValue = "10",
      description = "Time between the two signals; ${DEFAULT-VALUE} by default.")
  private int seconds;

  @Parameters(
      arity = "1..*",
      paramLabel = "INSTANCE",
      description = "Id, beginning of an id, or name.")
  private List<String> instances;

  StopCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    if (seconds < 0 || seconds > SECONDS_MAX) {
      throw usage("-t takes 0 to " + SECONDS_MAX + " seconds, not " + seconds);
    }
    final List<Object> stopped = new ArrayList<>();
    try (VasClient client = connect()) {
      for (final String instance : instances) {
        final InstanceInfo info = client.stop(instance, Duration.ofSeconds(seconds));
        stopped.add(JsonViews.instance(info));
        if (!json()) {
          print(instance);
        }
      }
    }
    if (json()) {
      printJson(stopped);
    }
    return 0;
  }
}
