package io.vas.benchmarks;

import io.vas.core.VasException;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/** A connection to a Redis server on the loopback interface. */
final class RespConnection implements AutoCloseable {
  static final int PORT = 6379;

  private final Socket socket;
  private final InputStream in;
  private final OutputStream out;

  private RespConnection(final Socket socket) throws IOException {
    this.socket = socket;
    this.in = new BufferedInputStream(socket.getInputStream());
    this.out = socket.getOutputStream();
  }

  /**
   * Connects, from the network namespace in which the calling thread is.
   *
   * @param timeout of each answer.
   * @return the connection, which any thread may use.
   * @throws IOException if nobody listens.
   */
  static RespConnection open(final Duration timeout) throws IOException {
    // Not a plain Socket: that is one of IPv6, which a namespace need not have.
    final SocketChannel channel = SocketChannel.open(StandardProtocolFamily.INET);
    try {
      channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
      final InetAddress loopback = InetAddress.getByAddress(new byte[] {127, 0, 0, 1});
      if (!channel.connect(new InetSocketAddress(loopback, PORT))) {
        throw new IOException("not connected");
      }
      channel.socket().setSoTimeout(Math.toIntExact(timeout.toMillis()));
      return new RespConnection(channel.socket());
    } catch (final IOException e) {
      channel.close();
      throw e;
    }
  }

  /**
   * Sends a command.
   *
   * @param words of the command.
   * @return the answer, if it is a line, a number or a text.
   * @throws VasException if it is an error, or anything else.
   * @throws IOException if there is none.
   */
  String ask(final String... words) throws IOException {
    final StringBuilder request = new StringBuilder("*").append(words.length).append("\r\n");
    for (final String word : words) {
      request.append('$').append(word.length()).append("\r\n").append(word).append("\r\n");
    }
    out.write(request.toString().getBytes(StandardCharsets.US_ASCII));
    final String answer = line();
    return switch (answer.charAt(0)) {
      case '+', ':' -> answer.substring(1);
      case '$' -> bulk(Integer.parseInt(answer.substring(1)));
      default -> throw new VasException("Redis answers " + words[0] + " by " + answer);
    };
  }

  private String line() throws IOException {
    final StringBuilder line = new StringBuilder();
    while (true) {
      final int next = in.read();
      if (next < 0) {
        throw new EOFException("Redis ended the connection");
      }
      if (next == '\n' && line.length() > 1) {
        line.setLength(line.length() - 1);
        return line.toString();
      }
      line.append((char) next);
    }
  }

  private String bulk(final int length) throws IOException {
    final byte[] text = in.readNBytes(length);
    if (text.length < length || in.readNBytes(2).length < 2) {
      throw new EOFException("Redis ended the connection in an answer");
    }
    return new String(text, StandardCharsets.ISO_8859_1);
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
