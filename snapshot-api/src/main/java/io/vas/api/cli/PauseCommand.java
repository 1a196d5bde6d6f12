package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.v1.InstanceInfo;
import picocli.CommandLine.Command;

@Command(
    name = "pause",
    header = "Let instances stand still.",
    description =
        "They do not notice; what they are sent waits for them. They can be snapshotted, and their"
            + " memory stays guarded.",
    footer = {"", "Example:", "  vas pause cache"})
final class PauseCommand extends InstancesVerb {
  PauseCommand(final Console console) {
    super(console);
  }

  @Override
  InstanceInfo change(final VasClient client, final String instance) {
    return client.pause(instance);
  }
}
