package io.vas.core.restore;

import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.DescriptorImage;
import io.vas.core.image.FileImage;
import io.vas.core.image.Image;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.resource.DescriptorMend;
import io.vas.core.resource.DescriptorResource;
import io.vas.core.resource.InodePairs;
import io.vas.core.resource.Resources;
import java.util.Optional;

/**
 * How the open files of an instance differ from those of a snapshot, as far as their kinds can
 * bring them back to what they were: positions, what is in pipes, and the like.
 */
final class FileDifference {
  private static final String RESOURCE = "descriptors";

  private final ProgramBuilder program;
  private final Image target;
  private final Image current;
  private final InodePairs inodes = new InodePairs();

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
    program.resource(RESOURCE);
    for (final FileImage file : target.getFilesList()) {
      final DescriptorResource kind = Resources.descriptor(file.getKind());
      if (!keepsConnections && kind.isConnectedOutside(file.getState())) {
        throw new NotInPlaceException(
            "the connection of descriptor "
                + number(file.getId())
                + " to the outside is to be reset");
      }
      final Optional<FileImage> now = kept.find(file.getId());
      if (now.isPresent()
          && !kind.mend(file.getState(), now.get().getState(), new Mending(file.getId()))) {
        throw new NotInPlaceException(
            "descriptor " + number(file.getId()) + " (" + file.getKind() + ") differs");
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

  /** A descriptor of the process that refers to a file. */
  private int number(final int file) {
    return target.getProcesses(0).getDescriptorsList().stream()
        .filter(descriptor -> descriptor.getFile() == file)
        .findFirst()
        .orElseThrow()
        .getNumber();
  }

  /** Where a file is mended. */
  private final class Mending implements DescriptorMend {
    private final int file;

    Mending(final int file) {
      this.file = file;
    }

    @Override
    public ProgramBuilder program() {
      return program;
    }

    @Override
    public Image image() {
      return target;
    }

    @Override
    public int number() {
      return FileDifference.this.number(file);
    }

    @Override
    public int number(final int other) {
      return FileDifference.this.number(other);
    }

    @Override
    public InodePairs inodes() {
      return inodes;
    }
  }
}
