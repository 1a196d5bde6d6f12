package io.vas.benchmarks;

import io.vas.api.v1.ForkInfo;
import io.vas.api.v1.ForkRequest;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.RunRequest;
import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.SnapshotMode;
import io.vas.api.v1.SnapshotRequest;
import io.vas.core.VasException;
import java.io.IOException;
import java.time.Duration;
import java.util.List;

/** A Redis that runs in an instance and holds values of 1 KiB, and a snapshot of it. */
final class Redis {
  /** What Redis uses of memory for each byte of value, at most. */
  private static final double OVERHEAD = 1.3;

  private static final int VALUE_BYTES = 1024;
  private static final int CONNECT_TRIES = 200;
  private static final long CONNECT_PAUSE_MILLIS = 50;
  private static final Duration ANSWER = Duration.ofMinutes(5);

  private final Session session;
  private final long bytes;
  private final InstanceInfo instance;
  private SnapshotInfo snapshot;

  private Redis(final Session session, final long bytes, final InstanceInfo instance) {
    this.session = session;
    this.bytes = bytes;
    this.instance = instance;
  }

  /**
   * Starts one and fills it.
   *
   * @param session to which it belongs.
   * @param bytes what its values take together.
   * @return the running instance.
   * @throws Exception if it does not run, or there is not enough memory for it and a snapshot.
   */
  static Redis start(final Session session, final long bytes) throws Exception {
    session.requireMemory(2 * memoryBytes(bytes));
    session.say("starting Redis and filling it with " + ByteSize.text(bytes));
    final InstanceInfo instance =
        session
            .client()
            .run(
                RunRequest.newBuilder()
                    .setName(session.name("redis"))
                    .addAllCommand(
                        List.of(
                            "redis-server",
                            "--save",
                            "",
                            "--appendonly",
                            "no",
                            "--enable-debug-command",
                            "yes",
                            "--io-threads",
                            "1",
                            "--loglevel",
                            "warning"))
                    .build());
    final Redis redis = new Redis(session, bytes, instance);
    try (RespConnection connection = redis.connectPatiently()) {
      final long keys = bytes / VALUE_BYTES;
      connection.ask(
          "DEBUG", "POPULATE", Long.toString(keys), "key", Integer.toString(VALUE_BYTES));
      final String counted = connection.ask("DBSIZE");
      if (!counted.equals(Long.toString(keys))) {
        throw new VasException("Redis holds " + counted + " keys, not " + keys);
      }
    }
    return redis;
  }

  /** Memory that Redis needs for so many bytes of values, at most. */
  static long memoryBytes(final long bytes) {
    return (long) (bytes * OVERHEAD) + 16 * ByteSize.MIB;
  }

  private RespConnection connectPatiently() throws Exception {
    for (int i = 1; true; i++) {
      try {
        return connect(instance.getPid());
      } catch (final IOException e) {
        if (i == CONNECT_TRIES) {
          throw new VasException("Redis does not listen: " + e.getMessage(), e);
        }
      }
      Session.pause(CONNECT_PAUSE_MILLIS);
    }
  }

  /**
   * Connects to a Redis or a fork of it.
   *
   * @param pid of the instance, on the host.
   * @return the connection.
   * @throws Exception if it does not listen.
   */
  static RespConnection connect(final int pid) throws Exception {
    return Namespaces.in(pid, () -> RespConnection.open(ANSWER));
  }

  /** What its values take together. */
  long bytes() {
    return bytes;
  }

  /** Its instance. */
  InstanceInfo instance() {
    return instance;
  }

  /**
   * Takes a snapshot that the caller removes.
   *
   * @return the snapshot, taken while the instance stood still.
   */
  SnapshotInfo takeSnapshot() {
    return session
        .client()
        .snapshot(
            SnapshotRequest.newBuilder()
                .setInstance(instance.getId())
                .setName(session.name("snapshot"))
                .setMode(SnapshotMode.STOP)
                .build(),
            told -> {});
  }

  /**
   * Forks it.
   *
   * @param count of forks.
   * @return the new instances, to be removed by the caller.
   */
  List<ForkInfo> fork(final int count) {
    return session.client().fork(forkRequest(count));
  }

  /** The request for forks, which takes a snapshot if there is none yet. */
  ForkRequest forkRequest(final int count) {
    if (snapshot == null) {
      session.say("snapshotting Redis with " + ByteSize.text(bytes));
      snapshot = takeSnapshot();
    }
    return ForkRequest.newBuilder()
        .setSource(snapshot.getId())
        .setCount(count)
        .setName(session.name("fork"))
        .build();
  }

  /** Ends it, and removes the snapshot. */
  void remove() {
    session.remove(List.of(instance.getId()));
    if (snapshot != null) {
      session.remove(List.of(snapshot.getId()));
    }
  }
}
