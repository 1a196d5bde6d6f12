package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.v1.InstanceInfo;
import io.vas.core.VasException;
import java.util.ArrayList;
import java.util.List;
import picocli.CommandLine.Parameters;

/** What is done to one instance after the other; those where it can't be done are each named. */
abstract class InstancesVerb extends Verb {
  @Parameters(
      arity = "1..*",
      paramLabel = "INSTANCE",
      description = "Id, beginning of an id, or name.")
  private List<String> instances;

  InstancesVerb(final Console console) {
    super(console);
  }

  /** Does it to one. */
  abstract InstanceInfo change(VasClient client, String instance);

  @Override
  int execute() {
    final List<Object> changed = new ArrayList<>();
    int exitCode = 0;
    try (VasClient client = connect()) {
      for (final String instance : instances) {
        try {
          changed.add(JsonViews.instance(change(client, instance)));
          if (!json()) {
            print(instance);
          }
        } catch (final VasException e) {
          final int failed = report(e);
          exitCode = exitCode == 0 ? failed : exitCode;
        }
      }
    }
    if (json()) {
      printJson(changed);
    }
    return exitCode;
  }
}
