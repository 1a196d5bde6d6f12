package io.vas.api.cli;

import io.vas.api.StateDirectory;
import io.vas.api.client.VasClient;
import io.vas.api.wire.OwnUser;
import io.vas.api.wire.SocketProbe;
import io.vas.core.InvalidRequestException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What all commands have in common. */
abstract class Verb implements Callable<Integer> {
  private final Console console;

  @Spec private CommandSpec spec;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help.")
  @SuppressWarnings("unused") // Read by picocli.
  private boolean help;

  Verb(final Console console) {
    this.console = console;
  }

  /**
   * Does it.
   *
   * @return the exit code.
   * @throws Exception a {@link io.vas.core.VasException} for what a user is to read.
   */
  abstract int execute() throws Exception;

  @Override
  public final Integer call() throws Exception {
    return execute();
  }

  /** Does it as with no option but {@code --json}. */
  final int executeBare(final boolean asJson) throws Exception {
    json = asJson;
    return execute();
  }

  final Console console() {
    return console;
  }

  final boolean json() {
    return json;
  }

  final CommandSpec spec() {
    return spec;
  }

  /** Connects to the daemon, which is started if need be. */
  final VasClient connect() {
    final StateDirectory state = console.state().get();
    try (ProgressLine progress = new ProgressLine(console)) {
      if (!SocketProbe.accepts(state.socket()) && OwnUser.isRoot()) {
        progress.show("starting the daemon");
      }
      return VasClient.connectOrStart(state);
    }
  }

  final void print(final String text) {
    console.out().println(text);
  }

  final void printJson(final Object value) {
    console.out().println(Json.text(value));
  }

  /** Wrong usage: exit code 2. */
  final InvalidRequestException usage(final String message) {
    return new InvalidRequestException(message + "; see vas " + spec.name() + " --help");
  }
}
