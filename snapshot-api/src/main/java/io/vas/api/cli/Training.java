package io.vas.api.cli;

import io.grpc.Server;
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.nio.NioIoHandler;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.grpc.stub.StreamObserver;
import io.vas.api.StateDirectory;
import io.vas.api.v1.ForkInfo;
import io.vas.api.v1.ForkReply;
import io.vas.api.v1.ForkRequest;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.InstanceState;
import io.vas.api.v1.PsReply;
import io.vas.api.v1.PsRequest;
import io.vas.api.v1.SnapshotInfo;
import io.vas.api.v1.SnapshotsReply;
import io.vas.api.v1.SnapshotsRequest;
import io.vas.api.v1.VasGrpc;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.UnixDomainSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Runs short commands against a service that has nothing to say, so that the Java virtual machine
 * sees which classes they need and the launcher can archive them. With the archive a command takes
 * a third of the time.
 */
final class Training {
  private Training() {}

  static void run() {
    try {
      final Path directory = Files.createTempDirectory("vas-training-");
      try {
        run(new StateDirectory(directory));
      } finally {
        Files.delete(directory);
      }
    } catch (final IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void run(final StateDirectory state) throws IOException {
    final EventLoopGroup eventLoop = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
    final Server server =
        NettyServerBuilder.forAddress(UnixDomainSocketAddress.of(state.socket()))
            .channelType(NioServerDomainSocketChannel.class)
            .bossEventLoopGroup(eventLoop)
            .workerEventLoopGroup(eventLoop)
            .directExecutor()
            .addService(new Nothing())
            .build()
            .start();
    try {
      final PrintStream out =
          new PrintStream(OutputStream.nullOutputStream(), true, StandardCharsets.UTF_8);
      final Console console =
          new Console(InputStream.nullInputStream(), out, out, false, () -> state, task -> {});
      for (final String command : new String[] {"ps", "ps -a", "snapshots", "fork x", "kill x"}) {
        Main.run(console, command.split(" ", -1));
      }
    } finally {
      server.shutdownNow();
      final var unused = eventLoop.shutdownGracefully().awaitUninterruptibly();
      Files.deleteIfExists(state.socket());
    }
  }

  private static final class Nothing extends VasGrpc.VasImplBase {
    @Override
    public void ps(final PsRequest request, final StreamObserver<PsReply> observer) {
      final InstanceInfo instance =
          InstanceInfo.newBuilder().setState(InstanceState.RUNNING).addCommand("x").build();
      observer.onNext(PsReply.newBuilder().addInstances(instance).build());
      observer.onCompleted();
    }

    @Override
    public void snapshots(
        final SnapshotsRequest request, final StreamObserver<SnapshotsReply> observer) {
      final SnapshotInfo snapshot = SnapshotInfo.newBuilder().setPages(1000).build();
      observer.onNext(SnapshotsReply.newBuilder().addSnapshots(snapshot).build());
      observer.onCompleted();
    }

    @Override
    public void fork(final ForkRequest request, final StreamObserver<ForkReply> observer) {
      observer.onNext(ForkReply.newBuilder().addForks(ForkInfo.getDefaultInstance()).build());
      observer.onCompleted();
    }
  }
}
