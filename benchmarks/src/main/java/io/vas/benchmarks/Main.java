package io.vas.benchmarks;

import io.vas.core.InvalidRequestException;
import io.vas.core.VasException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.locks.LockSupport;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help.Ansi;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;

/** The command {@code vas bench}. */
@Command(
    name = "vas bench",
    header = "Measure, and print tables with p50, p99 and max.",
    footer = {
      "",
      "vas bench jmh runs the JMH benchmarks; its arguments are JMH's.",
      "",
      "Example:",
      "  vas bench",
      "  vas bench fork pong --rounds 200",
      "  vas bench --size 256M",
      "  vas bench jmh Program"
    })
public final class Main {
  private static final String JMH = "jmh";
  private static final int ROUNDS_MAX = 100_000;

  private static final Map<String, Benchmark> BENCHMARKS = new LinkedHashMap<>();

  static {
    for (final Benchmark benchmark :
        List.of(
            new FloorsBenchmark(),
            new ForkBenchmark(),
            new PongBenchmark(),
            new IdleBenchmark(),
            new HundredBenchmark(),
            new SnapshotBenchmark(),
            new SizesBenchmark(),
            new FrozenBenchmark(),
            new RollbackBenchmark(),
            new LiveBenchmark(),
            new DeltaBenchmark(),
            new RecordBenchmark(),
            new ChainBenchmark(),
            new StoreBenchmark(),
            new RestartBenchmark(),
            new CliBenchmark())) {
      BENCHMARKS.put(benchmark.name(), benchmark);
    }
  }

  @Parameters(arity = "0..*", paramLabel = "NAME", description = "Which; all by default.")
  private List<String> names = List.of();

  @Option(
      names = "--rounds",
      paramLabel = "N",
      description = "Of each measurement, 50 by default; those that take seconds take fewer.")
  private int rounds = 50;

  @Option(
      names = "--warm-up",
      paramLabel = "N",
      description = "Rounds before those that count, 5 by default.")
  private int warmUpRounds = 5;

  @Option(
      names = "--size",
      paramLabel = "SIZE",
      description = "What Redis holds, 1G by default; 256M is quick.")
  private String size = "1G";

  @Option(
      names = "--use-running-daemon",
      description = "Measure the daemon that runs, rather than one of its own.")
  private boolean useRunningDaemon;

  @Option(names = "--json", description = "Print JSON; times are in microseconds.")
  private boolean json;

  @Option(names = "--list", description = "Print the benchmarks' names and what they measure.")
  private boolean list;

  @Option(
      names = {"-h", "--help"},
      usageHelp = true,
      description = "Show this help.")
  private boolean help;

  private Main() {}

  /**
   * Measures and prints.
   *
   * @param args options and names of benchmarks, or {@code jmh} and what is JMH's.
   * @throws VasException if something could not be measured.
   * @throws Exception if JMH fails.
   */
  public static void main(final String[] args) throws Exception {
    final List<String> all = List.of(args);
    final int jmh = all.indexOf(JMH);
    if (jmh == 0 || (jmh == 1 && all.get(0).equals("--json"))) {
      org.openjdk.jmh.Main.main(all.subList(jmh + 1, all.size()).toArray(String[]::new));
      return;
    }
    final Main main = new Main();
    final CommandLine line = new CommandLine(main);
    try {
      line.parseArgs(args);
    } catch (final ParameterException e) {
      throw new InvalidRequestException(e.getMessage() + "; see vas bench --help", e);
    }
    // Not System.out, which prints question marks in the locale C.
    final PrintStream out =
        new PrintStream(new FileOutputStream(FileDescriptor.out), true, StandardCharsets.UTF_8);
    if (main.help) {
      line.usage(out, Ansi.OFF);
    } else if (main.list) {
      BENCHMARKS.forEach((name, b) -> out.printf("%-10s %s%n", name, b.description()));
    } else {
      main.run(out);
    }
  }

  private void run(final PrintStream out) {
    if (rounds < 1 || rounds > ROUNDS_MAX || warmUpRounds < 0 || warmUpRounds > ROUNDS_MAX) {
      throw new InvalidRequestException("rounds are 1 to " + ROUNDS_MAX + ", warm-up may be 0");
    }
    final List<Benchmark> chosen = choose();
    final List<Row> rows = new ArrayList<>();
    final List<String> failed = new ArrayList<>();
    final Options options = new Options(rounds, warmUpRounds, ByteSize.parse(size));
    try (Session session = Session.open(options, useRunningDaemon, Main::say)) {
      for (final Benchmark benchmark : chosen) {
        session.say(benchmark.name() + ": " + benchmark.description());
        try {
          rows.addAll(benchmark.run(session));
        } catch (final SkippedException e) {
          rows.add(Row.missing(benchmark.name(), benchmark.description(), e.getMessage()));
        } catch (final Exception e) {
          if (session.isClosed()) {
            // By Ctrl-C: whatever failed, that is why.
            parkForever();
          }
          debug(e);
          failed.add(benchmark.name());
          rows.add(Row.missing(benchmark.name(), benchmark.description(), "failed: " + reason(e)));
        }
      }
      // What was measured is shown even if the end goes wrong.
      Report.print(rows, json, out);
    }
    if (!failed.isEmpty()) {
      throw new VasException("not measured: " + String.join(", ", failed));
    }
  }

  private List<Benchmark> choose() {
    if (names.isEmpty()) {
      return List.copyOf(BENCHMARKS.values());
    }
    for (final String name : names) {
      if (!BENCHMARKS.containsKey(name)) {
        throw new InvalidRequestException(
            "no benchmark '" + name + "'; there are " + String.join(", ", BENCHMARKS.keySet()));
      }
    }
    // In this order, for some change the data that others compare. What the machine's own calls
    // cost is told in every run: absolute times wander.
    return BENCHMARKS.entrySet().stream()
        .filter(b -> b.getKey().equals(FloorsBenchmark.NAME) || names.contains(b.getKey()))
        .map(Map.Entry::getValue)
        .toList();
  }

  private static void say(final String what) {
    System.err.println("vas bench: " + what);
    System.err.flush();
  }

  /** The hook that closes the session ends this process. */
  private static void parkForever() {
    while (true) {
      LockSupport.park();
    }
  }

  private static String reason(final Exception error) {
    return error instanceof VasException ? error.getMessage() : error.toString();
  }

  private static void debug(final Exception error) {
    if (System.getenv("VAS_DEBUG") != null) {
      error.printStackTrace();
    }
  }
}
