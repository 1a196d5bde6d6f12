package io.vas.api.demo;

import io.vas.api.client.VasClient;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntConsumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Redis, on a port of the instance's own network. */
final class RedisWorkload implements Workload {
  private static final int BATCH = 2048;
  private static final String KEY = "key:1";

  /** Values that differ from each other: what is all alike would prove little. */
  private static final String LOAD =
      "for i = tonumber(ARGV[1]), tonumber(ARGV[2]) do"
          + " redis.call('SET', 'key:' .. i, string.sub(string.rep(redis.sha1hex(i), 103), 1, 4096))"
          + " end return redis.call('DBSIZE')";

  private final String version;

  private RedisWorkload(final String version) {
    this.version = version;
  }

  /**
   * The Redis of this host.
   *
   * @return empty if it has none.
   */
  static Optional<Workload> find() {
    if (!isInPath("redis-server") || !isInPath("redis-cli")) {
      return Optional.empty();
    }
    try {
      final Process process = new ProcessBuilder("redis-server", "--version").start();
      final String text =
          new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      final Matcher version = Pattern.compile("v=([0-9.]+)").matcher(text);
      return version.find() ? Optional.of(new RedisWorkload(version.group(1))) : Optional.empty();
    } catch (final IOException e) {
      return Optional.empty();
    }
  }

  private static boolean isInPath(final String program) {
    for (final String directory : System.getenv("PATH").split(":", -1)) {
      if (Files.isExecutable(Path.of(directory, program))) {
        return true;
      }
    }
    return false;
  }

  @Override
  public String title() {
    return "Redis " + version;
  }

  @Override
  public List<String> command() {
    final List<String> command =
        new ArrayList<>(
            List.of(
                "redis-server",
                "--bind",
                "127.0.0.1",
                "--save",
                "",
                "--appendonly",
                "no",
                "--dir",
                "/tmp"));
    if (Integer.parseInt(version.substring(0, version.indexOf('.'))) >= 7) {
      // DEBUG DIGEST is off by default since Redis 7; before, there was no such option.
      command.addAll(List.of("--enable-debug-command", "yes"));
    }
    return command;
  }

  @Override
  public boolean answers(final VasClient client, final String instance) {
    return client.exec(instance, "redis-cli", "PING").text().startsWith("PONG");
  }

  @Override
  public void load(
      final VasClient client, final String instance, final int count, final IntConsumer progress) {
    for (int from = 1; from <= count; from += BATCH) {
      final int to = Math.min(count, from + BATCH - 1);
      final String size =
          Question.ask(
              client,
              instance,
              "redis-cli",
              "EVAL",
              LOAD,
              "0",
              Integer.toString(from),
              Integer.toString(to));
      progress.accept(Integer.parseInt(size));
    }
  }

  @Override
  public String digest(final VasClient client, final String instance) {
    return Question.ask(client, instance, "redis-cli", "DEBUG", "DIGEST");
  }

  @Override
  public void write(final VasClient client, final String instance, final String text) {
    final var unused = Question.ask(client, instance, "redis-cli", "SET", KEY, text);
  }

  @Override
  public String read(final VasClient client, final String instance) {
    return Question.ask(client, instance, "redis-cli", "GET", KEY);
  }

  @Override
  public void close() {}
}
