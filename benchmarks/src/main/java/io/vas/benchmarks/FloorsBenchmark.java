package io.vas.benchmarks;

import io.vas.core.VasException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** What the machine's own calls cost: no figure of vas can be better than those it consists of. */
final class FloorsBenchmark implements Benchmark {
  static final String NAME = "floors";

  private static final double NANOS_PER_MICRO = 1e3;

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String description() {
    return "the machine's own mmap, memcpy and clone, to compare with";
  }

  @Override
  public List<Row> run(final Session session) throws IOException, InterruptedException {
    final Path helper = session.helper();
    final Process process =
        new ProcessBuilder(helper.toString(), "floors").redirectErrorStream(true).start();
    final String output =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    if (process.waitFor() != 0) {
      throw new VasException(output.trim());
    }
    final List<Row> rows = new ArrayList<>();
    output.lines().forEach(line -> rows.add(row(line.split(" ", 6))));
    return rows;
  }

  /** Name, minimum, median, 99th percentile, maximum, and number of rounds. */
  private static Row row(final String[] words) {
    return Row.measured(
        NAME,
        what(words[0]),
        new Row.Figures(
            Unit.MICROSECONDS,
            Integer.parseInt(words[5]),
            micros(words[1]),
            micros(words[2]),
            micros(words[3]),
            micros(words[4])));
  }

  private static double micros(final String nanos) {
    return Long.parseLong(nanos) / NANOS_PER_MICRO;
  }

  private static String what(final String name) {
    return switch (name) {
      case "mmap-private-1GiB" -> "mmap of 1 GiB, MAP_PRIVATE";
      case "memcpy-1GiB" -> "memcpy of 1 GiB, one thread";
      case "clone" -> "clone until the child runs";
      case "clone-pid-mnt" -> "same, new pid and mount namespaces";
      case "clone-all-namespaces" -> "same, new net, ipc and uts namespaces too";
      default -> throw new VasException("an unknown floor: " + name);
    };
  }
}
