package io.vas.api.daemon;

import io.grpc.Attributes;
import io.grpc.Context;
import io.grpc.Contexts;
import io.grpc.Metadata;
import io.grpc.ServerCall;
import io.grpc.ServerCallHandler;
import io.grpc.ServerCredentials;
import io.grpc.ServerInterceptor;
import io.grpc.netty.shaded.io.grpc.netty.GrpcHttp2ConnectionHandler;
import io.grpc.netty.shaded.io.grpc.netty.InternalNettyServerCredentials;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiationEvent;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiator;
import io.grpc.netty.shaded.io.grpc.netty.InternalProtocolNegotiators;
import io.grpc.netty.shaded.io.grpc.netty.ProtocolNegotiationEvent;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandler;
import io.grpc.netty.shaded.io.netty.channel.ChannelHandlerContext;
import io.grpc.netty.shaded.io.netty.channel.ChannelInboundHandlerAdapter;
import io.grpc.netty.shaded.io.netty.channel.unix.UnixChannel;
import io.grpc.netty.shaded.io.netty.util.AsciiString;
import io.vas.core.linux.PeerCredentials;

/**
 * Who is at the other end of each connection: asked of the kernel when a connection begins, and
 * found again by each of its calls. There is no call without it.
 *
 * <p>gRPC hands a connection's channel to nothing but what negotiates its protocol, hence the
 * classes that it calls internal; its own modules for other kinds of credentials use them.
 */
final class Peers implements ServerInterceptor {
  private static final Attributes.Key<Caller> PEER = Attributes.Key.create("vas-peer");
  private static final Context.Key<Caller> CALLER = Context.key("vas-caller");

  /**
   * Who makes the current call.
   *
   * @return the caller.
   * @throws IllegalStateException outside of a call.
   */
  static Caller caller() {
    final Caller caller = CALLER.get();
    if (caller == null) {
      throw new IllegalStateException("nobody calls");
    }
    return caller;
  }

  /**
   * What a server is to be made with.
   *
   * @return the kernel's word for who connects, and no encryption.
   */
  static ServerCredentials credentials() {
    return InternalNettyServerCredentials.create(
        new Negotiator(InternalProtocolNegotiators.serverPlaintext()));
  }

  @Override
  public <Q, R> ServerCall.Listener<Q> interceptCall(
      final ServerCall<Q, R> call, final Metadata headers, final ServerCallHandler<Q, R> next) {
    final Caller caller = call.getAttributes().get(PEER);
    if (caller == null) {
      throw new IllegalStateException("a connection of nobody's");
    }
    return Contexts.interceptCall(Context.current().withValue(CALLER, caller), call, headers, next);
  }

  /** What is done before the protocol begins. */
  private record Negotiator(InternalProtocolNegotiator.ProtocolNegotiator plain)
      implements InternalProtocolNegotiator.ProtocolNegotiator {
    @Override
    public AsciiString scheme() {
      return plain.scheme();
    }

    @Override
    public ChannelHandler newHandler(final GrpcHttp2ConnectionHandler connection) {
      return new Asking(plain.newHandler(connection));
    }

    @Override
    public void close() {
      plain.close();
    }
  }

  /** Asks the kernel, and makes room for what comes next. */
  private static final class Asking extends ChannelInboundHandlerAdapter {
    private final ChannelHandler next;

    Asking(final ChannelHandler next) {
      this.next = next;
    }

    @Override
    public void userEventTriggered(final ChannelHandlerContext context, final Object event) {
      if (!(event instanceof ProtocolNegotiationEvent begin)) {
        context.fireUserEventTriggered(event);
        return;
      }
      final int socket = ((UnixChannel) context.channel()).fd().intValue();
      final PeerCredentials peer = PeerCredentials.of(socket);
      final Caller caller = new Caller(peer.uid(), peer.gid(), PeerCredentials.groups(socket));
      final Attributes known =
          InternalProtocolNegotiationEvent.getAttributes(begin).toBuilder()
              .set(PEER, caller)
              .build();
      context.pipeline().replace(context.name(), null, next);
      context.fireUserEventTriggered(InternalProtocolNegotiationEvent.withAttributes(begin, known));
    }
  }
}
