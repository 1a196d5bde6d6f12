package io.vas.api.wire;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;

/** Tells a socket that is served from one whose daemon has died. */
public final class SocketProbe {
  private SocketProbe() {}

  /**
   * Tries to connect.
   *
   * @param socket need not exist.
   * @return whether somebody listens.
   */
  public static boolean accepts(final Path socket) {
    try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket))) {
      return channel.isConnected();
    } catch (final IOException e) {
      return false;
    }
  }
}
