package io.vas.api.demo;

import io.vas.api.cli.Texts;
import io.vas.api.client.VasClient;
import io.vas.api.v1.ForkInfo;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.Memory;
import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.SnapshotRequest;
import io.vas.core.NotFoundException;
import io.vas.core.VasException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;
import java.util.stream.Stream;

/**
 * The main job, end to end: a store with data in an instance, a snapshot of it, forks of that, and
 * the proof that all have the data and none sees what another writes.
 */
public final class Demo {
  private static final int DATA_MIB = 256;
  private static final int VALUES = DATA_MIB * 1024 * 1024 / Workload.VALUE_BYTES;
  private static final int FORKS = 20;
  private static final long READY_NANOS = TimeUnit.SECONDS.toNanos(20);
  private static final String WRITTEN = "written-in-one-fork-only";

  /** Is told what is being done and what was done. */
  public interface Listener {
    /**
     * Long work goes on.
     *
     * @param what is being done.
     * @param done of total.
     * @param total 0 if it is not known.
     */
    void progress(String what, long done, long total);

    /**
     * A step is done.
     *
     * @param step what was done.
     */
    void done(Step step);
  }

  /**
   * One step of the demonstration.
   *
   * @param key of the step, for programs.
   * @param title of the step, for people.
   * @param micros it took; -1 where time means nothing.
   * @param result what came of it, for people.
   * @param values what came of it, for programs: numbers and texts by name, in this order.
   */
  public record Step(
      String key, String title, long micros, String result, Map<String, Object> values) {
    private Step with(final String name, final Object value) {
      final Map<String, Object> more = new LinkedHashMap<>(values);
      more.put(name, value);
      return new Step(key, title, micros, result, more);
    }
  }

  private final VasClient client;
  private final Listener listener;
  private final Workload workload;
  private final List<String> made = new CopyOnWriteArrayList<>();

  private Demo(final VasClient client, final Listener listener, final Workload workload) {
    this.client = client;
    this.listener = listener;
    this.workload = workload;
  }

  /**
   * Prepares it: with Redis if this host has it, with a small store of its own otherwise.
   *
   * @param client to work through.
   * @param listener is told of the steps.
   * @return the demonstration.
   */
  public static Demo prepare(final VasClient client, final Listener listener) {
    return new Demo(client, listener, RedisWorkload.find().orElseGet(OwnStoreWorkload::new));
  }

  /**
   * What runs in the instances.
   *
   * @return a name with a version.
   */
  public String title() {
    return workload.title();
  }

  /**
   * Does it.
   *
   * @throws VasException if something is not as it should be.
   */
  public void run() {
    final String original = start();
    load(original);
    final String digest = digestOf(original);
    final String snapshot = snapshot(original);
    final List<String> forks = fork(snapshot);
    weigh("memory_idle", "memory of a fork that answered once", forks);
    compareDigests(digest, original, forks);
    write(original, forks);
    weigh("memory_used", "memory of a fork after that", forks);
  }

  /**
   * Removes all instances and snapshots that were made. May be called more than once, and while
   * {@link #run} is going on in another thread.
   *
   * @param cleaner a connection; not that of {@link #run} if that was closed to end it.
   */
  public void cleanUp(final VasClient cleaner) {
    final long begin = System.nanoTime();
    int removed = 0;
    // Latest first: forks before their snapshot.
    for (int i = made.size() - 1; i >= 0; i--) {
      try {
        removed += cleaner.rm(List.of(made.get(i)), true).size();
      } catch (final NotFoundException e) {
        // It was removed by an earlier call.
      }
    }
    made.clear();
    workload.close();
    listener.done(
        step("clean_up", "clean up", begin, removed + " instances and snapshots removed")
            .with("removed", removed));
  }

  private String start() {
    listener.progress("starting " + workload.title(), 0, 0);
    final long begin = System.nanoTime();
    final InstanceInfo instance = client.run("", workload.command());
    made.add(instance.getId());
    while (!workload.answers(client, instance.getId())) {
      if (System.nanoTime() - begin > READY_NANOS) {
        throw new VasException(
            "instance " + instance.getId() + ": " + workload.title() + " does not answer");
      }
      pause();
    }
    listener.done(
        step(
                "start",
                "start " + workload.title() + " in an instance",
                begin,
                "instance " + instance.getId() + ", pid " + instance.getPid())
            .with("instance", instance.getId())
            .with("pid", instance.getPid()));
    return instance.getId();
  }

  private void load(final String original) {
    final long begin = System.nanoTime();
    workload.load(client, original, VALUES, count -> listener.progress("loading", count, VALUES));
    listener.done(
        step(
                "load",
                "load " + DATA_MIB + " MiB of data",
                begin,
                Texts.count(VALUES) + " values of " + Texts.size(Workload.VALUE_BYTES))
            .with("values", VALUES)
            .with("value_bytes", Workload.VALUE_BYTES));
  }

  private String digestOf(final String original) {
    listener.progress("asking for a digest", 0, 0);
    final long begin = System.nanoTime();
    final String digest = workload.digest(client, original);
    listener.done(
        step("digest", "ask it for a digest of its data", begin, digest).with("digest", digest));
    return digest;
  }

  private String snapshot(final String original) {
    final long begin = System.nanoTime();
    final SnapshotInfo snapshot =
        client.snapshot(
            SnapshotRequest.newBuilder().setInstance(original).build(),
            progress ->
                listener.progress(
                    progress.getStage(), progress.getDoneBytes(), progress.getTotalBytes()));
    made.add(snapshot.getId());
    listener.done(
        step(
                "snapshot",
                "snapshot it",
                begin,
                "frozen for "
                    + Texts.duration(snapshot.getFrozenUs())
                    + ", "
                    + Texts.count(snapshot.getPages())
                    + " pages, "
                    + Texts.size(snapshot.getBytes()))
            .with("snapshot", snapshot.getId())
            .with("frozen_us", snapshot.getFrozenUs())
            .with("pages", snapshot.getPages())
            .with("bytes", snapshot.getBytes()));
    return snapshot.getId();
  }

  private List<String> fork(final String snapshot) {
    listener.progress("forking", 0, 0);
    final long begin = System.nanoTime();
    final List<ForkInfo> forks = client.fork(snapshot, FORKS);
    final List<String> ids = forks.stream().map(ForkInfo::getId).toList();
    made.addAll(ids);
    final long last = forks.stream().mapToLong(ForkInfo::getForkUs).max().orElseThrow();
    listener.done(
        step(
                "fork",
                "fork " + FORKS + " instances",
                begin,
                "all run after "
                    + Texts.duration(last)
                    + ", that is "
                    + Texts.duration(last / FORKS)
                    + " each")
            .with("forks", FORKS)
            .with("last_fork_us", last));
    final long asked = System.nanoTime();
    for (final String id : ids) {
      if (!workload.answers(client, id)) {
        throw new VasException("instance " + id + ": a fork does not answer");
      }
    }
    listener.done(
        step("answer", "ask each for a first answer", asked, "all answered")
            .with("answers", ids.size()));
    return ids;
  }

  private void weigh(final String key, final String title, final List<String> forks) {
    final List<Memory> memory =
        forks.stream().map(id -> client.inspect(id).getInstance().getMemory()).toList();
    final long[] own = memory.stream().mapToLong(Memory::getOwnBytes).sorted().toArray();
    final long[] tables = memory.stream().mapToLong(Memory::getPageTableBytes).sorted().toArray();
    listener.done(
        new Step(
                key,
                title,
                -1,
                Texts.size(own[own.length / 2])
                    + " of its own (p50; max "
                    + Texts.size(own[own.length - 1])
                    + "), page tables "
                    + Texts.size(tables[tables.length / 2]),
                Map.of())
            .with("own_p50_bytes", own[own.length / 2])
            .with("own_max_bytes", own[own.length - 1])
            .with("page_tables_p50_bytes", tables[tables.length / 2]));
  }

  private void compareDigests(
      final String expected, final String original, final List<String> forks) {
    final long begin = System.nanoTime();
    final List<String> all = Stream.concat(Stream.of(original), forks.stream()).toList();
    final List<String> digests =
        onAll("asking each for a digest", all, id -> workload.digest(client, id));
    for (int i = 0; i < all.size(); i++) {
      require(all.get(i), "digest", expected, digests.get(i));
    }
    listener.done(
        step(
                "digests",
                "ask each and the original for a digest",
                begin,
                "all " + digests.size() + " are equal")
            .with("equal", digests.size()));
  }

  private void write(final String original, final List<String> forks) {
    listener.progress("writing to one", 0, 0);
    final long begin = System.nanoTime();
    final String writer = forks.get(0);
    final String before = workload.read(client, writer);
    workload.write(client, writer, WRITTEN);
    require(writer, "value", WRITTEN, workload.read(client, writer));
    final List<String> others = Stream.concat(Stream.of(original), forks.stream().skip(1)).toList();
    final List<String> values =
        onAll("reading from all others", others, id -> workload.read(client, id));
    for (int i = 0; i < others.size(); i++) {
      require(others.get(i), "value", before, values.get(i));
    }
    listener.done(
        step(
                "write",
                "write to one, read from all others",
                begin,
                "seen by " + writer + " only, not by the " + others.size() + " others")
            .with("writer", writer)
            .with("others_unchanged", others.size()));
  }

  private List<String> onAll(
      final String what, final List<String> ids, final Function<String, String> question) {
    final ExecutorService threads =
        Executors.newFixedThreadPool(Runtime.getRuntime().availableProcessors());
    try {
      final List<Future<String>> answers = new ArrayList<>();
      for (final String id : ids) {
        answers.add(threads.submit(() -> question.apply(id)));
      }
      final List<String> all = new ArrayList<>();
      for (final Future<String> answer : answers) {
        listener.progress(what, all.size(), ids.size());
        all.add(answer.get());
      }
      return all;
    } catch (final ExecutionException e) {
      throw e.getCause() instanceof VasException cause
          ? cause
          : new VasException(what + ": " + e.getCause(), e);
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new VasException("interrupted", e);
    } finally {
      threads.shutdownNow();
    }
  }

  private static void require(
      final String id, final String what, final String expected, final String actual) {
    if (!actual.equals(expected)) {
      throw new VasException(
          "instance " + id + ": its " + what + " is " + actual + " and should be " + expected);
    }
  }

  private static void pause() {
    try {
      TimeUnit.MILLISECONDS.sleep(10);
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new VasException("interrupted", e);
    }
  }

  private static Step step(
      final String key, final String title, final long beginNanos, final String result) {
    return new Step(key, title, (System.nanoTime() - beginNanos) / 1000, result, Map.of());
  }
}
