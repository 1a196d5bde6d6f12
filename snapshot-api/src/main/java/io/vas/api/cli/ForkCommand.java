package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.daemon.RequestRules;
import io.vas.api.v1.ForkInfo;
import io.vas.api.v1.ForkRequest;
import io.vas.api.v1.MemoryStrategy;
import java.util.List;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "fork",
    header = "Start new instances from a snapshot.",
    description = {
      "All that were asked for or, if one can't be started, none. A name alone is looked up among"
          + " the snapshots first; an instance is snapshotted, and its forks are of that.",
      "In JSON, id is the new instance, and instance the one that the snapshot was taken of."
    },
    footer = {"", "Example:", "  vas fork cache:warm -n 20", "  vas fork cache --name twin"})
final class ForkCommand extends Verb {
  @Option(
      names = {"-n", "--count"},
      paramLabel = "N",
      defaultValue = "1",
      description = "How many, 1 to 1000; ${DEFAULT-VALUE} by default.")
  private int count;

  @Option(
      names = "--name",
      converter = NotEmpty.class,
      paramLabel = "NAME",
      description = "Name of the new instance; NAME-1, NAME-2 and so on with -n above 1.")
  private String name = "";

  @Option(
      names = "--memory-strategy",
      paramLabel = "map|copy",
      defaultValue = "map",
      description =
          "map: share the snapshot's pages until written. copy: copy them at the start."
              + " ${DEFAULT-VALUE} by default.")
  private String strategy;

  @Option(
      names = "--paused",
      description = "They stand still before their first instruction until vas unpause.")
  private boolean paused;

  @Mixin private TimeoutOption timeout;

  @Parameters(paramLabel = "SNAPSHOT|INSTANCE", description = "Id, beginning of an id, or name.")
  private String source;

  ForkCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    RequestRules.checkForkCount(count);
    final ForkRequest request =
        ForkRequest.newBuilder()
            .setSource(source)
            .setCount(count)
            .setName(name)
            .setMemoryStrategy(parsedStrategy())
            .setPaused(paused)
            .build();
    try (Telling telling = new Telling(console())) {
      final List<ForkInfo> forks;
      try (VasClient client = connect();
          ProgressLine line = new ProgressLine(console())) {
        line.show("forking");
        forks = timeout.apply(client).fork(request);
        telling.begin();
      }
      print(forks);
    }
    return 0;
  }

  private void print(final List<ForkInfo> forks) {
    if (json()) {
      printJson(forks.stream().map(JsonViews::fork).toList());
    } else {
      final Table table = new Table("ID", "NAME", "SNAPSHOT", ">TIME");
      for (final ForkInfo fork : forks) {
        table.add(
            fork.getId(), fork.getName(), fork.getSnapshot(), Texts.duration(fork.getForkUs()));
      }
      table.print(console().out());
    }
  }

  private MemoryStrategy parsedStrategy() {
    return switch (strategy) {
      case "map" -> MemoryStrategy.MAP;
      case "copy" -> MemoryStrategy.COPY;
      default -> throw usage("--memory-strategy takes map or copy, not '" + strategy + "'");
    };
  }
}
