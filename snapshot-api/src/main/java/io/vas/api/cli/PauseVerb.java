package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.v1.InstanceInfo;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Parameters;

/** What pausing and going on have in common. */
abstract class PauseVerb extends Verb {
  @Parameters(
      arity = "1..*",
      paramLabel = "INSTANCE",
      description = "Id, beginning of an id, or name.")
  private List<String> instances;

  PauseVerb(final Console console) {
    super(console);
  }

  abstract InstanceInfo change(VasClient client, String instance);

  @Override
  final int execute() {
    final List<Object> changed = new ArrayList<>();
    try (VasClient client = connect()) {
      for (final String instance : instances) {
        changed.add(JsonViews.instance(change(client, instance)));
        if (!json()) {
          print(instance);
        }
      }
    }
    if (json()) {
      printJson(changed);
    }
    return 0;
  }
}
