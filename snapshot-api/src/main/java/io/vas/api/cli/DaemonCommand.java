package io.vas.api.cli;

import io.vas.api.StateDirectory;
import io.vas.api.client.VasClient;
import io.vas.api.daemon.Daemon;
import io.vas.api.daemon.LocalEngine;
import io.vas.api.daemon.StoreBudget;
import io.vas.api.v1.DaemonInfo;
import io.vas.api.wire.OwnUser;
import io.vas.core.ForbiddenException;
import io.vas.core.VasException;
import io.vas.core.linux.Credentials;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

@Command(
    name = "daemon",
    header = "Run the daemon, in the foreground.",
    description = {
      "Commands start it by themselves. It keeps its socket, log and lock in the directory that"
          + " VAS_STATE names, /run/vas by default; there is one daemon for each such directory.",
      "When it is ended by --stop, SIGTERM or Ctrl-C, all instances and snapshots end with it."
    },
    footer = {
      "",
      "Example:",
      "  vas daemon --status",
      "  vas daemon --restart",
      "  VAS_STATE=/run/vas-test vas daemon"
    })
final class DaemonCommand extends Verb {
  private static final int END_SECONDS = 60;

  @Option(names = "--stop", description = "End the running daemon, its instances and snapshots.")
  private boolean stop;

  @Option(
      names = "--restart",
      description = {
        "End the running daemon, but not its instances and snapshots, and start one of this build,"
            + " which takes them over, as does its keeper. Commands that run are cut off."
      })
  private boolean restart;

  @Option(names = "--status", description = "Say who serves, and how full the store is.")
  private boolean status;

  @Option(
      names = "--store-size",
      converter = NotEmpty.class,
      paramLabel = "SIZE",
      description = {
        "What the store of snapshots may hold, for example 500m or 8g. Default: VAS_STORE in the"
            + " environment, or what the store that is there already has, or half of the memory"
            + " that is available."
      })
  private String storeSize = "";

  @Option(
      names = "--store-full",
      converter = NotEmpty.class,
      paramLabel = "POLICY",
      description = {
        "refuse: a snapshot that does not fit is refused. evict: snapshots without a name that have"
            + " no forks and are not the latest of a running instance make room, those that were"
            + " used the longest time ago first. thin: the same, but first those between others of"
            + " their instance, so that timelines stay and get thinner the older they are. Default:"
            + " VAS_STORE_FULL, or as before, or refuse."
      })
  private String storeFull = "";

  @Option(
      names = "--group",
      paramLabel = "GROUP",
      description = {
        "Let this group use the daemon, too: its members have instances and snapshots of their own,"
            + " and see no others. Default: VAS_GROUP in the environment, or the group that a daemon"
            + " that was killed had let in, or nobody but root."
      })
  private String group = "";

  DaemonCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() throws InterruptedException {
    if (Stream.of(stop, status, restart).filter(given -> given).count() > 1) {
      throw usage("--stop, --status and --restart exclude each other");
    }
    if ((stop || status || restart) && !(storeSize + storeFull + group).isEmpty()) {
      throw usage("--store-size, --store-full and --group are for the daemon that is started");
    }
    final StateDirectory state = console().state().get();
    if (stop) {
      return stop(state);
    }
    if (restart) {
      restart(state);
    }
    return status || restart ? status(state) : serve(state);
  }

  /** As if it had died: what it has acknowledged is there for the next one. */
  private void restart(final StateDirectory state) throws InterruptedException {
    if (!OwnUser.isRoot()) {
      throw new ForbiddenException("only root can restart the daemon");
    }
    final int pid;
    try (VasClient client = VasClient.connect(state)) {
      pid = client.info().getPid();
    }
    ProcessHandle.of(pid).ifPresent(ProcessHandle::destroyForcibly);
    awaitEnd(pid);
    VasClient.connectOrStart(state).close();
  }

  private int serve(final StateDirectory state) throws InterruptedException {
    if (!OwnUser.isRoot()) {
      throw new ForbiddenException(
          "only root can run the daemon; by --group GROUP root lets a group that you are in use it");
    }
    StoreBudget.check(storeSize, storeFull);
    // To bind system calls takes a fifth of a second. The log needs none, and takes a tenth.
    final Thread binding = new Thread(Credentials::current, "vas-binding");
    binding.setDaemon(true);
    binding.start();
    Daemon.openLog(state.create());
    final Daemon daemon =
        Daemon.start(state, group, directory -> new LocalEngine(directory, storeSize, storeFull));
    // SIGTERM and Ctrl-C: the JVM runs this before it ends.
    final Thread hook = new Thread(daemon::close, "vas-end");
    Runtime.getRuntime().addShutdownHook(hook);
    if (console().errIsTerminal()) {
      console().err().println("vas daemon: serving " + state.socket() + "; Ctrl-C ends it");
    }
    daemon.awaitShutdown();
    daemon.close();
    return 0;
  }

  private int stop(final StateDirectory state) throws InterruptedException {
    final DaemonInfo info;
    try (VasClient client = VasClient.connect(state)) {
      info = client.info();
      client.shutdown();
    }
    awaitEnd(info.getPid());
    if (json()) {
      printJson(JsonViews.daemon(info));
    }
    return 0;
  }

  private static void awaitEnd(final int pid) throws InterruptedException {
    final Optional<ProcessHandle> daemon = ProcessHandle.of(pid);
    if (daemon.isEmpty()) {
      return;
    }
    try {
      final ProcessHandle ended = daemon.get().onExit().get(END_SECONDS, TimeUnit.SECONDS);
      assert ended.pid() == pid;
    } catch (final TimeoutException e) {
      throw new VasException(
          "the daemon (pid " + pid + ") has not ended after " + END_SECONDS + " s", e);
    } catch (final ExecutionException e) {
      throw new VasException("cannot wait for the daemon (pid " + pid + ")", e);
    }
  }

  private int status(final StateDirectory state) {
    final DaemonInfo info;
    try (VasClient client = VasClient.connect(state)) {
      info = client.info();
    }
    if (json()) {
      printJson(JsonViews.daemon(info));
      return 0;
    }
    new Table("PID", "KEEPER", "VERSION", "STARTED", "INSTANCES", "SNAPSHOTS", "STORE", "STATE")
        .add(
            info.getPid(),
            info.getKeeperPid(),
            info.getVersion(),
            Texts.age(info.getStartedUnixUs()),
            info.getInstances(),
            info.getSnapshots(),
            Texts.size(info.getStoreBytes()) + " of " + Texts.size(info.getStoreBudgetBytes()),
            info.getStateDirectory())
        .print(console().out());
    return 0;
  }
}
