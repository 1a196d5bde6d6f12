package io.vas.api.cli;

import io.vas.api.StateDirectory;
import io.vas.api.client.VasClient;
import io.vas.api.wire.OwnUser;
import io.vas.api.wire.SocketProbe;
import io.vas.core.InvalidRequestException;
import io.vas.core.VasException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** What all commands have in common. */
abstract class Verb implements Callable<Integer> {
  /** The exit code of what Ctrl-C has ended. */
  static final int INTERRUPTED = 130;

  private final Console console;

  private volatile boolean interrupted;

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
    try {
      return execute();
    } catch (final RuntimeException e) {
      if (interrupted) {
        return INTERRUPTED;
      }
      throw e;
    }
  }

  /** Does it as with no option but {@code --json}. */
  final int executeBare(final boolean asJson) throws Exception {
    json = asJson;
    return call();
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

  /**
   * Connects to the daemon, which is started if need be. Ctrl-C cuts the connection at once, and
   * what the daemon has not answered by then it undoes: until this process has ended, answers would
   * go on to come, and nobody would read them.
   */
  final VasClient connect() {
    final StateDirectory state = console.state().get();
    try (ProgressLine progress = new ProgressLine(console)) {
      if (!SocketProbe.accepts(state.socket()) && OwnUser.isRoot()) {
        progress.show("starting the daemon");
      }
      final VasClient client = VasClient.connectOrStart(state);
      console
          .atEnd()
          .accept(
              () -> {
                interrupted = true;
                client.close();
              });
      return client;
    }
  }

  final void print(final String text) {
    console.out().println(text);
  }

  final void printJson(final Object value) {
    console.out().println(Json.text(value));
  }

  /** Says what went wrong, if there is more to do; returns the exit code for it. */
  final int report(final VasException error) {
    return interrupted ? INTERRUPTED : Main.report(error, spec.qualifiedName(), console.err());
  }

  /** Wrong usage: exit code 2. */
  final InvalidRequestException usage(final String message) {
    return new InvalidRequestException(message + "; see vas " + spec.name() + " --help");
  }
}
