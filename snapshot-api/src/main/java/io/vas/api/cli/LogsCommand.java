package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.v1.LogsRequest;
import java.io.IOException;
import java.io.OutputStream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "logs",
    header = "Show what an instance wrote to its standard output and error.",
    description = "With --json, one JSON string for each line.",
    footer = {"", "Example:", "  vas logs -f cache"})
final class LogsCommand extends Verb {
  @Option(
      names = {"-f", "--follow"},
      description = "Go on until the instance ends.")
  private boolean follow;

  @Option(
      names = {"-n", "--tail"},
      paramLabel = "LINES",
      description = "Only the last so many lines, 1 or more.")
  private Integer tail;

  @Parameters(paramLabel = "INSTANCE", description = "Id, beginning of an id, or name.")
  private String instance;

  LogsCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() throws IOException {
    if (tail != null && tail < 1) {
      throw usage("--tail takes 1 or more lines, not " + tail);
    }
    final LogsRequest request =
        LogsRequest.newBuilder()
            .setInstance(instance)
            .setFollow(follow)
            .setTail(tail == null ? 0 : tail)
            .build();
    try (VasClient client = connect();
        OutputStream out = json() ? new JsonLines(console().out()) : console().out()) {
      client.logs(request, out);
    }
    return 0;
  }
}
