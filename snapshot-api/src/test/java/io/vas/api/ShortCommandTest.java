package io.vas.api;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.File;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Short commands with the few libraries that the launcher gives them. */
class ShortCommandTest {
  private static final Pattern LEFT_OUT = Pattern.compile("\\*/([A-Za-z-]+)\\*");

  /** As the launcher says in its list of what short commands go without. */
  private static List<String> leftOut(final Path home) throws Exception {
    final List<String> prefixes = new ArrayList<>();
    for (final String line : Files.readAllLines(home.resolve("vas"))) {
      if (line.strip().startsWith("*/")) {
        final Matcher matcher = LEFT_OUT.matcher(line);
        while (matcher.find()) {
          prefixes.add(matcher.group(1));
        }
      }
    }
    return prefixes;
  }

  private static String run(final Path state, final String classPath, final String... words)
      throws Exception {
    final List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Dvas.class.path=" + System.getProperty("java.class.path"),
                "-Dvas.home=" + System.getProperty("vas.home"),
                "-Dslf4j.provider=org.slf4j.helpers.NOP_FallbackServiceProvider",
                "-cp",
                classPath,
                "io.vas.api.cli.Main"));
    command.addAll(List.of(words));
    final ProcessBuilder builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put(StateDirectory.VARIABLE, state.toString());
    // Should this test fail, the daemon's keeper ends with it.
    builder.environment().put("VAS_ENDS_WITH", Long.toString(ProcessHandle.current().pid()));
    final Process process = builder.start();
    final String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(said).isZero();
    return said;
  }

  @Test
  void shouldStartTheDaemonWithoutTheLibrariesThatOnlyItNeeds(@TempDir final Path state)
      throws Exception {
    final List<String> leftOut = leftOut(Path.of(System.getProperty("vas.home")));
    assertThat(leftOut).contains("agrona-", "jnr-");
    final String classPath =
        Arrays.stream(System.getProperty("java.class.path").split(File.pathSeparator, -1))
            .filter(entry -> leftOut.stream().noneMatch(new File(entry).getName()::startsWith))
            .collect(Collectors.joining(File.pathSeparator));
    assertThat(run(state, classPath, "ps")).startsWith("ID ");
    assertThat(run(state, classPath, "stats")).startsWith("the daemon ");
    run(state, classPath, "daemon", "--stop");
  }
}
