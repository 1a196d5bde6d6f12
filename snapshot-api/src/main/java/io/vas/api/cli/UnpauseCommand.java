package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.v1.InstanceInfo;
import picocli.CommandLine.Command;

@Command(
    name = "unpause",
    header = "Let paused instances go on.",
    description = "Those that vas pause stopped, and those that vas fork --paused started.",
    footer = {"", "Example:", "  vas unpause cache"})
final class UnpauseCommand extends InstancesVerb {
  UnpauseCommand(final Console console) {
    super(console);
  }

  @Override
  InstanceInfo change(final VasClient client, final String instance) {
    return client.unpause(instance);
  }
}
