package io.vas.core.restore;

import io.vas.core.image.DescriptorImage;
import io.vas.core.image.FileImage;
import io.vas.core.image.Image;
import io.vas.core.image.ObjectImage;
import io.vas.core.image.ProcessImage;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * The numbers of the descriptors that a fork's program works with: above all that the process
 * knows, and fixed, so that paths below /proc/self/fd can be written into the program.
 */
final class Numbers {
  private static final int CONTROL = 0;
  private static final int LOG = 1;
  private static final int GUARD = 2;
  private static final int UPPER = 3;
  private static final int SOCK_DIAG = 4;
  private static final int ROOT = 5;
  private static final int NOTIFIER = 6;
  private static final int NETWORK = 7;
  private static final int FIRST_REGION = 8;

  private static final int ALIGNMENT = 64;

  private final int base;
  private final Map<Long, Integer> regions = new HashMap<>();
  private final Map<Integer, Integer> objects = new HashMap<>();
  private final Map<Integer, Integer> files = new HashMap<>();
  private final Image image;
  private final int firstObject;
  private final int firstFile;
  private final int end;

  Numbers(final Image image, final Collection<Long> pageFiles) {
    this.image = image;
    int highest = -1;
    for (final ProcessImage process : image.getProcessesList()) {
      for (final DescriptorImage descriptor : process.getDescriptorsList()) {
        highest = Math.max(highest, descriptor.getNumber());
      }
    }
    base = (highest + 1) / ALIGNMENT * ALIGNMENT + ALIGNMENT;
    int next = base + FIRST_REGION;
    for (final long file : pageFiles) {
      regions.put(file, next++);
    }
    firstObject = next;
    for (final ObjectImage object : image.getObjectsList()) {
      objects.put(object.getId(), next++);
    }
    firstFile = next;
    for (final FileImage file : image.getFilesList()) {
      files.put(file.getId(), next++);
    }
    end = next;
  }

  /** The first of these numbers; those of the process are below. */
  int base() {
    return base;
  }

  /** Behind the last of these numbers. */
  int end() {
    return end;
  }

  /** The first one that is not needed once descriptors are restored. */
  int firstObject() {
    return firstObject;
  }

  /** The first one of an open file description. */
  int firstFile() {
    return firstFile;
  }

  int control() {
    return base + CONTROL;
  }

  int log() {
    return base + LOG;
  }

  /** A file of the snapshot's pages. */
  int region(final long file) {
    return regions.get(file);
  }

  int guard() {
    return base + GUARD;
  }

  int notifier() {
    return base + NOTIFIER;
  }

  int upper() {
    return base + UPPER;
  }

  int sockDiag() {
    return base + SOCK_DIAG;
  }

  int root() {
    return base + ROOT;
  }

  /** Over which the net namespace comes. */
  int network() {
    return base + NETWORK;
  }

  int object(final int id) {
    return objects.get(id);
  }

  int file(final int id) {
    final Integer number = files.get(id);
    if (number == null) {
      throw new IllegalArgumentException("the image has no file " + id);
    }
    return number;
  }

  Optional<Integer> object(final long device, final long inode) {
    return image.getObjectsList().stream()
        .filter(object -> object.getDevice() == device && object.getInode() == inode)
        .map(object -> object(object.getId()))
        .findFirst();
  }
}
