package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.O_ACCMODE;
import static io.vas.core.linux.OpenFlags.O_CLOEXEC;
import static io.vas.core.linux.OpenFlags.O_RDONLY;
import static io.vas.core.linux.OpenFlags.O_RDWR;
import static io.vas.core.linux.OpenFlags.O_WRONLY;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.UnsupportedException;
import io.vas.core.image.DescriptorImage;
import io.vas.core.image.EpollImage;
import io.vas.core.image.EpollTargetImage;
import io.vas.core.linux.EpollFile;
import io.vas.core.linux.FdInfo;
import io.vas.core.linux.FileStatus;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.function.IntUnaryOperator;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Sets of watched files: epoll_create(2). A file is watched under the number it was added by, even
 * when that number is closed and the file lives on under another. An edge-triggered file that is
 * ready is reported once more in a fork.
 */
public final class Epoll implements DescriptorResource {
  private static final String LINK = "anon_inode:[eventpoll]";
  private static final String ANONYMOUS = "anon_inode:";
  private static final int EPOLL_CTL_ADD = 1;
  private static final int EPOLLIN = 1;
  private static final int EVENT_LENGTH = 12;

  /** The kind. */
  public Epoll() {}

  @Override
  public String kind() {
    return "epoll";
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    return descriptor.link().equals(LINK);
  }

  @Override
  public EpollImage capture(final DescriptorRecord descriptor, final CaptureContext context) {
    final EpollImage.Builder image =
        EpollImage.newBuilder().setFlags(OpenFiles.flags(descriptor, context, kind()));
    for (final FdInfo.EpollTarget target : descriptor.fdInfo().epollTargets()) {
      image.addTargets(
          EpollTargetImage.newBuilder()
              .setNumber(target.descriptor())
              .setFile(fileOf(target, descriptor, context))
              .setEvents(target.events())
              .setData(target.data()));
    }
    return image.build();
  }

  @Override
  public boolean namesOthers() {
    return true;
  }

  /** With a file that is closed for good ends that it is watched. */
  @Override
  public ByteString withOthers(final ByteString state, final IntUnaryOperator ids)
      throws InvalidProtocolBufferException {
    final EpollImage image = EpollImage.parseFrom(state);
    final EpollImage.Builder renamed = image.toBuilder().clearTargets();
    for (final EpollTargetImage target : image.getTargetsList()) {
      final int file = ids.applyAsInt(target.getFile());
      if (file >= 0) {
        renamed.addTargets(target.toBuilder().setFile(file));
      }
    }
    return renamed.build().toByteString();
  }

  @Override
  public boolean mend(final ByteString before, final ByteString now, final DescriptorMend mend)
      throws InvalidProtocolBufferException {
    return sorted(EpollImage.parseFrom(before)).equals(sorted(EpollImage.parseFrom(now)));
  }

  /** The kernel lists them in an order of its own. */
  private static EpollImage sorted(final EpollImage image) {
    final List<EpollTargetImage> targets =
        image.getTargetsList().stream()
            .sorted(
                Comparator.comparingInt(EpollTargetImage::getNumber)
                    .thenComparingInt(EpollTargetImage::getFile))
            .toList();
    return image.toBuilder().clearTargets().addAllTargets(targets).build();
  }

  private int fileOf(
      final FdInfo.EpollTarget target, final DescriptorRecord epoll, final CaptureContext context) {
    final List<DescriptorRecord> descriptors = epoll.process().descriptors();
    final Optional<DescriptorRecord> sameNumber =
        descriptors.stream().filter(d -> d.number() == target.descriptor()).findFirst();
    if (sameNumber.filter(d -> isSame(d, target)).isPresent()) {
      // Files without a name all have the same inode, so the text does not tell one from another.
      if (sameNumber.get().link().startsWith(ANONYMOUS)
          && EpollFile.isStillAt(epoll.process().outerPid(), epoll.number(), target.descriptor())
              .filter(isStill -> !isStill)
              .isPresent()) {
        throw unknown(target, epoll, context);
      }
      return sameNumber.get().file();
    }
    // Its number is closed, or has been given to another file.
    final int[] files =
        descriptors.stream()
            .filter(d -> !d.link().startsWith(ANONYMOUS) && isSame(d, target))
            .filter(d -> canBeReady(d, target))
            .mapToInt(DescriptorRecord::file)
            .distinct()
            .toArray();
    if (files.length != 1) {
      throw unknown(target, epoll, context);
    }
    return files[0];
  }

  private UnsupportedException unknown(
      final FdInfo.EpollTarget target, final DescriptorRecord epoll, final CaptureContext context) {
    return context.unsupported(
        epoll,
        kind(),
        "it watches a file that was added as descriptor "
            + target.descriptor()
            + " and is not to be found under another number");
  }

  private static boolean isSame(
      final DescriptorRecord descriptor, final FdInfo.EpollTarget target) {
    // An overlay tells other numbers for its files; of those only FIFOs can be watched.
    return descriptor.status().inode() == target.inode()
        || (descriptor.status().type() == FileStatus.S_IFIFO && descriptor.link().startsWith("/"));
  }

  /** Both ends of a pipe have the same inode, but only one can be read from. */
  private static boolean canBeReady(
      final DescriptorRecord descriptor, final FdInfo.EpollTarget target) {
    final int access = descriptor.flags() & O_ACCMODE;
    return access == O_RDWR || access == ((target.events() & EPOLLIN) != 0 ? O_RDONLY : O_WRONLY);
  }

  @Override
  public void restore(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final EpollImage image = EpollImage.parseFrom(state);
    restore.place(
        restore.program().call(restore.name("epoll_create1"), SystemCall.EPOLL_CREATE1, 0));
    OpenFiles.setFlags(restore, image.getFlags());
  }

  @Override
  public void complete(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    for (final EpollTargetImage target : EpollImage.parseFrom(state).getTargetsList()) {
      final Optional<DescriptorImage> sameNumber =
          restore.process().getDescriptorsList().stream()
              .filter(d -> d.getNumber() == target.getNumber())
              .findFirst();
      if (sameNumber.filter(d -> d.getFile() == target.getFile()).isPresent()) {
        add(target, restore);
      } else {
        addByFormerNumber(target, sameNumber, restore);
      }
    }
  }

  /** Gives the file its old number for as long as it takes to add it. */
  private static void addByFormerNumber(
      final EpollTargetImage target,
      final Optional<DescriptorImage> present,
      final DescriptorRestore restore) {
    final ProgramBuilder program = restore.program();
    final String of = " of " + target.getNumber() + " for file " + target.getFile();
    program.call(
        restore.name("former number" + of),
        SystemCall.DUP3,
        restore.descriptor(target.getFile()),
        target.getNumber(),
        O_CLOEXEC);
    add(target, restore);
    if (present.isPresent()) {
      program.call(
          restore.name("present number" + of),
          SystemCall.DUP3,
          restore.descriptor(present.get().getFile()),
          target.getNumber(),
          present.get().getCloseOnExec() ? O_CLOEXEC : 0);
    } else {
      program.call(restore.name("close" + of), SystemCall.CLOSE, target.getNumber());
    }
  }

  private static void add(final EpollTargetImage target, final DescriptorRestore restore) {
    final UnsafeBuffer event = new UnsafeBuffer(new byte[EVENT_LENGTH]);
    event.putInt(0, target.getEvents(), LITTLE_ENDIAN);
    event.putLong(Integer.BYTES, target.getData(), LITTLE_ENDIAN);
    final Data data = restore.program().data(event.byteArray());
    restore
        .program()
        .call(
            restore.name("epoll_ctl " + target.getNumber() + " file " + target.getFile()),
            SystemCall.EPOLL_CTL,
            restore.descriptor(),
            EPOLL_CTL_ADD,
            target.getNumber(),
            data);
  }
}
