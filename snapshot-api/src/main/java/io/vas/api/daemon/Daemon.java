package io.vas.api.daemon;

import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollIoHandler;
import io.grpc.netty.shaded.io.netty.channel.epoll.EpollServerDomainSocketChannel;
import io.grpc.netty.shaded.io.netty.channel.unix.DomainSocketAddress;
import io.vas.api.StateDirectory;
import io.vas.api.Version;
import io.vas.api.v1.DaemonInfo;
import io.vas.core.VasException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadFactory;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The daemon: serves an {@link Engine} on the socket in a state directory. There is at most one for
 * each directory.
 *
 * <p>Ending it well, by {@link #close()}, ends the keeper and with it all instances and snapshots.
 */
public final class Daemon implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(Daemon.class);

  /** How long calls may go on after the daemon was asked to end. */
  private static final int CALLS_END_SECONDS = 2;

  private final StateDirectory directory;
  private final DaemonLock lock;
  private final GroupAccess access;
  private final Engine engine;
  private final Instant started = Instant.now();
  private final EventLoopGroup eventLoop;
  private final ExecutorService executor = Executors.newCachedThreadPool(threads("vas-call-"));
  private final Server server;
  private final AtomicBoolean closing = new AtomicBoolean();
  private final CountDownLatch asked = new CountDownLatch(1);
  private final CountDownLatch closed = new CountDownLatch(1);

  private Daemon(
      final StateDirectory directory,
      final DaemonLock lock,
      final GroupAccess access,
      final Function<StateDirectory, Engine> engines)
      throws IOException {
    this.directory = directory;
    this.lock = lock;
    this.access = access;
    this.engine = engines.apply(directory);
    this.eventLoop =
        new MultiThreadIoEventLoopGroup(1, threads("vas-wire-"), EpollIoHandler.newFactory());
    try {
      this.server = serve();
    } catch (final IOException | RuntimeException e) {
      end();
      engine.close();
      throw e;
    }
  }

  /**
   * Starts to serve.
   *
   * @param directory is made if need be. The socket of a daemon that died is replaced.
   * @param engines makes the engine; called when no other daemon has the directory.
   * @return the serving daemon.
   * @throws io.vas.core.ConflictException if another daemon serves the directory.
   * @throws VasException if it cannot serve.
   */
  public static Daemon start(
      final StateDirectory directory, final Function<StateDirectory, Engine> engines) {
    return start(directory, "", engines);
  }

  /**
   * Starts to serve a group, too.
   *
   * @param directory is made if need be. The socket of a daemon that died is replaced.
   * @param group name of it; empty: the one that {@code VAS_GROUP} in the environment names, or
   *     that a daemon that died had let in; otherwise root alone is served.
   * @param engines makes the engine; called when no other daemon has the directory.
   * @return the serving daemon.
   * @throws io.vas.core.ConflictException if another daemon serves the directory.
   * @throws io.vas.core.InvalidRequestException if there is no such group.
   * @throws VasException if it cannot serve.
   */
  public static Daemon start(
      final StateDirectory directory,
      final String group,
      final Function<StateDirectory, Engine> engines) {
    final DaemonLock lock = DaemonLock.take(directory.create());
    try {
      final Daemon daemon = new Daemon(directory, lock, GroupAccess.of(directory, group), engines);
      LOG.info("vas {} serves {}", Version.TEXT, directory.socket());
      final var unused = daemon.engine.gone().thenRun(daemon::loseKeeper);
      return daemon;
    } catch (final IOException e) {
      lock.close();
      throw new VasException("cannot serve on " + directory.socket() + ": " + e.getMessage(), e);
    } catch (final RuntimeException e) {
      lock.close();
      throw e;
    }
  }

  /**
   * Sends the log of this process to the directory's log file.
   *
   * @param directory that exists.
   */
  public static void openLog(final StateDirectory directory) {
    DaemonLog.open(directory.log());
  }

  /**
   * Waits until a client asks the daemon to end, or it can't go on. It has not ended then: {@link
   * #close()} ends it.
   *
   * @throws InterruptedException if this thread is interrupted.
   */
  public void awaitShutdown() throws InterruptedException {
    asked.await();
  }

  /** Ends the daemon, the keeper and all instances. A second call waits for the first. */
  @Override
  public void close() {
    if (!closing.compareAndSet(false, true)) {
      awaitClosed();
      return;
    }
    LOG.info("ending");
    asked.countDown();
    try {
      // First no new connections, then no new calls; calls that wait for an instance's end are cut.
      Files.deleteIfExists(directory.socket());
      access.close();
      server.shutdown();
      if (!server.awaitTermination(CALLS_END_SECONDS, TimeUnit.SECONDS)) {
        server.shutdownNow();
      }
    } catch (final IOException e) {
      LOG.warn("socket {}: {}", directory.socket(), e.toString());
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
      server.shutdownNow();
    }
    try {
      engine.close();
    } finally {
      end();
      lock.close();
      LOG.info("ended");
      closed.countDown();
    }
  }

  /** The next command starts a new daemon with a new keeper. */
  private void loseKeeper() {
    if (!closing.get()) {
      LOG.error("the keeper has ended, and all instances with it; this daemon ends, too");
      asked.countDown();
    }
  }

  private void awaitClosed() {
    try {
      closed.await();
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private Server serve() throws IOException {
    final Path socket = directory.socket();
    access.shut();
    // The lock is ours, so whoever made this socket is dead.
    Files.deleteIfExists(socket);
    final Server made =
        NettyServerBuilder.forAddress(new DomainSocketAddress(socket.toFile()), Peers.credentials())
            .channelType(EpollServerDomainSocketChannel.class)
            .bossEventLoopGroup(eventLoop)
            .workerEventLoopGroup(eventLoop)
            .executor(executor)
            .intercept(new Peers())
            .intercept(new ArrivalTime())
            .addService(new VasService(engine, this::identity, asked::countDown, executor))
            .build()
            .start();
    // The directory lets nobody else in meanwhile.
    access.open();
    return made;
  }

  private DaemonInfo.Builder identity() {
    return DaemonInfo.newBuilder()
        .setVersion(Version.TEXT)
        .setPid((int) ProcessHandle.current().pid())
        .setStateDirectory(directory.path().toString())
        .setStartedUnixUs(ChronoUnit.MICROS.between(Instant.EPOCH, started));
  }

  private void end() {
    executor.shutdownNow();
    final var unused = eventLoop.shutdownGracefully(0, 1, TimeUnit.SECONDS).awaitUninterruptibly();
  }

  private static ThreadFactory threads(final String prefix) {
    final AtomicInteger next = new AtomicInteger(1);
    return task -> {
      final Thread thread = new Thread(task, prefix + next.getAndIncrement());
      thread.setDaemon(true);
      return thread;
    };
  }
}
