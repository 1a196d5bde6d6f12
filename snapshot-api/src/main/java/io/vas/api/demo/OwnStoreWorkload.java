package io.vas.api.demo;

import io.vas.api.client.VasClient;
import io.vas.core.VasException;
import io.vas.natives.NativeBinaries;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.function.IntConsumer;

/** The small store that comes with vas, for hosts without Redis. */
final class OwnStoreWorkload implements Workload {
  private static final int BATCH = 4096;

  private final Path directory;
  private final String program;

  /** Unpacks it. */
  OwnStoreWorkload() {
    try {
      directory = Files.createTempDirectory("vas-demo-");
      program = NativeBinaries.extract(NativeBinaries.DEMO_STORE, directory).toString();
    } catch (final IOException e) {
      throw new VasException("cannot unpack the demonstration's store: " + e.getMessage(), e);
    }
  }

  @Override
  public String title() {
    return "a small store of its own";
  }

  @Override
  public List<String> command() {
    return List.of(program, "serve");
  }

  @Override
  public boolean answers(final VasClient client, final String instance) {
    return client.exec(instance, program, "ask", "load", "0", "0").exitCode() == 0;
  }

  @Override
  public void load(
      final VasClient client, final String instance, final int count, final IntConsumer progress) {
    for (int from = 0; from < count; from += BATCH) {
      final int to = Math.min(count, from + BATCH);
      final var unused =
          Question.ask(
              client,
              instance,
              program,
              "ask",
              "load",
              Integer.toString(from),
              Integer.toString(to));
      progress.accept(to);
    }
  }

  @Override
  public String digest(final VasClient client, final String instance) {
    return Question.ask(client, instance, program, "ask", "digest");
  }

  @Override
  public void write(final VasClient client, final String instance, final String text) {
    final var unused = Question.ask(client, instance, program, "ask", "set", "1", text);
  }

  @Override
  public String read(final VasClient client, final String instance) {
    return Question.ask(client, instance, program, "ask", "get", "1");
  }

  @Override
  public void close() {
    try {
      Files.deleteIfExists(Path.of(program));
      Files.deleteIfExists(directory);
    } catch (final IOException e) {
      throw new VasException("cannot delete " + directory + ": " + e.getMessage(), e);
    }
  }
}
