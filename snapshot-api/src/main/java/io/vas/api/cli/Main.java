package io.vas.api.cli;

import io.grpc.netty.shaded.io.netty.util.internal.logging.InternalLoggerFactory;
import io.grpc.netty.shaded.io.netty.util.internal.logging.JdkLoggerFactory;
import io.vas.api.wire.OneLine;
import io.vas.core.VasException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.logging.LogManager;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/** The command line {@code vas}. */
@Command(
    name = "vas",
    header = "Keeps snapshots of running containers in memory and starts new containers from them.",
    synopsisSubcommandLabel = "COMMAND",
    footer = {
      "",
      "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused because something is not supported.",
      "vas run and vas exec return their command's exit code.",
      "",
      "Example:",
      "  vas run -d --name cache -- redis-server --save ''",
      "  vas snapshot cache -t cache:warm",
      "  vas fork cache:warm -n 20",
      "",
      "vas COMMAND --help shows more, with an example."
    })
public final class Main implements Runnable {
  private static final Map<String, Function<Console, Verb>> VERBS = new LinkedHashMap<>();

  static {
    VERBS.put("check", CheckCommand::new);
    VERBS.put("run", RunCommand::new);
    VERBS.put("ps", PsCommand::new);
    VERBS.put("inspect", InspectCommand::new);
    VERBS.put("logs", LogsCommand::new);
    VERBS.put("stats", StatsCommand::new);
    VERBS.put("exec", ExecCommand::new);
    VERBS.put("stop", StopCommand::new);
    VERBS.put("kill", KillCommand::new);
    VERBS.put("pause", PauseCommand::new);
    VERBS.put("unpause", UnpauseCommand::new);
    VERBS.put("rm", RmCommand::new);
    VERBS.put("snapshot", SnapshotCommand::new);
    VERBS.put("snapshots", SnapshotsCommand::new);
    VERBS.put("timeline", TimelineCommand::new);
    VERBS.put("record", RecordCommand::new);
    VERBS.put("fork", ForkCommand::new);
    VERBS.put("rollback", RollbackCommand::new);
    VERBS.put("diff", DiffCommand::new);
    VERBS.put("debug", DebugCommand::new);
    VERBS.put("store", StoreCommand::new);
    VERBS.put("demo", DemoCommand::new);
    VERBS.put("bench", BenchCommand::new);
    VERBS.put("daemon", DaemonCommand::new);
  }

  /**
   * Those that are often run without any argument, or are waited for. Then there is nothing to
   * parse, and picocli, whose classes can't be archived, would take as long as all the rest.
   */
  private static final Map<String, Function<Console, Verb>> BARE =
      Map.of(
          "ps", PsCommand::new,
          "snapshots", SnapshotsCommand::new,
          "stats", StatsCommand::new,
          "daemon", DaemonCommand::new);

  /** As a shell says it of a command that SIGPIPE has ended. */
  private static final int BROKEN_PIPE = 141;

  /** Their operands hold a command, whose options are its own. */
  private static final Set<String> TAKE_COMMAND = Set.of("run", "exec", "bench");

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help.")
  @SuppressWarnings("unused") // Read by picocli.
  private boolean help;

  @Option(
      names = {"-V", "--version"},
      versionHelp = true,
      description = "Show the version.")
  @SuppressWarnings("unused") // Read by picocli.
  private boolean version;

  @Spec private CommandSpec spec;

  private Main() {}

  /**
   * Runs one command and exits with its code.
   *
   * @param args verb, options and operands.
   */
  public static void main(final String[] args) {
    final boolean training = System.getenv("VAS_TRAINING") != null;
    if (isDaemon(args)) {
      if (training) {
        DaemonTraining.run();
        return;
      }
    } else {
      beShort();
      if (training) {
        Training.run();
      }
    }
    final Console console = Console.ofProcess();
    final int code = run(console, args);
    console.out().flush();
    System.exit(code);
  }

  private static boolean isDaemon(final String[] args) {
    final List<String> words = List.of(args);
    return words.indexOf("daemon") == 0
        && !words.contains("--stop")
        && !words.contains("--status")
        && !words.contains("--restart")
        && !words.contains("--help");
  }

  /**
   * For a process that ends in a moment: no logging, which takes a third of a short command's time,
   * and no native sockets, which would be unpacked first.
   */
  private static void beShort() {
    InternalLoggerFactory.setDefaultFactory(JdkLoggerFactory.INSTANCE);
    LogManager.getLogManager().reset();
    System.setProperty("io.grpc.netty.shaded.io.netty.transport.noNative", "true");
  }

  /**
   * Runs one command.
   *
   * @param console to read from and write to.
   * @param args verb, options and operands.
   * @return the exit code.
   */
  static int run(final Console console, final String... args) {
    final Function<Console, Verb> bare =
        args.length == 1 || (args.length == 2 && args[1].equals("--json"))
            ? BARE.get(args[0])
            : null;
    return bare == null
        ? parseAndRun(console, args)
        : runBare(bare.apply(console), "vas " + args[0], args.length == 2);
  }

  private static int runBare(final Verb verb, final String name, final boolean json) {
    try {
      return verb.executeBare(json);
    } catch (final Exception e) {
      return report(e, name, verb.console().err());
    }
  }

  private static int parseAndRun(final Console console, final String... args) {
    final CommandLine line = new CommandLine(new Main());
    final Function<Console, Verb> only = args.length == 0 ? null : VERBS.get(args[0]);
    if (only != null) {
      // The others are not even loaded: a short command is to be short.
      line.addSubcommand(args[0], only.apply(console));
    } else {
      VERBS.forEach((name, verb) -> line.addSubcommand(name, verb.apply(console)));
    }
    for (final CommandLine verb : line.getSubcommands().values()) {
      final boolean takesCommand = TAKE_COMMAND.contains(verb.getCommandName());
      verb.setStopAtPositional(takesCommand);
      // The options of benchmarks are known where they are, which need not be on the class path.
      verb.setUnmatchedOptionsArePositionalParams(verb.getCommandName().equals("bench"));
    }
    line.getCommandSpec().versionProvider(() -> new String[] {"vas " + io.vas.api.Version.TEXT});
    final StringWriter help = new StringWriter();
    line.setOut(new PrintWriter(help));
    line.setErr(new PrintWriter(console.err(), true, StandardCharsets.UTF_8));
    line.setColorScheme(CommandLine.Help.defaultColorScheme(Ansi.OFF));
    line.setParameterExceptionHandler(Main::reportUsage);
    line.setExecutionExceptionHandler(
        (error, where, result) ->
            report(error, where.getCommandSpec().qualifiedName(), console.err()));
    final int code = line.execute(args);
    try {
      // Not by picocli, which shows a stack trace if that fails.
      console.out().print(help);
      console.out().flush();
      return code;
    } catch (final UncheckedIOException e) {
      return report(e, "vas", console.err());
    }
  }

  /** Without a verb. */
  @Override
  public void run() {
    throw new ParameterException(spec.commandLine(), "no command given");
  }

  private static int reportUsage(final ParameterException error, final String[] args) {
    final CommandLine where = error.getCommandLine();
    final String name = where.getCommandSpec().qualifiedName();
    final boolean unknownVerb =
        error instanceof UnmatchedArgumentException && where.getParent() == null;
    final String message =
        unknownVerb
            ? "no command is called '" + args[0] + "'"
            : error.getMessage().replace("\n", " ");
    where.getErr().println(name + ": " + OneLine.of(message) + "; see " + name + " --help");
    return 2;
  }

  /** Says what went wrong, in one line, and returns the exit code for it. */
  static int report(final Exception error, final String name, final PrintStream err) {
    if (error instanceof UncheckedIOException e && ResultStream.isBrokenPipe(e)) {
      // Nobody reads on, as with head: no reason to say anything.
      return BROKEN_PIPE;
    }
    if (System.getenv("VAS_DEBUG") != null) {
      error.printStackTrace(err);
    }
    if (error instanceof VasException e) {
      err.println(name + ": " + OneLine.of(e.getMessage()));
      return e.exitCode();
    }
    if (error instanceof UncheckedIOException) {
      err.println(name + ": " + error.getMessage());
      return 1;
    }
    err.println(name + ": internal error: " + error + "; VAS_DEBUG=1 shows where");
    return 1;
  }
}
