package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.O_CLOEXEC;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.DatagramImage;
import io.vas.core.image.FileImage;
import io.vas.core.image.UnixSocketImage;
import io.vas.core.image.UnixSocketImage.State;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/** The steps that bring a {@link UnixSocket} back. */
final class UnixSocketRestore {
  private static final int MSG_DONTWAIT = 0x40;
  private static final int MSG_NOSIGNAL = 0x4000;
  private static final int SHUT_RD = 0;
  private static final int SHUT_WR = 1;

  private final DescriptorRestore restore;
  private final ProgramBuilder program;
  private final int number;
  private final Map<Integer, UnixSocketImage> files = new LinkedHashMap<>();

  UnixSocketRestore(final DescriptorRestore restore, final String kind)
      throws InvalidProtocolBufferException {
    this.restore = restore;
    program = restore.program();
    number = restore.descriptor();
    for (final FileImage file : restore.image().getFilesList()) {
      if (file.getKind().equals(kind)) {
        files.put(file.getId(), UnixSocketImage.parseFrom(file.getState()));
      }
    }
  }

  private static boolean isDatagram(final UnixSocketImage image) {
    return image.getSocket().getType() == UnixSocket.SOCK_DGRAM;
  }

  private static UnixAddress localOf(final UnixSocketImage image) {
    return new UnixAddress(image.getSocket().getLocal());
  }

  private static UnixAddress remoteOf(final UnixSocketImage image) {
    return new UnixAddress(image.getSocket().getRemote());
  }

  // ---- the sockets themselves

  void restore(final UnixSocketImage image) {
    final boolean unnamedPeer = !remoteOf(image).isNamed();
    if (image.getState() == State.CONNECTED && isPair(image)) {
      connect(image, files.get(image.getPeer()));
    } else if (image.getState() == State.RESET && (!isDatagram(image) || unnamedPeer)) {
      makeReset(image);
    } else {
      restore.place(socket("socket", image));
      setUp(image, number);
    }
    if (isDatagram(image) && !(image.getState() == State.CONNECTED && isPair(image))) {
      bind(image);
    }
  }

  /** Whether the other end is connected to this one, as it always is but for datagrams. */
  private boolean isPair(final UnixSocketImage image) {
    final UnixSocketImage peer = files.get(image.getPeer());
    return peer != null
        && peer.getState() == State.CONNECTED
        && peer.getPeer() == restore.file().getId()
        && (!isDatagram(image) || !(localOf(image).isNamed() && localOf(peer).isNamed()));
  }

  private Result socket(final String step, final UnixSocketImage image) {
    return program.call(
        restore.name(step),
        SystemCall.SOCKET,
        UnixSocket.AF_UNIX,
        image.getSocket().getType() | O_CLOEXEC,
        0);
  }

  private void setUp(final UnixSocketImage image, final int descriptor) {
    SocketOptions.restore(image.getSocket(), descriptor, restore);
    OpenFiles.setFlags(restore, descriptor, image.getSocket().getFlags());
  }

  private void bind(final UnixSocketImage image) {
    if (localOf(image).isNamed()) {
      localOf(image).bind("bind", Value.of(number), image, restore);
    }
  }

  private Data pair(final UnixSocketImage image) {
    final Data ends = program.data(new byte[2 * Integer.BYTES]);
    program.call(
        restore.name("socketpair"),
        SystemCall.SOCKETPAIR,
        UnixSocket.AF_UNIX,
        image.getSocket().getType() | O_CLOEXEC,
        0,
        ends);
    return ends;
  }

  private void connect(final UnixSocketImage image, final UnixSocketImage peer) {
    final int peerNumber = restore.descriptor(image.getPeer());
    if (isDatagram(image) || !(localOf(image).isNamed() || localOf(peer).isNamed())) {
      final Data ends = pair(image);
      restore.place(program.load(restore.name("this end"), ends, Integer.BYTES));
      restore.place(
          image.getPeer(),
          program.load(restore.name("other end"), ends.plus(Integer.BYTES), Integer.BYTES));
      if (isDatagram(image)) {
        bind(image);
        if (localOf(peer).isNamed()) {
          localOf(peer).bind("bind other end", Value.of(peerNumber), peer, restore);
        }
      }
    } else if (isServer(image, peer)) {
      accept(restore.file().getId(), image, image.getPeer(), peer);
    } else {
      accept(image.getPeer(), peer, restore.file().getId(), image);
    }
    restore.claim(image.getPeer());
    setUp(image, number);
    setUp(peer, peerNumber);
    for (int i = 0; i < image.getQueueCount(); i++) {
      send("message " + i, Value.of(peerNumber), image.getQueue(i), ByteString.EMPTY);
    }
    for (int i = 0; i < peer.getQueueCount(); i++) {
      send("other end's message " + i, Value.of(number), peer.getQueue(i), ByteString.EMPTY);
    }
    shut("end", number, image);
    shut("other end", peerNumber, peer);
  }

  /** An accepted socket has the name of the one that listened. */
  private boolean isServer(final UnixSocketImage image, final UnixSocketImage peer) {
    if (!localOf(peer).isNamed()) {
      return true;
    }
    return localOf(image).isNamed()
        && files.values().stream()
            .anyMatch(f -> f.getState() == State.LISTENING && localOf(f).equals(localOf(image)));
  }

  /** Connects through a listener that is there for this only. */
  private void accept(
      final int serverFile,
      final UnixSocketImage server,
      final int clientFile,
      final UnixSocketImage client) {
    final Result listener = socket("listener", server);
    restore.place(clientFile, socket("client", client));
    final Value clientNumber = Value.of(restore.descriptor(clientFile));
    final UnixAddress address = localOf(server);
    // The file, if there is one, belongs to another socket; this one is for the name only.
    address.bindWithoutFile(
        "bind listener",
        listener,
        restore,
        () -> {
          program.call(restore.name("listen"), SystemCall.LISTEN, listener, 1);
          if (localOf(client).isNamed()) {
            localOf(client).bind("bind client", clientNumber, client, restore);
          }
          address.call("connect", SystemCall.CONNECT, clientNumber, restore);
        });
    restore.place(
        serverFile,
        program.call(restore.name("accept"), SystemCall.ACCEPT4, listener, 0, 0, O_CLOEXEC));
    program.call(restore.name("close listener"), SystemCall.CLOSE, listener);
  }

  private void shut(final String step, final int descriptor, final UnixSocketImage image) {
    if (image.getWriteShut()) {
      program.call(
          restore.name("shut sending of " + step), SystemCall.SHUTDOWN, descriptor, SHUT_WR);
    }
    if (image.getReadShut() && isDatagram(image)) {
      // Of a stream, the other end's stop does this.
      program.call(
          restore.name("shut receiving of " + step), SystemCall.SHUTDOWN, descriptor, SHUT_RD);
    }
  }

  /** One whose other end is closed: its queue is read first, and then the error or the end. */
  private void makeReset(final UnixSocketImage image) {
    final Data ends = pair(image);
    restore.place(program.load(restore.name("this end"), ends, Integer.BYTES));
    final Result other =
        program.load(restore.name("other end"), ends.plus(Integer.BYTES), Integer.BYTES);
    setUp(image, number);
    for (int i = 0; i < image.getQueueCount(); i++) {
      send("message " + i, other, image.getQueue(i), ByteString.EMPTY);
    }
    if (!isDatagram(image) && !image.getErrorTold()) {
      // Closed with something unread, the other end resets this one.
      send(
          "what is not read",
          Value.of(number),
          DatagramImage.newBuilder().setContents(ByteString.copyFrom(new byte[1])).build(),
          ByteString.EMPTY);
    }
    program.call(restore.name("close other end"), SystemCall.CLOSE, other);
  }

  // ---- what needs the other sockets

  void complete(final UnixSocketImage image) {
    if (isDatagram(image)) {
      completeDatagram(image);
      return;
    }
    if (image.getState() != State.UNCONNECTED && image.getState() != State.LISTENING) {
      return;
    }
    bind(image);
    if (image.getState() == State.LISTENING) {
      program.call(restore.name("listen"), SystemCall.LISTEN, number, image.getBacklog());
      for (final int pending : image.getPendingList()) {
        connectPending(pending, image);
      }
    }
  }

  private void connectPending(final int file, final UnixSocketImage listener) {
    final int client = restore.descriptor(file);
    final UnixAddress address = localOf(listener);
    if (address.isPath() && !listener.getNamed()) {
      // No one can reach it by its path any more: the connections that were waiting end.
      return;
    }
    address.call("connect pending " + file, SystemCall.CONNECT, Value.of(client), restore);
  }

  private void completeDatagram(final UnixSocketImage image) {
    final boolean isPaired = image.getState() == State.CONNECTED && isPair(image);
    final boolean wasPaired = image.getState() == State.RESET && !remoteOf(image).isNamed();
    if (isPaired || wasPaired) {
      return;
    }
    for (int i = 0; i < image.getQueueCount(); i++) {
      sendFromItsSender("message " + i, image.getQueue(i), image);
    }
    if (image.getState() == State.CONNECTED) {
      remoteOf(image).call("connect", SystemCall.CONNECT, Value.of(number), restore);
    } else if (image.getState() == State.RESET) {
      final Result gone = socket("peer that is gone", image);
      remoteOf(image)
          .bindWithoutFile(
              "bind peer",
              gone,
              restore,
              () ->
                  remoteOf(image)
                      .call("connect to peer", SystemCall.CONNECT, Value.of(number), restore));
      program.call(restore.name("close peer"), SystemCall.CLOSE, gone);
    }
    shut("socket", number, image);
  }

  private void sendFromItsSender(
      final String step, final DatagramImage message, final UnixSocketImage image) {
    final UnixAddress from = new UnixAddress(message.getSender());
    final Optional<Integer> sender =
        files.entrySet().stream()
            .filter(f -> isDatagram(f.getValue()) && localOf(f.getValue()).equals(from))
            .filter(f -> from.isNamed())
            .map(Map.Entry::getKey)
            .findFirst();
    final ByteString to = image.getSocket().getLocal();
    if (sender.isPresent()) {
      send(step, Value.of(restore.descriptor(sender.get())), message, to);
      return;
    }
    final Result stranger = socket(step + ": sender", image);
    if (from.isNamed()) {
      from.bindWithoutFile(step + ": bind sender", stranger, restore, () -> {});
    }
    send(step, stranger, message, to);
    program.call(restore.name(step + ": close sender"), SystemCall.CLOSE, stranger);
  }

  private void send(
      final String step, final Value from, final DatagramImage message, final ByteString to) {
    final ByteString contents = message.getContents();
    program.callExpecting(
        contents.size(),
        restore.name(step),
        SystemCall.SENDTO,
        from,
        program.data(contents.toByteArray()),
        contents.size(),
        MSG_DONTWAIT | MSG_NOSIGNAL,
        to.isEmpty() ? Value.of(0) : program.data(to.toByteArray()),
        to.size());
  }
}
