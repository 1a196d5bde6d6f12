package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.v1.RollbackInfo;
import io.vas.api.v1.RollbackRequest;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "rollback",
    header = "Put an instance back to one of its snapshots.",
    description = {
      "It keeps its id, name and log. Where the snapshot can be restored in the processes that there"
          + " are, these are kept, too; otherwise a fork of the snapshot takes their place, and the"
          + " report says so.",
      "Visitors end, and connections to the outside are reset, unless they can be kept as asked."
    },
    footer = {"", "Example:", "  vas rollback cache cache:warm"})
final class RollbackCommand extends Verb {
  @Option(
      names = "--tcp",
      paramLabel = "reset|keep",
      defaultValue = "reset",
      description =
          "Connections to the outside: reset, or kept; then a rollback that would reset them is"
              + " refused. ${DEFAULT-VALUE} by default.")
  private String tcp;

  @Mixin private TimeoutOption timeout;

  @Parameters(
      index = "0",
      paramLabel = "INSTANCE",
      description = "Id, beginning of an id, or name.")
  private String instance;

  @Parameters(
      index = "1",
      arity = "0..1",
      converter = NotEmpty.class,
      paramLabel = "SNAPSHOT",
      description =
          "One of the instance's own, or one that it comes from. By default the latest, or the one"
              + " that it was last put back to.")
  private String snapshot = "";

  RollbackCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    if (!tcp.equals("reset") && !tcp.equals("keep")) {
      throw usage("--tcp takes reset or keep, not '" + tcp + "'");
    }
    final RollbackInfo info;
    try (VasClient client = connect()) {
      info =
          timeout
              .apply(client)
              .rollback(
                  RollbackRequest.newBuilder()
                      .setInstance(instance)
                      .setSnapshot(snapshot)
                      .setKeepConnections(tcp.equals("keep"))
                      .build());
    }
    if (json()) {
      printJson(JsonViews.rollback(info));
    } else {
      final Table table = new Table("INSTANCE", "SNAPSHOT", ">FROZEN", ">PAGES", "IN PLACE");
      table.add(
          info.getInstance(),
          info.getSnapshot(),
          Texts.duration(info.getFrozenUs()),
          Texts.count(info.getPagesRestored()),
          info.getInPlace() ? "yes" : "no: " + info.getReason());
      table.print(console().out());
    }
    return 0;
  }
}
