package io.vas.core.restore;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.DescriptorImage;
import io.vas.core.image.FileImage;
import io.vas.core.image.Image;
import io.vas.core.resource.DescriptorResource;
import io.vas.core.resource.InodePairs;
import io.vas.core.resource.Resources;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * Which open files of an instance stand for which of a snapshot.
 *
 * <p>What a file is called proves nothing: numbers are given again, and a fork's pipes and sockets
 * have other inodes than the snapshot's. Nor need it: whichever file is in all that a snapshot
 * knows what it was, when it has been mended, is as good as the one that there was. So this chooses
 * what is likely; that all is the same in the end is for {@link FileDifference} to see to, by the
 * ids that files have here.
 */
final class KeptFiles {
  /** Of a file that is not kept. */
  private static final int NONE = -1;

  private final Map<Integer, FileImage> before = new TreeMap<>();
  private final Map<Integer, FileImage> now = new TreeMap<>();
  private final Map<Integer, Integer> currentByTarget = new HashMap<>();
  private final Map<Integer, Integer> targetByCurrent = new HashMap<>();
  private final InodePairs inodes = new InodePairs();

  /** How much two files of a kind have in common. */
  private enum Likeness {
    SAME {
      @Override
      boolean isMet(
          final DescriptorResource kind,
          final ByteString before,
          final ByteString now,
          final InodePairs inodes)
          throws InvalidProtocolBufferException {
        return kind.isSame(before, now, inodes);
      }
    },
    MENDABLE {
      @Override
      boolean isMet(
          final DescriptorResource kind,
          final ByteString before,
          final ByteString now,
          final InodePairs inodes)
          throws InvalidProtocolBufferException {
        return kind.isMendable(before, now, inodes);
      }
    },
    /** Of a kind whose state names other files, whose ids are to be known first. */
    KIND {
      @Override
      boolean isMet(
          final DescriptorResource kind,
          final ByteString before,
          final ByteString now,
          final InodePairs inodes) {
        return kind.namesOthers();
      }
    };

    abstract boolean isMet(
        DescriptorResource kind, ByteString before, ByteString now, InodePairs inodes)
        throws InvalidProtocolBufferException;
  }

  KeptFiles(final Image target, final Image current) throws InvalidProtocolBufferException {
    target.getFilesList().forEach(file -> before.put(file.getId(), file));
    current.getFilesList().forEach(file -> now.put(file.getId(), file));
    final Map<Integer, Integer> fileByNumber = new HashMap<>();
    current
        .getProcesses(0)
        .getDescriptorsList()
        .forEach(descriptor -> fileByNumber.put(descriptor.getNumber(), descriptor.getFile()));
    keepNumbers(target, fileByNumber, Likeness.SAME);
    keepNumbers(target, fileByNumber, Likeness.MENDABLE);
    keepAny(Likeness.SAME);
    keepAny(Likeness.MENDABLE);
    keepNumbers(target, fileByNumber, Likeness.KIND);
  }

  private void keepNumbers(
      final Image target, final Map<Integer, Integer> fileByNumber, final Likeness likeness)
      throws InvalidProtocolBufferException {
    for (final DescriptorImage descriptor : target.getProcesses(0).getDescriptorsList()) {
      final Integer file = fileByNumber.get(descriptor.getNumber());
      if (file != null) {
        keep(descriptor.getFile(), file, likeness);
      }
    }
  }

  private void keepAny(final Likeness likeness) throws InvalidProtocolBufferException {
    for (final int file : before.keySet()) {
      for (final int other : now.keySet()) {
        keep(file, other, likeness);
      }
    }
  }

  private void keep(final int file, final int other, final Likeness likeness)
      throws InvalidProtocolBufferException {
    if (currentByTarget.containsKey(file) || targetByCurrent.containsKey(other)) {
      return;
    }
    final FileImage one = before.get(file);
    final FileImage two = now.get(other);
    if (one.getKind().equals(two.getKind())
        && likeness.isMet(
            Resources.descriptor(one.getKind()), one.getState(), two.getState(), inodes)) {
      currentByTarget.put(file, other);
      targetByCurrent.put(other, file);
    }
  }

  /**
   * What stands for a file of the snapshot.
   *
   * @param file its id in the snapshot.
   * @return the id that it has now; empty if it has been closed.
   */
  Optional<Integer> current(final int file) {
    return Optional.ofNullable(currentByTarget.get(file));
  }

  /**
   * Whether a file stands for one of the snapshot.
   *
   * @param file the id that it has now.
   * @return whether it is kept.
   */
  boolean isKept(final int file) {
    return targetByCurrent.containsKey(file);
  }

  /**
   * What stands for a file of the snapshot.
   *
   * @param file its id in the snapshot.
   * @return what it is now, where other files are called by the ids that they have in the snapshot,
   *     and when those have been closed that are not kept; empty if it has been closed.
   */
  Optional<FileImage> find(final int file) throws InvalidProtocolBufferException {
    final Integer id = currentByTarget.get(file);
    if (id == null) {
      return Optional.empty();
    }
    final FileImage found = now.get(id);
    return Optional.of(
        found.toBuilder()
            .setId(file)
            .setState(
                Resources.descriptor(found.getKind())
                    .withOthers(found.getState(), this::inSnapshot))
            .build());
  }

  private int inSnapshot(final int file) {
    return targetByCurrent.getOrDefault(file, NONE);
  }
}
