package io.vas.core.restore;

import io.vas.core.checkpoint.Inspection;
import io.vas.core.image.Backing;
import io.vas.core.image.FileImage;
import io.vas.core.image.Image;
import io.vas.core.image.VmaImage;
import io.vas.core.keeper.FileChange;
import io.vas.core.keeper.RecordDescriptor;
import io.vas.core.linux.Errno;
import io.vas.core.resource.Resources;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * How the files that an instance sees differ from those of a snapshot. They are changed where they
 * are, so that descriptors and mappings of a file that is there see what it was; those of a file
 * that is not are for {@link DescriptorDifference} and {@link MemoryDifference}, which go by paths:
 * a file that was removed, or another was put in whose place, has none.
 */
final class LayerDifference {
  private final Inspection found;
  private final Image target;
  private final Image current;

  LayerDifference(final Inspection found, final Image target, final Image current) {
    this.found = found;
    this.target = target;
    this.current = current;
  }

  /**
   * What is to be done.
   *
   * @param isFork whether a mapping of a file may be one of the snapshot's pages.
   * @return in the order in which it is to be done.
   * @throws NotInPlaceException if that can not be done, or the instance would notice.
   */
  List<FileChange> changes(final boolean isFork) {
    if (found.sameFiles()) {
      return List.of();
    }
    if (found.comparedRoots() != RecordDescriptor.ROOTS_DIFFER) {
      throw new NotInPlaceException("files were changed: " + reason(found.comparedRoots()));
    }
    final List<FileChange> changes = found.fileChanges();
    for (final FileImage file : current.getFilesList()) {
      if (Resources.descriptor(file.getKind()).tellsOfChanges()) {
        throw new NotInPlaceException(
            "files were changed, which its " + file.getKind() + " would tell");
      }
    }
    changes.stream()
        .filter(change -> change.kind() == FileChange.Kind.REPLACE)
        .forEach(this::refuseIfOpen);
    if (isFork) {
      refuseMapped(changes);
    }
    return changes;
  }

  private static String reason(final int verdict) {
    return switch (verdict) {
      case RecordDescriptor.ROOTS_LINKS -> "one has several names";
      case RecordDescriptor.ROOTS_MOUNT -> "something is mounted there";
      case RecordDescriptor.ROOTS_SOCKET -> "a socket's was removed";
      case RecordDescriptor.ROOTS_FLAGS -> "one can't be changed (chattr)";
      case RecordDescriptor.ROOTS_MUCH -> "so much that a fork is quicker";
      default -> "they could not be compared: " + Errno.describe(-verdict);
    };
  }

  /** It has the same path in both, as far as a descriptor tells, but is another file. */
  private void refuseIfOpen(final FileChange change) {
    final Set<String> now = links(current, change);
    now.retainAll(links(target, change));
    if (!now.isEmpty()) {
      throw new NotInPlaceException("files were changed: " + now + " is open, and is another now");
    }
  }

  private static Set<String> links(final Image image, final FileChange change) {
    final String path = "/" + change.path();
    return image.getFilesList().stream()
        .map(FileImage::getLink)
        .filter(link -> link.equals(path) || link.startsWith(path + "/"))
        .collect(Collectors.toSet());
  }

  /**
   * What a fork maps in place of a file's private mapping is told to be of that file by its time of
   * change, which nobody can set.
   */
  private void refuseMapped(final List<FileChange> changes) {
    final Set<String> changed =
        changes.stream().map(change -> "/" + change.path()).collect(Collectors.toSet());
    for (final VmaImage vma : target.getProcesses(0).getMemory().getVmasList()) {
      if (vma.getBacking() == Backing.FILE
          && !vma.getShared()
          && changed.contains(vma.getFile().getPath())) {
        throw new NotInPlaceException(
            "files were changed: " + vma.getFile().getPath() + " is mapped in a fork");
      }
    }
  }
}
