package io.vas.api.daemon;

import io.vas.api.FileErrors;
import io.vas.api.StateDirectory;
import io.vas.api.wire.SocketProbe;
import io.vas.core.ConflictException;
import io.vas.core.VasException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;

/**
 * The right to be the daemon of a state directory. The kernel takes it back when the process ends,
 * however it ends: a socket that is found by the holder belongs to nobody.
 */
final class DaemonLock implements AutoCloseable {
  /**
   * What this process holds: fcntl(2) gives a process a lock that it has already, and drops it when
   * any descriptor of the file is closed.
   */
  private static final Set<Path> HELD = ConcurrentHashMap.newKeySet();

  private static final Duration PATIENCE = Duration.ofSeconds(20);
  private static final long POLL_MILLIS = 20;

  private final Path path;
  private final FileChannel channel;

  private DaemonLock(final Path path, final FileChannel channel) {
    this.path = path;
    this.channel = channel;
  }

  /**
   * Takes the lock. Another daemon that has it and does not serve is about to end, or about to
   * serve: that is waited for.
   *
   * @param directory that exists.
   * @return the lock, to be closed.
   * @throws ConflictException if another daemon has it.
   */
  static DaemonLock take(final StateDirectory directory) {
    final long begin = System.nanoTime();
    while (true) {
      final Optional<DaemonLock> lock = tryTake(directory);
      if (lock.isPresent()) {
        return lock.get();
      }
      if (SocketProbe.accepts(directory.socket())
          || System.nanoTime() - begin > PATIENCE.toNanos()) {
        throw taken(directory);
      }
      try {
        TimeUnit.MILLISECONDS.sleep(POLL_MILLIS);
      } catch (final InterruptedException e) {
        Thread.currentThread().interrupt();
        throw taken(directory);
      }
    }
  }

  private static Optional<DaemonLock> tryTake(final StateDirectory directory) {
    final Path path = directory.lock();
    if (!HELD.add(path)) {
      return Optional.empty();
    }
    try {
      StateDirectory.makePrivate(path);
      final FileChannel channel =
          FileChannel.open(path, StandardOpenOption.READ, StandardOpenOption.WRITE);
      final FileLock lock = channel.tryLock();
      if (lock == null) {
        channel.close();
        HELD.remove(path);
        return Optional.empty();
      }
      channel.truncate(0);
      channel.write(
          ByteBuffer.wrap(
              (ProcessHandle.current().pid() + "\n").getBytes(StandardCharsets.US_ASCII)));
      return Optional.of(new DaemonLock(path, channel));
    } catch (final IOException e) {
      HELD.remove(path);
      throw directory.unusable(e);
    }
  }

  private static ConflictException taken(final StateDirectory directory) {
    return new ConflictException(
        "a daemon"
            + holder(directory.lock())
            + " already serves "
            + directory.path()
            + "; vas daemon --stop ends it");
  }

  private static String holder(final Path path) {
    if (HELD.contains(path)) {
      return "";
    }
    try {
      return " (pid " + Files.readString(path).strip() + ")";
    } catch (final IOException e) {
      return "";
    }
  }

  @Override
  public void close() {
    if (HELD.remove(path)) {
      try {
        channel.close();
      } catch (final IOException e) {
        throw new VasException("cannot unlock " + path + ": " + FileErrors.reason(e), e);
      }
    }
  }
}
