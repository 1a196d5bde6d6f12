package io.vas.api.cli;

import io.vas.api.client.CountersFile;
import io.vas.api.client.LatencyFigures;
import io.vas.api.client.VasClient;
import io.vas.api.stats.Counter;
import io.vas.api.stats.Latency;
import io.vas.api.v1.InspectReply;
import io.vas.api.v1.InstanceDetails;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.Memory;
import io.vas.api.v1.Usage;
import io.vas.core.NotFoundException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Stack;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.IParameterPreprocessor;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "stats",
    header = "Show what the daemon has counted, or what an instance uses.",
    description = {
      "Without an instance: the daemon's counters, from its start on. They are read from the file"
          + " that it shares, so this works when the daemon hangs, and after it was killed. Events"
          + " are in it at once; instances.running, snapshots.held, recordings.running and what"
          + " begins with store. or guard. once a second. p50 and p99 are the upper ends of buckets:"
          + " up to an eighth more than the true ones, never less.",
      "With one: its memory (own pages, what is mapped and present, page tables), the processor time"
          + " of its processes, how many these are, and its snapshots in the store."
    },
    footer = {"", "Example:", "  vas stats", "  vas stats cache --watch=5"})
final class StatsCommand extends Verb {
  /** What a daemon that works does not exceed: it updates each second. */
  private static final long LATE_MICROS = 3_000_000;

  private static final double SHORTEST_SECONDS = 0.1;
  private static final double LONGEST_SECONDS = 86_400;

  @Parameters(
      arity = "0..1",
      converter = NotEmpty.class,
      paramLabel = "INSTANCE",
      description = "Id, beginning of an id, or name.")
  private String instance = "";

  @Option(
      names = "--watch",
      arity = "0..1",
      preprocessor = Attached.class,
      paramLabel = "SECONDS",
      description = "Print it again and again, each second or as often as said, until Ctrl-C.")
  private Double watch;

  StatsCommand(final Console console) {
    super(console);
  }

  /** Otherwise {@code --watch cache} would take the instance for the seconds. */
  private static final class Attached implements IParameterPreprocessor {
    @Override
    @SuppressWarnings("JdkObsolete") // The interface is picocli's.
    public boolean preprocess(
        final Stack<String> args,
        final CommandSpec command,
        final ArgSpec option,
        final Map<String, Object> info) {
      if (!"=".equals(info.get("separator"))) {
        args.push("1");
      }
      return false;
    }
  }

  @Override
  int execute() throws InterruptedException {
    if (watch != null && !(watch >= SHORTEST_SECONDS && watch <= LONGEST_SECONDS)) {
      throw usage("--watch takes 0.1 to 86400 seconds, not " + watch);
    }
    if (instance.isEmpty()) {
      showCounters();
      while (watch != null) {
        pause();
        showCounters();
      }
      return 0;
    }
    try (VasClient client = connect()) {
      Seen seen = look(client);
      show(seen.details(), Optional.empty());
      while (watch != null) {
        pause();
        final Seen now = look(client);
        show(now.details(), Optional.of(now.percentSince(seen)));
        seen = now;
      }
    }
    return 0;
  }

  private void pause() throws InterruptedException {
    TimeUnit.MICROSECONDS.sleep(Math.round(watch * 1e6));
    if (!json()) {
      print("");
    }
  }

  // ---- the daemon's counters

  private void showCounters() {
    final CountersFile counters = CountersFile.open(console().state().get().counters());
    if (json()) {
      printJson(json(counters));
    } else {
      print(counters);
    }
  }

  private static Map<String, Object> json(final CountersFile counters) {
    final Map<String, Object> all =
        Json.object(
            "pid", counters.pid(),
            "running", counters.isWriterAlive(),
            "started", Texts.timestamp(counters.startedUnixMicros()),
            "updated", Texts.timestamp(counters.updatedUnixMicros()));
    final Map<String, Map<String, Object>> groups = new LinkedHashMap<>();
    for (final Counter counter : Counter.values()) {
      groups
          .computeIfAbsent(counter.group(), name -> new LinkedHashMap<>())
          .put(counter.field(), counters.value(counter));
    }
    all.putAll(groups);
    final Map<String, Object> latencies = new LinkedHashMap<>();
    for (final Latency latency : Latency.values()) {
      final LatencyFigures figures = counters.latency(latency);
      latencies.put(
          latency.field(),
          Json.object(
              "count", figures.count(),
              "sum_us", figures.sumMicros(),
              "p50_us", figures.percentileMicros(0.5),
              "p99_us", figures.percentileMicros(0.99),
              "max_us", figures.maxMicros()));
    }
    all.put("latencies", latencies);
    return all;
  }

  private void print(final CountersFile counters) {
    print(writer(counters));
    final Table table = new Table("GROUP", "COUNTER", ">VALUE");
    String group = "";
    for (final Counter counter : Counter.values()) {
      final long value = counters.value(counter);
      table.add(
          counter.group().equals(group) ? "" : counter.group(),
          counter.field(),
          counter.field().endsWith("bytes") ? Texts.size(value) : Texts.count(value));
      group = counter.group();
    }
    table.print(console().out());
    print("");
    final Table times = new Table("LATENCY", ">COUNT", ">P50", ">P99", ">MAX", ">MEAN");
    for (final Latency latency : Latency.values()) {
      final LatencyFigures figures = counters.latency(latency);
      final boolean none = figures.count() == 0;
      times.add(
          latency.field(),
          Texts.count(figures.count()),
          none ? "-" : Texts.duration(figures.percentileMicros(0.5)),
          none ? "-" : Texts.duration(figures.percentileMicros(0.99)),
          none ? "-" : Texts.duration(figures.maxMicros()),
          none ? "-" : Texts.duration(figures.meanMicros()));
    }
    times.print(console().out());
  }

  private static String writer(final CountersFile counters) {
    final String daemon = "the daemon (pid " + counters.pid() + ") ";
    final String updated = Texts.age(counters.updatedUnixMicros());
    if (!counters.isWriterAlive()) {
      return daemon + "has ended; these figures are of " + updated;
    }
    final long age = System.currentTimeMillis() * 1000 - counters.updatedUnixMicros();
    return age > LATE_MICROS
        ? daemon + "is there, but has not updated its gauges since " + updated
        : daemon + "counts since it started, " + Texts.age(counters.startedUnixMicros());
  }

  // ---- one instance

  /**
   * What an instance used at a moment.
   *
   * @param details of it.
   * @param nanos of the moment.
   */
  private record Seen(InstanceDetails details, long nanos) {
    /** Of one processor. */
    long percentSince(final Seen before) {
      final long micros = details.getUsage().getCpuUs() - before.details.getUsage().getCpuUs();
      return Math.round(Math.max(0, micros) * 1e5 / (nanos - before.nanos));
    }
  }

  private Seen look(final VasClient client) {
    final InspectReply reply = client.inspect(instance);
    if (!reply.hasInstance()) {
      throw new NotFoundException(
          "'" + instance + "' is a snapshot, no instance; vas inspect shows it");
    }
    return new Seen(reply.getInstance(), System.nanoTime());
  }

  private void show(final InstanceDetails details, final Optional<Long> percent) {
    if (json()) {
      printJson(json(details, percent));
    } else {
      print(details, percent);
    }
  }

  private static Map<String, Object> json(
      final InstanceDetails details, final Optional<Long> percent) {
    final InstanceInfo info = details.getInfo();
    final Map<String, Object> all =
        Json.object(
            "id", info.getId(),
            "name", info.getName(),
            "state", Texts.state(info.getState()),
            "cpu_percent", percent.orElse(null));
    all.putAll(JsonViews.memory(details.getMemory()));
    all.putAll(JsonViews.usage(details.getUsage()));
    return all;
  }

  private void print(final InstanceDetails details, final Optional<Long> percent) {
    final InstanceInfo info = details.getInfo();
    final Usage usage = details.getUsage();
    final Memory memory = details.getMemory();
    new Table(
            "ID",
            "NAME",
            "STATE",
            ">CPU %",
            ">CPU TIME",
            ">OWN",
            ">RESIDENT",
            ">PAGE TABLES",
            ">PROCESSES",
            ">TASKS",
            ">SNAPSHOTS",
            ">SIZE")
        .add(
            info.getId(),
            info.getName(),
            Texts.state(info.getState()),
            percent.map(String::valueOf).orElse("-"),
            Texts.duration(usage.getCpuUs()),
            Texts.size(memory.getOwnBytes()),
            Texts.size(memory.getResidentBytes()),
            Texts.size(memory.getPageTableBytes()),
            usage.getProcesses(),
            usage.getTasks(),
            Texts.count(usage.getSnapshots()),
            Texts.size(usage.getSnapshotBytes()))
        .print(console().out());
  }
}
