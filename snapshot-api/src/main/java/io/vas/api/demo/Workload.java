package io.vas.api.demo;

import io.vas.api.client.VasClient;
import java.util.List;
import java.util.function.IntConsumer;

/** A program that holds data, for the demonstration to run, fork and question. */
interface Workload extends AutoCloseable {
  /** Bytes of a value. */
  int VALUE_BYTES = 4096;

  /**
   * What it is.
   *
   * @return a name with a version.
   */
  String title();

  /**
   * The command to run.
   *
   * @return program and arguments.
   */
  List<String> command();

  /**
   * Asks whether it is there.
   *
   * @param client to ask through.
   * @param instance that runs it.
   * @return whether it answered.
   */
  boolean answers(VasClient client, String instance);

  /**
   * Stores made-up values of {@link #VALUE_BYTES}.
   *
   * @param client to ask through.
   * @param instance that runs it.
   * @param count how many.
   * @param progress is told how many there are.
   */
  void load(VasClient client, String instance, int count, IntConsumer progress);

  /**
   * Asks for one number that stands for all data.
   *
   * @param client to ask through.
   * @param instance that runs it.
   * @return the digest.
   */
  String digest(VasClient client, String instance);

  /**
   * Writes one value.
   *
   * @param client to ask through.
   * @param instance that runs it.
   * @param text the new value.
   */
  void write(VasClient client, String instance, String text);

  /**
   * Reads the value that {@link #write} writes.
   *
   * @param client to ask through.
   * @param instance that runs it.
   * @return the value.
   */
  String read(VasClient client, String instance);

  @Override
  void close();
}
