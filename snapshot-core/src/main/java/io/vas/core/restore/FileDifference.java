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
import io.vas.core.image.ProcessImage;
import io.vas.core.image.TcpSocketImage;
import io.vas.core.image.UdpSocketImage;
import io.vas.core.image.UnixSocketImage;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/**
 * How the open files of an instance differ from those of a snapshot, as far as the same open files
 * can be brought back to what they were: positions, and what is in pipes and eventfds.
 */
final class FileDifference {
  private static final String RESOURCE = "descriptors";
  private static final String REGULAR_FILE = "regular file";
  private static final String PIPE = "pipe";
  private static final String EVENT_FD = "eventfd";
  private static final String EPOLL = "epoll";
  private static final String TCP_SOCKET = "tcp socket";
  private static final String UNIX_SOCKET = "unix socket";
  private static final String UDP_SOCKET = "udp socket";

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
    final Map<Integer, DescriptorImage> before = descriptors(target.getProcesses(0));
    final Map<Integer, DescriptorImage> now = descriptors(current.getProcesses(0));
    if (!before.keySet().equals(now.keySet())) {
      final Set<Integer> closed = new TreeSet<>(before.keySet());
      closed.removeAll(now.keySet());
      final Set<Integer> opened = new TreeSet<>(now.keySet());
      opened.removeAll(before.keySet());
      throw new NotInPlaceException(
          "descriptors were opened or closed: opened " + opened + ", closed " + closed);
    }
    final Map<Integer, Integer> files = new HashMap<>();
    for (final DescriptorImage descriptor : before.values()) {
      final DescriptorImage other = now.get(descriptor.getNumber());
      final Integer same = files.putIfAbsent(descriptor.getFile(), other.getFile());
      if ((same != null && same != other.getFile())
          || descriptor.getCloseOnExec() != other.getCloseOnExec()) {
        throw new NotInPlaceException(
            "descriptor " + descriptor.getNumber() + " refers to another file");
      }
    }
    if (files.values().stream().distinct().count() != files.size()
        || target.getFilesCount() != files.size()
        || current.getFilesCount() != files.size()) {
      throw new NotInPlaceException("descriptors refer to other files");
    }
    final Map<Integer, FileImage> currentFiles = new HashMap<>();
    current.getFilesList().forEach(file -> currentFiles.put(file.getId(), file));
    final Inodes inodes = new Inodes();
    for (final FileImage file : target.getFilesList()) {
      if (!keepsConnections && isConnectedOutside(file)) {
        throw new NotInPlaceException(
            "the connection of descriptor " + number(file) + " to the outside is to be reset");
      }
      mend(file, currentFiles.get(files.get(file.getId())), inodes);
    }
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

  private static Map<Integer, DescriptorImage> descriptors(final ProcessImage process) {
    final Map<Integer, DescriptorImage> descriptors = new LinkedHashMap<>();
    process.getDescriptorsList().forEach(image -> descriptors.put(image.getNumber(), image));
    return descriptors;
  }

  /** Files made anew in a fork have other numbers, but the same ones refer to the same file. */
  private static final class Inodes {
    private final Map<Long, Long> currentByTarget = new HashMap<>();
    private final Map<Long, Long> targetByCurrent = new HashMap<>();

    boolean match(final long before, final long now) {
      final Long known = currentByTarget.putIfAbsent(before, now);
      final Long knownBack = targetByCurrent.putIfAbsent(now, before);
      return (known == null || known == now) && (knownBack == null || knownBack == before);
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
    if (!wanted.toBuilder()
        .setPosition(0)
        .build()
        .equals(there.toBuilder().setPosition(0).build())) {
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
    if (!wanted.toBuilder().clearCount().build().equals(there.toBuilder().clearCount().build())
        || wanted.getSemaphore()) {
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
