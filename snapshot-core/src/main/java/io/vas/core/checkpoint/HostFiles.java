package io.vas.core.checkpoint;

import com.google.protobuf.ByteString;
import io.vas.core.image.MappedFile;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileStatus;
import io.vas.core.resource.HostFacts;
import io.vas.core.resource.RecordedStatus;
import java.util.List;
import java.util.Optional;

/**
 * Tells which file of the host, or of the instance's own layers, a path inside an instance stands
 * for. The instance sees both through one overlay, which has device and inode numbers of its own.
 */
final class HostFiles {
  private static final long LOW_BITS = 0xFFFFFFFFL;

  private final String root;
  private final List<Fd> layers;
  private final HostFacts facts;

  /**
   * The files of an instance.
   *
   * @param root the directory of the host that the instance's root shows, {@code /} or without a
   *     slash at its end.
   * @param layers what lies over that, the uppermost first.
   * @param facts by which files are looked up.
   */
  HostFiles(final String root, final List<Fd> layers, final HostFacts facts) {
    this.root = root.equals("/") ? "" : root;
    this.layers = List.copyOf(layers);
    this.facts = facts;
  }

  /**
   * Identify a file.
   *
   * @param path as the instance sees it, without symbolic links.
   * @param recorded its status as it was recorded.
   * @param withBuildId whether it is executed.
   * @return which file it is; empty if it is neither the host's nor in a layer.
   */
  Optional<MappedFile> identify(
      final String path, final RecordedStatus recorded, final boolean withBuildId) {
    for (final Fd layer : layers) {
      if (facts.file("/proc/self/fd/" + layer.value() + path).isPresent()) {
        return Optional.of(MappedFile.newBuilder().setPath(path).setInLayer(true).build());
      }
    }
    return facts
        .file(root + path)
        .filter(status -> isSame(status, recorded))
        .map(
            status -> {
              final MappedFile.Builder file =
                  MappedFile.newBuilder()
                      .setPath(path)
                      .setHostPath(root + path)
                      .setDevice(status.device().encoded())
                      .setInode(status.inode())
                      .setSize(status.size())
                      .setChangedNanos(status.changedNanos());
              if (withBuildId) {
                BuildId.of(root + path)
                    .ifPresent(buildId -> file.setBuildId(ByteString.copyFrom(buildId)));
              }
              return file.build();
            });
  }

  /** An overlay may put numbers of its own into the upper bits of inodes. */
  private static boolean isSame(final FileStatus host, final RecordedStatus recorded) {
    return (host.inode() & LOW_BITS) == (recorded.inode() & LOW_BITS)
        && host.size() == recorded.size()
        && host.changedNanos() == recorded.changedNanos();
  }
}
