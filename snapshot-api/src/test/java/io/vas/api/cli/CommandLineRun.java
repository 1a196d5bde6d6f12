package io.vas.api.cli;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.ListValue;
import com.google.protobuf.Struct;
import com.google.protobuf.Value;
import com.google.protobuf.util.JsonFormat;
import io.vas.api.StateDirectory;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.function.Consumer;

/**
 * One command of the command line, run in this process.
 *
 * @param exitCode it returned.
 * @param out its standard output.
 * @param err its standard error.
 */
public record CommandLineRun(int exitCode, String out, String err) {
  /**
   * Runs a command.
   *
   * @param state the daemon's directory.
   * @param input standard input.
   * @param args verb, options and operands.
   * @return what came of it.
   */
  public static CommandLineRun of(
      final StateDirectory state, final String input, final String... args) {
    final ByteArrayOutputStream out = new ByteArrayOutputStream();
    final CommandLineRun run = run(out, state, input, task -> {}, args);
    return new CommandLineRun(run.exitCode(), out.toString(StandardCharsets.UTF_8), run.err());
  }

  /** Runs a command without input whose output goes elsewhere. */
  static CommandLineRun into(
      final OutputStream out, final StateDirectory state, final String... args) {
    return run(out, state, "", task -> {}, args);
  }

  /** Runs a command without input or output that may be told to end. */
  static CommandLineRun endedBy(
      final Consumer<Runnable> atEnd, final StateDirectory state, final String... args) {
    return run(OutputStream.nullOutputStream(), state, "", atEnd, args);
  }

  private static CommandLineRun run(
      final OutputStream out,
      final StateDirectory state,
      final String input,
      final Consumer<Runnable> atEnd,
      final String... args) {
    final ByteArrayOutputStream err = new ByteArrayOutputStream();
    final Console console =
        new Console(
            new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)),
            new PrintStream(out, true, StandardCharsets.UTF_8),
            new PrintStream(err, true, StandardCharsets.UTF_8),
            false,
            () -> state,
            atEnd);
    final int exitCode = Main.run(console, args);
    return new CommandLineRun(exitCode, "", err.toString(StandardCharsets.UTF_8));
  }

  /**
   * The output, parsed.
   *
   * @return a JSON object.
   */
  public Struct object() {
    final Struct.Builder builder = Struct.newBuilder();
    parse(builder);
    return builder.build();
  }

  /**
   * The output, parsed.
   *
   * @return the objects of a JSON array.
   */
  public List<Struct> objects() {
    final ListValue.Builder builder = ListValue.newBuilder();
    parse(builder);
    return builder.getValuesList().stream().map(Value::getStructValue).toList();
  }

  private void parse(final com.google.protobuf.Message.Builder builder) {
    try {
      JsonFormat.parser().merge(out, builder);
    } catch (final InvalidProtocolBufferException e) {
      throw new AssertionError("not what was expected: " + out + err, e);
    }
  }
}
