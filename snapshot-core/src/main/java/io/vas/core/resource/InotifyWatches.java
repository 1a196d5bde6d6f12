package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.InotifyWatchImage;
import io.vas.core.image.InotifyWatchesImage;
import io.vas.core.linux.FdInfo;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/**
 * The files that {@link Inotify} watches. They come when all descriptors are there, so that what is
 * done to files for those is not told as an event.
 */
public final class InotifyWatches implements ProcessResource {
  private static final int IN_DONT_FOLLOW = 0x02000000;

  /** _IOW('I', 0, __s32): Linux 4.16, with CONFIG_CHECKPOINT_RESTORE. */
  private static final int INOTIFY_IOC_SETNEXTWD = 0x40044900;

  /** The kind. */
  public InotifyWatches() {}

  @Override
  public String kind() {
    return "inotify watches";
  }

  @Override
  public Phase phase() {
    return Phase.DESCRIPTORS;
  }

  @Override
  public Optional<InotifyWatchesImage> capture(
      final ProcessRecord process, final CaptureContext context) {
    final InotifyWatchesImage.Builder image = InotifyWatchesImage.newBuilder();
    final WatchedFiles files = new WatchedFiles(process, context);
    final Set<Integer> seen = new HashSet<>();
    for (final DescriptorRecord descriptor : process.descriptors()) {
      if (descriptor.link().equals(Inotify.LINK) && seen.add(descriptor.file())) {
        for (final FdInfo.InotifyWatch watch : descriptor.fdInfo().inotifyWatches()) {
          image.addWatches(
              InotifyWatchImage.newBuilder()
                  .setNumber(descriptor.number())
                  .setWatch(watch.watch())
                  .setMask(watch.mask())
                  .setPath(OpenFiles.bytesOf(pathOf(watch, files, descriptor, context))));
        }
      }
    }
    return image.getWatchesCount() == 0 ? Optional.empty() : Optional.of(image.build());
  }

  private static String pathOf(
      final FdInfo.InotifyWatch watch,
      final WatchedFiles files,
      final DescriptorRecord descriptor,
      final CaptureContext context) {
    return files
        .pathOf(watch)
        .orElseThrow(
            () ->
                context.unsupported(
                    descriptor,
                    "inotify",
                    "the file of watch "
                        + watch.watch()
                        + ", inode "
                        + watch.inode()
                        + " of device "
                        + watch.device()
                        + ", is not to be found"));
  }

  @Override
  public void restore(final ByteString state, final ProcessRestore restore)
      throws InvalidProtocolBufferException {
    final ProgramBuilder program = restore.program();
    for (final InotifyWatchImage watch : InotifyWatchesImage.parseFrom(state).getWatchesList()) {
      final String name = "watch " + watch.getWatch() + " of descriptor " + watch.getNumber();
      program.call(
          restore.name(name + ": number"),
          SystemCall.IOCTL,
          watch.getNumber(),
          INOTIFY_IOC_SETNEXTWD,
          watch.getWatch());
      program.callExpecting(
          watch.getWatch(),
          restore.name(name),
          SystemCall.INOTIFY_ADD_WATCH,
          watch.getNumber(),
          program.string(OpenFiles.textOf(watch.getPath())),
          Integer.toUnsignedLong(watch.getMask() | IN_DONT_FOLLOW));
    }
  }
}
