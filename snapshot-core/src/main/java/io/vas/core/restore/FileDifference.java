package io.vas.core.restore;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.DescriptorImage;
import io.vas.core.image.EpollImage;
import io.vas.core.image.EpollTargetImage;
import io.vas.core.image.EventFdImage;
import io.vas.core.image.FileImage;
import io.vas.core.image.Image;
import io.vas.core.image.PathFileImage;
import io.vas.core.image.PipeImage;
import io.vas.core.image.TcpSocketImage;
import io.vas.core.image.UdpSocketImage;
import io.vas.core.image.UnixSocketImage;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * How the open files of an instance differ from those of a snapshot, as far as they can be brought
 * back to what they were: positions, and what is in pipes and eventfds.
 */
final class FileDifference {
  private static final String RESOURCE = "descriptors";
  private static final String REGULAR_FILE = "regular file";
  private static final String PIPE = "pipe";
  private static final String EVENT_FD = "eventfd";
  static final String EPOLL = "epoll";
  static final String TCP_SOCKET = "tcp socket";
  static final String UNIX_SOCKET = "unix socket";
  static final String UDP_SOCKET = "udp socket";

  private final ProgramBuilder program;
  private final Image target;
  private final Image current;

  FileDifference(final ProgramBuilder program, final Image target, final Image current) {
    this.program = program;
    this.target = target;
    this.current = current;
  }

  /**
   * Emit the steps that mend it.
   *
   * @param keepsConnections whether those to the outside are left alone.
   * @throws NotInPlaceException if there is more than can be mended.
   */
  void mend(final boolean keepsConnections) throws InvalidProtocolBufferException {
    if (hasOthers(target) || hasOthers(current)) {
      throw new NotInPlaceException("there are files that no descriptor refers to");
    }
    final KeptFiles kept = new KeptFiles(target, current);
    new DescriptorDifference(program, target, current, kept).mend();
    final Inodes inodes = new Inodes();
    for (final FileImage file : target.getFilesList()) {
      if (!keepsConnections && isConnectedOutside(file)) {
        throw new NotInPlaceException(
            "the connection of descriptor " + number(file) + " to the outside is to be reset");
      }
      final Optional<FileImage> now = kept.find(file.getId());
      if (now.isPresent()) {
        mend(file, now.get(), inodes);
      }
    }
  }

  private static boolean hasOthers(final Image image) {
    return image.getFilesCount()
        != image.getProcesses(0).getDescriptorsList().stream()
            .map(DescriptorImage::getFile)
            .distinct()
            .count();
  }

  /** Whether two files of a kind may be ends of the same pipe, or are no pipe's at all. */
  static boolean isSamePipe(final FileImage before, final FileImage now, final Inodes inodes)
      throws InvalidProtocolBufferException {
    return !before.getKind().equals(PIPE)
        || inodes.match(
            PipeImage.parseFrom(before.getState()).getInode(),
            PipeImage.parseFrom(now.getState()).getInode());
  }

  /** Whether a file can be made the same as another of its kind. */
  static boolean mayBeMended(final FileImage before, final FileImage now, final Inodes inodes)
      throws InvalidProtocolBufferException {
    return switch (before.getKind()) {
      case REGULAR_FILE ->
          withoutPosition(PathFileImage.parseFrom(before.getState()))
              .equals(withoutPosition(PathFileImage.parseFrom(now.getState())));
      case EVENT_FD ->
          withoutCount(EventFdImage.parseFrom(before.getState()))
              .equals(withoutCount(EventFdImage.parseFrom(now.getState())));
      case PIPE ->
          withoutContents(PipeImage.parseFrom(before.getState()))
                  .equals(withoutContents(PipeImage.parseFrom(now.getState())))
              && isSamePipe(before, now, inodes);
      default -> false;
    };
  }

  private static boolean isConnectedOutside(final FileImage file)
      throws InvalidProtocolBufferException {
    return switch (file.getKind()) {
      case TCP_SOCKET ->
          TcpSocketImage.parseFrom(file.getState()).getState() == TcpSocketImage.State.RESET;
      case UNIX_SOCKET ->
          UnixSocketImage.parseFrom(file.getState()).getState() == UnixSocketImage.State.RESET;
      default -> false;
    };
  }

  /** Files made anew in a fork have other numbers, but the same ones refer to the same file. */
  static final class Inodes {
    private final Map<Long, Long> currentByTarget = new HashMap<>();
    private final Map<Long, Long> targetByCurrent = new HashMap<>();

    /** Keeps in mind that they are the same, unless it is known that they are not. */
    boolean match(final long before, final long now) {
      if (currentByTarget.getOrDefault(before, now) != now
          || targetByCurrent.getOrDefault(now, before) != before) {
        return false;
      }
      currentByTarget.put(before, now);
      targetByCurrent.put(now, before);
      return true;
    }
  }

  private void mend(final FileImage before, final FileImage now, final Inodes inodes)
      throws InvalidProtocolBufferException {
    boolean same = before.getKind().equals(now.getKind());
    if (same && !before.getState().equals(now.getState())) {
      same =
          switch (before.getKind()) {
            case REGULAR_FILE -> mendPosition(before, now);
            case PIPE -> mendPipe(before, now, inodes);
            case EVENT_FD -> mendEventFd(before, now);
            case EPOLL -> sameTargets(before.getState(), now.getState());
            case TCP_SOCKET ->
                withoutInode(TcpSocketImage.parseFrom(before.getState()))
                    .equals(withoutInode(TcpSocketImage.parseFrom(now.getState())));
            case UNIX_SOCKET ->
                withoutInode(UnixSocketImage.parseFrom(before.getState()))
                    .equals(withoutInode(UnixSocketImage.parseFrom(now.getState())));
            case UDP_SOCKET ->
                withoutInode(UdpSocketImage.parseFrom(before.getState()))
                    .equals(withoutInode(UdpSocketImage.parseFrom(now.getState())));
            default -> false;
          };
    } else if (same && before.getKind().equals(PIPE)) {
      final long inode = PipeImage.parseFrom(before.getState()).getInode();
      same = inodes.match(inode, inode);
    }
    if (!same) {
      throw new NotInPlaceException(
          "descriptor " + number(before) + " (" + before.getKind() + ") differs");
    }
  }

  /** Peers are named by the ids of files, not by their inodes. */
  private static TcpSocketImage withoutInode(final TcpSocketImage image) {
    return image.toBuilder().setSocket(image.getSocket().toBuilder().clearInode()).build();
  }

  private static UnixSocketImage withoutInode(final UnixSocketImage image) {
    return image.toBuilder().setSocket(image.getSocket().toBuilder().clearInode()).build();
  }

  private static UdpSocketImage withoutInode(final UdpSocketImage image) {
    return image.toBuilder().setSocket(image.getSocket().toBuilder().clearInode()).build();
  }

  /** A descriptor of the process that refers to a file. */
  private int number(final FileImage file) {
    return target.getProcesses(0).getDescriptorsList().stream()
        .filter(descriptor -> descriptor.getFile() == file.getId())
        .findFirst()
        .orElseThrow()
        .getNumber();
  }

  private boolean mendPosition(final FileImage before, final FileImage now)
      throws InvalidProtocolBufferException {
    final PathFileImage wanted = PathFileImage.parseFrom(before.getState());
    final PathFileImage there = PathFileImage.parseFrom(now.getState());
    if (!withoutPosition(wanted).equals(withoutPosition(there))) {
      return false;
    }
    final int number = number(before);
    program.resource(RESOURCE);
    program.callExpecting(
        wanted.getPosition(),
        "position of descriptor " + number,
        SystemCall.LSEEK,
        number,
        wanted.getPosition(),
        0);
    return true;
  }

  private boolean mendPipe(final FileImage before, final FileImage now, final Inodes inodes)
      throws InvalidProtocolBufferException {
    final PipeImage wanted = PipeImage.parseFrom(before.getState());
    final PipeImage there = PipeImage.parseFrom(now.getState());
    if (!inodes.match(wanted.getInode(), there.getInode())
        || !withoutContents(wanted).equals(withoutContents(there))) {
      return false;
    }
    if (wanted.getContents().equals(there.getContents())) {
      return wanted.getPacketsList().equals(there.getPacketsList());
    }
    if (wanted.getPacketsCount() > 0 || there.getPacketsCount() > 0) {
      return false;
    }
    final int writer = writer(wanted.getInode());
    if (writer < 0 && !wanted.getContents().isEmpty()) {
      return false;
    }
    final int number = number(before);
    program.resource(RESOURCE);
    if (!there.getContents().isEmpty()) {
      program.callExpecting(
          there.getContents().size(),
          "empty the pipe of descriptor " + number,
          SystemCall.READ,
          number,
          program.data("pipe of descriptor " + number, there.getContents().size()),
          there.getContents().size());
    }
    if (!wanted.getContents().isEmpty()) {
      program.callExpecting(
          wanted.getContents().size(),
          "fill the pipe of descriptor " + number,
          SystemCall.WRITE,
          writer,
          program.data(wanted.getContents().toByteArray()),
          wanted.getContents().size());
    }
    return true;
  }

  private static PathFileImage withoutPosition(final PathFileImage file) {
    return file.toBuilder().clearPosition().build();
  }

  private static EventFdImage withoutCount(final EventFdImage counter) {
    return counter.toBuilder().clearCount().build();
  }

  private static PipeImage withoutContents(final PipeImage pipe) {
    return pipe.toBuilder().clearInode().clearContents().clearPackets().build();
  }

  /** A descriptor that a pipe can be written by. */
  private int writer(final long inode) throws InvalidProtocolBufferException {
    final int accessMode = 3;
    for (final FileImage file : target.getFilesList()) {
      if (file.getKind().equals(PIPE)) {
        final PipeImage pipe = PipeImage.parseFrom(file.getState());
        if (pipe.getInode() == inode && (pipe.getFlags() & accessMode) != 0) {
          return number(file);
        }
      }
    }
    return -1;
  }

  private boolean mendEventFd(final FileImage before, final FileImage now)
      throws InvalidProtocolBufferException {
    final EventFdImage wanted = EventFdImage.parseFrom(before.getState());
    final EventFdImage there = EventFdImage.parseFrom(now.getState());
    if (!withoutCount(wanted).equals(withoutCount(there)) || wanted.getSemaphore()) {
      return false;
    }
    final int number = number(before);
    program.resource(RESOURCE);
    final Data count = program.data("eventfd " + number, Long.BYTES);
    if (there.getCount() != 0) {
      program.callExpecting(
          Long.BYTES, "reset eventfd " + number, SystemCall.READ, number, count, Long.BYTES);
    }
    if (wanted.getCount() != 0) {
      program.store(count, Value.of(wanted.getCount()), Long.BYTES);
      program.callExpecting(
          Long.BYTES, "set eventfd " + number, SystemCall.WRITE, number, count, Long.BYTES);
    }
    return true;
  }

  /** The kernel lists them in an order of its own. */
  private static boolean sameTargets(final ByteString before, final ByteString now)
      throws InvalidProtocolBufferException {
    return sorted(EpollImage.parseFrom(before)).equals(sorted(EpollImage.parseFrom(now)));
  }

  private static EpollImage sorted(final EpollImage image) {
    final List<EpollTargetImage> targets =
        image.getTargetsList().stream()
            .sorted(
                Comparator.comparingInt(EpollTargetImage::getNumber)
                    .thenComparingInt(EpollTargetImage::getFile))
            .toList();
    return image.toBuilder().clearTargets().addAllTargets(targets).build();
  }
}
