package io.vas.api.client;

import io.grpc.ManagedChannel;
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.grpc.netty.shaded.io.netty.channel.EventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.MultiThreadIoEventLoopGroup;
import io.grpc.netty.shaded.io.netty.channel.nio.NioIoHandler;
import io.grpc.netty.shaded.io.netty.channel.socket.nio.NioDomainSocketChannel;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/**
 * A gRPC channel over a unix domain socket, by the JDK's own sockets: netty's native ones would
 * have to unpack a library first, and that takes a short command longer than all the rest.
 */
final class Connection implements AutoCloseable {
  private final EventLoopGroup eventLoop =
      new MultiThreadIoEventLoopGroup(1, Connection::thread, NioIoHandler.newFactory());
  private final ManagedChannel channel;

  Connection(final Path socket) {
    channel =
        NettyChannelBuilder.forAddress(UnixDomainSocketAddress.of(socket))
            .overrideAuthority("localhost")
            .channelType(NioDomainSocketChannel.class, UnixDomainSocketAddress.class)
            .eventLoopGroup(eventLoop)
            .usePlaintext()
            .directExecutor()
            .disableRetry()
            .disableServiceConfigLookUp()
            .build();
  }

  ManagedChannel channel() {
    return channel;
  }

  /** Ends calls that are under way. The event loop goes first: its thread would hold up an exit. */
  @Override
  public void close() {
    channel.shutdownNow();
    final var unused = eventLoop.shutdownGracefully(0, 100, TimeUnit.MILLISECONDS);
  }

  private static Thread thread(final Runnable task) {
    final Thread thread = new Thread(task, "vas-client");
    thread.setDaemon(true);
    return thread;
  }
}
