package io.vas.api.cli;

import io.vas.core.VasException;
import java.lang.reflect.InvocationTargetException;
import java.util.List;
import java.util.stream.Stream;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "bench",
    header = "Measure, and print tables with p50, p99 and max.",
    description = {
      "Needs the benchmarks' classes, which ./vas of a checkout has. Works with a daemon of its own,"
          + " in a directory of its own, and leaves nothing behind.",
      "",
      "  --list                 the benchmarks' names and what they measure",
      "  --rounds N             of each measurement, 50 by default; some take fewer",
      "  --warm-up N            rounds before those that count, 5 by default",
      "  --size SIZE            what Redis holds, 1G by default; 256M is quick",
      "  --use-running-daemon   in place of one of its own",
      "",
      "vas bench jmh runs the JMH benchmarks; its arguments are JMH's, jmh -h shows them."
    },
    footer = {
      "",
      "Example:",
      "  vas bench",
      "  vas bench fork pong --rounds 200",
      "  vas bench --size 256M",
      "  vas bench jmh Program"
    })
final class BenchCommand extends Verb {
  private static final String BENCHMARKS = "io.vas.benchmarks.Main";

  @Parameters(arity = "0..*", paramLabel = "NAME", description = "Which; all by default.")
  private List<String> arguments = List.of();

  BenchCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() throws Exception {
    try {
      final Class<?> main = Class.forName(BENCHMARKS);
      final String[] args =
          Stream.concat(json() ? Stream.of("--json") : Stream.empty(), arguments.stream())
              .toArray(String[]::new);
      main.getMethod("main", String[].class).invoke(null, (Object) args);
      return 0;
    } catch (final ClassNotFoundException e) {
      throw new VasException(
          "the benchmarks are not on the class path; ./vas bench in a checkout has them", e);
    } catch (final InvocationTargetException e) {
      throw e.getCause() instanceof Exception cause ? cause : e;
    }
  }
}
