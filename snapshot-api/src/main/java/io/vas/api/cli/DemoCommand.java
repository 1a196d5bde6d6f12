package io.vas.api.cli;

import io.vas.api.StateDirectory;
import io.vas.api.client.VasClient;
import io.vas.api.demo.Demo;
import io.vas.api.v1.DaemonInfo;
import io.vas.api.wire.SocketProbe;
import io.vas.core.VasException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Command;

@Command(
    name = "demo",
    header = "Show the main job, end to end, in about a minute.",
    description =
        "Starts Redis in an instance, loads 256 MiB, snapshots it, forks 20 instances, asks each for"
            + " a digest of its data, writes to one and looks whether another sees it. Without"
            + " Redis it runs a small store of its own. Cleans up after itself.",
    footer = {"", "Example:", "  vas demo"})
final class DemoCommand extends Verb implements Demo.Listener {
  private static final String ROW = "%-42s %9s  %s%n";

  private final List<Object> steps = new ArrayList<>();
  private final AtomicBoolean cleaned = new AtomicBoolean();
  private ProgressLine line;

  DemoCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    final StateDirectory state = console().state().get();
    final boolean daemonRan = SocketProbe.accepts(state.socket());
    line = new ProgressLine(console());
    try (VasClient client = connect()) {
      final Demo demo = Demo.prepare(client, this);
      final Runnable disconnect = client::close;
      // Ctrl-C ends this process through its hooks: closing the connection ends the call that is
      // under way, and the daemon undoes it.
      final Thread hook =
          new Thread(
              () -> {
                disconnect.run();
                cleanUp(demo, state, daemonRan);
              });
      Runtime.getRuntime().addShutdownHook(hook);
      if (!json()) {
        print("vas demo with " + demo.title());
        print("");
        console().out().printf(ROW, "STEP", "TIME", "RESULT");
      }
      try {
        demo.run();
      } catch (final VasException e) {
        if (cleaned.get()) {
          // Ctrl-C has cut the connection: there is nothing else to say.
          return INTERRUPTED;
        }
        throw e;
      } finally {
        cleanUp(demo, state, daemonRan);
      }
      if (json()) {
        printJson(Json.object("workload", demo.title(), "steps", steps));
      }
      return 0;
    }
  }

  private void cleanUp(final Demo demo, final StateDirectory state, final boolean daemonRan) {
    if (!cleaned.compareAndSet(false, true)) {
      return;
    }
    line.close();
    try (VasClient client = VasClient.connect(state)) {
      demo.cleanUp(client);
      final DaemonInfo info = client.info();
      if (!daemonRan && info.getInstances() == 0 && info.getSnapshots() == 0) {
        client.shutdown();
      }
    } catch (final VasException e) {
      console().err().println("vas demo: clean up: " + e.getMessage());
    }
  }

  @Override
  public void progress(final String what, final long done, final long total) {
    line.show(what, done, total);
  }

  @Override
  public synchronized void done(final Demo.Step step) {
    line.close();
    final Map<String, Object> view =
        Json.object("step", step.key(), "us", step.micros() < 0 ? null : step.micros());
    view.putAll(step.values());
    steps.add(view);
    if (!json()) {
      final String time = step.micros() < 0 ? "" : Texts.duration(step.micros());
      console().out().printf(ROW, step.title(), time, step.result());
    }
  }
}
