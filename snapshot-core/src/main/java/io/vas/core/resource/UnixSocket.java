package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.DatagramImage;
import io.vas.core.image.FileImage;
import io.vas.core.image.UnixSocketImage;
import io.vas.core.image.UnixSocketImage.State;
import io.vas.core.linux.FileStatus;
import java.util.Optional;
import java.util.function.IntUnaryOperator;

/**
 * Unix sockets of all types, with what waits in them.
 *
 * <p>A connection between two sockets of the instance comes back, also one that was not accepted
 * yet. One whose other end is elsewhere comes back reset; the instance that is snapshotted keeps
 * its own. Messages that wait in a fork were sent by its root process, as far as credentials tell.
 */
public final class UnixSocket implements DescriptorResource {
  static final int AF_UNIX = 1;
  static final int SOCK_STREAM = 1;
  static final int SOCK_DGRAM = 2;

  private static final int CONNECTED = 1;
  private static final int SHUT_RECEIVING = 1;
  private static final int SHUT_SENDING = 2;

  /** A struct cmsghdr and a struct ucred, which SO_PASSCRED adds to each message. */
  private static final int CREDENTIALS_LENGTH = 28;

  /** The kind. */
  public UnixSocket() {}

  @Override
  public String kind() {
    return "unix socket";
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    return SocketFacts.of(descriptor).filter(facts -> facts.family() == AF_UNIX).isPresent();
  }

  @Override
  public void plan(final PlanBuilder plan) {
    SocketFacts.plan(plan);
    UnixDiagnosis.plan(plan);
  }

  @Override
  public UnixSocketImage capture(final DescriptorRecord descriptor, final CaptureContext context) {
    final SocketFacts facts = SocketFacts.of(descriptor).orElseThrow();
    final UnixDiagnosis diagnosis = UnixDiagnosis.of(context);
    final Optional<UnixDiagnosis.Socket> diagnosed = diagnosis.socket(descriptor.status().inode());
    if (diagnosed.isEmpty()) {
      return captureStranger(descriptor, facts, context);
    }
    final UnixDiagnosis.Socket socket = diagnosed.get();
    final UnixSocketImage.Builder image =
        UnixSocketImage.newBuilder()
            .setSocket(facts.capture(context, kind()))
            .setReadShut((socket.shutdown() & SHUT_RECEIVING) != 0)
            .setWriteShut((socket.shutdown() & SHUT_SENDING) != 0);
    captureName(descriptor, socket, diagnosis, image, context);
    if (facts.isListening()) {
      image.setState(State.LISTENING).setBacklog(socket.queued());
      for (final long pending : socket.pending()) {
        fileOf(pending, descriptor).ifPresent(image::addPending);
      }
      return image.build();
    }
    captureConnection(descriptor, facts, socket, diagnosis, image, context);
    if (!(image.getState() == State.RESET && socket.peer().filter(p -> p != 0).isPresent())) {
      captureQueue(descriptor, facts, image, context);
    }
    return image.build();
  }

  /** A connection belongs to the net namespace of the one who asked for it. */
  private UnixSocketImage captureStranger(
      final DescriptorRecord descriptor, final SocketFacts facts, final CaptureContext context) {
    if (!facts.isConnected() || facts.type() == SOCK_DGRAM) {
      throw context.unsupported(descriptor, kind(), "it is from another net namespace");
    }
    return UnixSocketImage.newBuilder()
        .setSocket(facts.capture(context, kind()))
        .setState(State.RESET)
        .build();
  }

  private void captureName(
      final DescriptorRecord descriptor,
      final UnixDiagnosis.Socket socket,
      final UnixDiagnosis diagnosis,
      final UnixSocketImage.Builder image,
      final CaptureContext context) {
    final UnixAddress address = new UnixAddress(image.getSocket().getLocal());
    if (!address.isPath()) {
      return;
    }
    final String path = address.path();
    if (!path.startsWith("/")) {
      throw context.unsupported(
          descriptor, kind(), "it is bound to a path that is not absolute: " + path);
    }
    // One that was removed can be reached no more, but keeps its name.
    context
        .host()
        .file("/proc/" + descriptor.process().outerPid() + "/root" + path)
        .filter(status -> status.type() == FileStatus.S_IFSOCK)
        .filter(status -> status.inode() == socket.file() || diagnosis.isOnlyFile(socket))
        .ifPresent(
            status ->
                image
                    .setNamed(true)
                    .setMode(status.permissions())
                    .setUid(status.uid())
                    .setGid(status.gid()));
  }

  private static Optional<Integer> fileOf(final long inode, final DescriptorRecord of) {
    return of.process().descriptors().stream()
        .filter(d -> d.status().inode() == inode && d.link().startsWith(SocketFacts.LINK))
        .map(DescriptorRecord::file)
        .findFirst();
  }

  private void captureConnection(
      final DescriptorRecord descriptor,
      final SocketFacts facts,
      final UnixDiagnosis.Socket socket,
      final UnixDiagnosis diagnosis,
      final UnixSocketImage.Builder image,
      final CaptureContext context) {
    if (diagnosis.isPending(descriptor.status().inode())) {
      if (facts.unsentBytes() != 0) {
        throw context.unsupported(
            descriptor, kind(), "it has sent to a socket that has not accepted it yet");
      }
      image.setState(State.UNCONNECTED);
      return;
    }
    final boolean wasConnected =
        socket.peer().isPresent()
            || (socket.state() == CONNECTED && image.getSocket().getType() != SOCK_DGRAM);
    if (!wasConnected) {
      image.setState(State.UNCONNECTED);
      return;
    }
    final Optional<Integer> peer = socket.peer().flatMap(inode -> fileOf(inode, descriptor));
    if (peer.isEmpty()) {
      final boolean peerLives = socket.peer().filter(inode -> inode != 0).isPresent();
      image.setState(State.RESET).setErrorTold(!peerLives && !facts.hasError());
      return;
    }
    image.setState(State.CONNECTED).setPeer(peer.get());
    final boolean isMutual =
        diagnosis
            .socket(socket.peer().get())
            .flatMap(UnixDiagnosis.Socket::peer)
            .filter(inode -> inode == descriptor.status().inode())
            .isPresent();
    if (!isMutual && !new UnixAddress(image.getSocket().getRemote()).isNamed()) {
      throw context.unsupported(
          descriptor, kind(), "it is connected to a socket that has neither name nor connection");
    }
  }

  private void captureQueue(
      final DescriptorRecord descriptor,
      final SocketFacts facts,
      final UnixSocketImage.Builder image,
      final CaptureContext context) {
    if (!descriptor.fdInfo().value("scm_fds").orElse("0").trim().equals("0")) {
      throw context.unsupported(
          descriptor, kind(), "descriptors wait in it to be received (SCM_RIGHTS)");
    }
    if (!facts.messagesAreKnown() && facts.unreadBytes() != 0) {
      throw context.unsupported(descriptor, kind(), "what waits in it could not be read");
    }
    final int ancillary =
        SocketOptions.valueOf(
                    image.getSocket(), SocketOptions.SOL_SOCKET, SocketOptions.SO_PASSCRED)
                != 0
            ? CREDENTIALS_LENGTH
            : 0;
    final boolean isStream = image.getSocket().getType() == SOCK_STREAM;
    ByteString stream = ByteString.EMPTY;
    for (final RecordedMessage message : facts.messages()) {
      final ByteString contents = OpenFiles.copyOf(message.data());
      if (!contents.isEmpty() && message.controlLength() != ancillary) {
        throw context.unsupported(descriptor, kind(), "messages with ancillary data wait in it");
      }
      if (isStream) {
        stream = stream.concat(contents);
      } else {
        image.addQueue(
            DatagramImage.newBuilder()
                .setSender(OpenFiles.copyOf(message.name()))
                .setContents(contents));
      }
    }
    if (!stream.isEmpty()) {
      image.addQueue(DatagramImage.newBuilder().setContents(stream));
    }
    final long total = image.getQueueList().stream().mapToLong(m -> m.getContents().size()).sum();
    if (image.getSocket().getType() != SOCK_DGRAM && total != facts.unreadBytes()) {
      throw context.unsupported(
          descriptor,
          kind(),
          "of " + facts.unreadBytes() + " bytes that wait in it, " + total + " could be read");
    }
  }

  /**
   * With its other end, if both are as socketpair(2) made them: a process that goes on may lack the
   * privileges for options, and names may be another's by now.
   */
  @Override
  public boolean canBeOpenedAgain(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final UnixSocketImage image = UnixSocketImage.parseFrom(state);
    if (!isPlainEnd(image) || restore.isMade(image.getPeer())) {
      return false;
    }
    for (final FileImage file : restore.image().getFilesList()) {
      if (file.getId() == image.getPeer() && file.getKind().equals(kind())) {
        final UnixSocketImage peer = UnixSocketImage.parseFrom(file.getState());
        return isPlainEnd(peer) && peer.getPeer() == restore.file().getId();
      }
    }
    return false;
  }

  private static boolean isPlainEnd(final UnixSocketImage image) {
    return image.getState() == State.CONNECTED
        && image.getSocket().getOptionsCount() == 0
        && !new UnixAddress(image.getSocket().getLocal()).isNamed();
  }

  @Override
  public boolean namesOthers() {
    return true;
  }

  @Override
  public ByteString withOthers(final ByteString state, final IntUnaryOperator ids)
      throws InvalidProtocolBufferException {
    final UnixSocketImage.Builder image = UnixSocketImage.parseFrom(state).toBuilder();
    if (image.getState() == State.CONNECTED) {
      image.setPeer(ids.applyAsInt(image.getPeer()));
    }
    for (int i = 0; i < image.getPendingCount(); i++) {
      image.setPending(i, ids.applyAsInt(image.getPending(i)));
    }
    return image.build().toByteString();
  }

  @Override
  public boolean mend(final ByteString before, final ByteString now, final DescriptorMend mend)
      throws InvalidProtocolBufferException {
    return withoutInode(before).equals(withoutInode(now));
  }

  /** Peers are named by the ids of files. */
  private static UnixSocketImage withoutInode(final ByteString state)
      throws InvalidProtocolBufferException {
    final UnixSocketImage image = UnixSocketImage.parseFrom(state);
    return image.toBuilder().setSocket(image.getSocket().toBuilder().clearInode()).build();
  }

  @Override
  public boolean isConnectedOutside(final ByteString state) throws InvalidProtocolBufferException {
    final UnixSocketImage image = UnixSocketImage.parseFrom(state);
    // One whose other end had been closed before, and who had been told, is as it would be reset.
    return image.getState() == State.RESET && !image.getErrorTold();
  }

  @Override
  public void restore(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    new UnixSocketRestore(restore, kind()).restore(UnixSocketImage.parseFrom(state));
  }

  @Override
  public void complete(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    new UnixSocketRestore(restore, kind()).complete(UnixSocketImage.parseFrom(state));
  }
}
