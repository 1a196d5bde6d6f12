package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.record.KeepPolicy;
import io.vas.api.record.TimeSpan;
import io.vas.api.v1.RecorderInfo;
import io.vas.api.v1.RecordingEnd;
import io.vas.core.InvalidRequestException;
import io.vas.core.NotFoundException;
import io.vas.core.StoreFullException;
import io.vas.core.UnsupportedException;
import io.vas.core.VasException;
import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "record",
    header = "Take live snapshots of an instance at a fixed cadence.",
    description = {
      "The daemon takes them, each when a multiple of the period has passed since the beginning. One"
          + " that comes while the one before is still being taken is skipped, and counted.",
      "This command follows with a line for each second, and Ctrl-C stops the recording; with -d it"
          + " returns at once. The recording also stops when the instance ends, the store is full or"
          + " a snapshot is refused. A daemon that is started again goes on with it.",
      "Without INSTANCE: list the recorders, and why those that have ended did."
    },
    footer = {
      "",
      "Which snapshots stay: those that a rule keeps; without --keep, all.",
      "  last=100                 the 100 latest",
      "  for=10m                  those of the last 10 minutes",
      "  thin=1m:all,1h:1s,1d:1m  all of the last minute, one a second of the last",
      "                           hour, one a minute of the last day, no older ones",
      "Rules are about the instance's unnamed snapshots since the recording began.",
      "Neither one with a name is removed nor the one that the next is based on.",
      "",
      "Example:",
      "  vas record cache --every 100ms --keep thin=1m:all,1h:1s,1d:1m",
      "  vas record -d cache --every 10ms --keep last=1000",
      "  vas record",
      "  vas record --stop cache"
    })
final class RecordCommand extends Verb {
  private static final long LOOK_MILLIS = 250;
  private static final long LINE_NANOS = TimeUnit.SECONDS.toNanos(1);
  private static final String LINE = "%8s %9s %8s %8s %10s %9s %9s";

  @Option(
      names = "--every",
      paramLabel = "TIME",
      description = "From one snapshot to the next: 2ms, 100ms, 1s, 5m. 100ms by default.")
  private String every;

  @Option(
      names = "--keep",
      converter = NotEmpty.class,
      paramLabel = "POLICY",
      description = "Which snapshots stay: see below. May be given several times.")
  private List<String> keep = List.of();

  @Option(
      names = {"-d", "--detach"},
      description = "Print the instance's id and return.")
  private boolean detach;

  @Option(names = "--stop", description = "Stop the recording of INSTANCE.")
  private boolean stop;

  @Parameters(
      arity = "0..1",
      paramLabel = "INSTANCE",
      description = "Id, beginning of an id, or name.")
  private String instance;

  private final CountDownLatch interrupted = new CountDownLatch(1);

  RecordCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() throws InterruptedException {
    final boolean begins = every != null || !keep.isEmpty() || detach;
    if (instance == null && (begins || stop)) {
      throw usage("no instance named");
    }
    if (stop && begins) {
      throw usage("--stop takes nothing but an instance");
    }
    if (instance == null) {
      list();
      return 0;
    }
    if (stop) {
      stopRecording();
      return 0;
    }
    return record(period(), policy());
  }

  private Duration period() {
    try {
      return TimeSpan.parse(every == null ? "100ms" : every);
    } catch (final InvalidRequestException e) {
      throw usage("--every takes a time: " + e.getMessage());
    }
  }

  private String policy() {
    try {
      return KeepPolicy.parse(String.join(",", keep)).toString();
    } catch (final InvalidRequestException e) {
      throw new InvalidRequestException("--keep " + e.getMessage(), e);
    }
  }

  private int record(final Duration period, final String policy) throws InterruptedException {
    try (VasClient client = connect()) {
      final RecorderInfo recorder = client.record(instance, period, policy);
      if (!detach) {
        Interrupts.handle(interrupted::countDown);
        return follow(client, recorder);
      }
      if (json()) {
        printJson(JsonViews.recorder(recorder));
      } else {
        print(recorder.getInstance());
      }
      return 0;
    }
  }

  private int follow(final VasClient client, final RecorderInfo begun) throws InterruptedException {
    if (!json()) {
      print(
          "recording "
              + begun.getName()
              + " every "
              + TimeSpan.text(Duration.of(begun.getEveryUs(), ChronoUnit.MICROS))
              + "; Ctrl-C stops it");
      print(String.format(LINE, "TIME", "TAKEN", "SKIPPED", "KEPT", "SIZE", "FROZEN", "LONGEST"));
    }
    RecorderInfo shown = begun;
    RecorderInfo latest = begun;
    long shownNanos = System.nanoTime();
    while (latest.getEnd() == RecordingEnd.RECORDING_END_UNSPECIFIED) {
      latest =
          interrupted.await(LOOK_MILLIS, TimeUnit.MILLISECONDS)
              ? stopped(client, begun)
              : look(client, begun);
      if (System.nanoTime() - shownNanos > LINE_NANOS
          || latest.getEnd() != RecordingEnd.RECORDING_END_UNSPECIFIED) {
        show(shown, latest);
        shown = latest;
        shownNanos += LINE_NANOS;
      }
    }
    return end(latest);
  }

  private static RecorderInfo look(final VasClient client, final RecorderInfo begun) {
    try {
      // Somebody may have stopped it and begun another one; this one has ended then.
      return client.recorders(begun.getInstance()).stream()
          .filter(found -> found.getStartedUnixUs() == begun.getStartedUnixUs())
          .findFirst()
          .orElseThrow(() -> gone(begun));
    } catch (final NotFoundException e) {
      throw gone(begun);
    }
  }

  private static NotFoundException gone(final RecorderInfo begun) {
    return new NotFoundException("the recorder of " + begun.getName() + " was removed");
  }

  private static RecorderInfo stopped(final VasClient client, final RecorderInfo begun) {
    final RecorderInfo latest = look(client, begun);
    return latest.getEnd() == RecordingEnd.RECORDING_END_UNSPECIFIED
        ? client.stopRecording(begun.getInstance())
        : latest;
  }

  private void show(final RecorderInfo before, final RecorderInfo now) {
    if (json()) {
      printJson(JsonViews.recorder(now));
      return;
    }
    final long taken = now.getTaken() - before.getTaken();
    final long until =
        now.getEndedUnixUs() > 0 ? now.getEndedUnixUs() : System.currentTimeMillis() * 1000;
    print(
        String.format(
            LINE,
            Texts.duration(Math.max(0, until - now.getStartedUnixUs())),
            Texts.count(now.getTaken()),
            Texts.count(now.getSkipped()),
            Texts.count(now.getKept()),
            Texts.size(now.getKeptBytes()),
            taken > 0 ? Texts.duration((now.getFrozenUs() - before.getFrozenUs()) / taken) : "-",
            Texts.duration(now.getFrozenMaxUs())));
  }

  private int end(final RecorderInfo ended) {
    final String why = "recording " + ended.getName() + " has ended: " + ended.getReason();
    return switch (ended.getEnd()) {
      case ASKED_TO_STOP -> 0;
      case INSTANCE_ENDED -> {
        if (!json()) {
          print(why);
        }
        yield 0;
      }
      case RECORDING_STORE_FULL -> throw new StoreFullException(why);
      case SNAPSHOT_REFUSED -> throw new UnsupportedException(why);
      default -> throw new VasException(why);
    };
  }

  private void stopRecording() {
    final RecorderInfo ended;
    try (VasClient client = connect()) {
      ended = client.stopRecording(instance);
    }
    if (json()) {
      printJson(JsonViews.recorder(ended));
    } else {
      print(List.of(ended));
    }
  }

  private void list() {
    final List<RecorderInfo> recorders;
    try (VasClient client = connect()) {
      recorders = client.recorders("");
    }
    if (json()) {
      printJson(recorders.stream().map(JsonViews::recorder).toList());
    } else {
      print(recorders);
    }
  }

  private void print(final List<RecorderInfo> recorders) {
    final Table table =
        new Table(
            "INSTANCE",
            "NAME",
            ">EVERY",
            ">TAKEN",
            ">SKIPPED",
            ">KEPT",
            ">SIZE",
            ">FROZEN",
            ">LONGEST",
            "KEEP",
            "STATE");
    for (final RecorderInfo recorder : recorders) {
      table.add(
          recorder.getInstance(),
          recorder.getName(),
          TimeSpan.text(Duration.of(recorder.getEveryUs(), ChronoUnit.MICROS)),
          Texts.count(recorder.getTaken()),
          Texts.count(recorder.getSkipped()),
          Texts.count(recorder.getKept()),
          Texts.size(recorder.getKeptBytes()),
          Texts.duration(recorder.getFrozenUs() / Math.max(1, recorder.getTaken())),
          Texts.duration(recorder.getFrozenMaxUs()),
          recorder.getKeep().isEmpty() ? "all" : recorder.getKeep(),
          recorder.getEnd() == RecordingEnd.RECORDING_END_UNSPECIFIED
              ? "recording"
              : "ended: " + recorder.getReason());
    }
    table.print(console().out());
  }
}
