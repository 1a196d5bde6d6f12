package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.AT_FDCWD;
import static io.vas.core.linux.OpenFlags.O_ACCMODE;
import static io.vas.core.linux.OpenFlags.O_CLOEXEC;
import static io.vas.core.linux.OpenFlags.O_RDONLY;
import static io.vas.core.linux.OpenFlags.O_WRONLY;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.FileImage;
import io.vas.core.image.Image;
import io.vas.core.image.PipeImage;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/**
 * Pipes with what is in them. An end that only processes outside of the instance had is not there
 * in a fork: its other end reads what is left and then the end of the file, or writes to a broken
 * pipe.
 */
public final class Pipe implements DescriptorResource {
  static final String LINK = "pipe:[";

  /** The kind. */
  public Pipe() {}

  @Override
  public String kind() {
    return "pipe";
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    return descriptor.link().startsWith(LINK);
  }

  @Override
  public void plan(final PlanBuilder plan) {
    plan.descriptorRule(LINK, (p, descriptor) -> PipeContents.plan(p, descriptor, true));
  }

  @Override
  public PipeImage capture(final DescriptorRecord descriptor, final CaptureContext context) {
    return PipeContents.capture(descriptor, context, kind(), LINK).build();
  }

  @Override
  public void restore(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final PipeImage image = PipeImage.parseFrom(state);
    final Map<Integer, PipeImage> files = filesOf(image.getInode(), restore.image());
    final ProgramBuilder program = restore.program();
    final Data ends = program.data(new byte[2 * Integer.BYTES]);
    program.call(restore.name("pipe2"), SystemCall.PIPE2, ends, O_CLOEXEC);
    final Result read = program.load(restore.name("read end"), ends, Integer.BYTES);
    final Result write =
        program.load(restore.name("write end"), ends.plus(Integer.BYTES), Integer.BYTES);
    final PipeImage contents =
        files.values().stream().filter(f -> accessOf(f) != O_WRONLY).findFirst().orElse(image);
    PipeContents.restore(
        restore, write, image.getCapacity(), contents.getContents(), contents.getPacketsList());
    final Optional<Integer> reader = firstWith(O_RDONLY, files);
    final Optional<Integer> writer = firstWith(O_WRONLY, files);
    for (final Map.Entry<Integer, PipeImage> file : files.entrySet()) {
      if (!reader.equals(Optional.of(file.getKey()))
          && !writer.equals(Optional.of(file.getKey()))) {
        openAgain(file.getKey(), file.getValue(), read, restore);
      }
    }
    leave(reader, read, "close read end", restore);
    leave(writer, write, "close write end", restore);
    for (final Map.Entry<Integer, PipeImage> file : files.entrySet()) {
      OpenFiles.setFlags(restore, restore.descriptor(file.getKey()), file.getValue().getFlags());
      if (file.getKey() != restore.file().getId()) {
        restore.claim(file.getKey());
      }
    }
  }

  /**
   * With all ends that there were. One alone can only be opened through another one, and that adds
   * O_LARGEFILE to its flags, for good. Ends that only others had are lost in a fork; that is no
   * reason to lose them here.
   */
  @Override
  public boolean canBeOpenedAgain(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    final Map<Integer, PipeImage> files =
        filesOf(PipeImage.parseFrom(state).getInode(), restore.image());
    return files.keySet().stream().noneMatch(restore::isMade)
        && firstWith(O_RDONLY, files).isPresent()
        && firstWith(O_WRONLY, files).isPresent();
  }

  @Override
  public boolean isSame(final ByteString before, final ByteString now, final InodePairs inodes)
      throws InvalidProtocolBufferException {
    return before.equals(now)
        && inodes.match(
            PipeImage.parseFrom(before).getInode(), PipeImage.parseFrom(now).getInode());
  }

  @Override
  public boolean isMendable(final ByteString before, final ByteString now, final InodePairs inodes)
      throws InvalidProtocolBufferException {
    final PipeImage wanted = PipeImage.parseFrom(before);
    final PipeImage there = PipeImage.parseFrom(now);
    return withoutContents(wanted).equals(withoutContents(there))
        && inodes.match(wanted.getInode(), there.getInode());
  }

  private static PipeImage withoutContents(final PipeImage pipe) {
    return pipe.toBuilder().clearInode().clearContents().clearPackets().build();
  }

  @Override
  public boolean mend(final ByteString before, final ByteString now, final DescriptorMend mend)
      throws InvalidProtocolBufferException {
    final PipeImage wanted = PipeImage.parseFrom(before);
    final PipeImage there = PipeImage.parseFrom(now);
    if (!isMendable(before, now, mend.inodes())) {
      return false;
    }
    if (wanted.getContents().equals(there.getContents())) {
      return wanted.getPacketsList().equals(there.getPacketsList());
    }
    if (wanted.getPacketsCount() > 0 || there.getPacketsCount() > 0) {
      return false;
    }
    final Optional<Integer> writer = writer(wanted.getInode(), mend);
    if (writer.isEmpty() && !wanted.getContents().isEmpty()) {
      return false;
    }
    final ProgramBuilder program = mend.program();
    final int number = mend.number();
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
          writer.get(),
          program.data(wanted.getContents().toByteArray()),
          wanted.getContents().size());
    }
    return true;
  }

  /** A descriptor that a pipe can be written by. */
  private Optional<Integer> writer(final long inode, final DescriptorMend mend)
      throws InvalidProtocolBufferException {
    return filesOf(inode, mend.image()).entrySet().stream()
        .filter(file -> accessOf(file.getValue()) != O_RDONLY)
        .map(file -> mend.number(file.getKey()))
        .findFirst();
  }

  private Map<Integer, PipeImage> filesOf(final long inode, final Image image)
      throws InvalidProtocolBufferException {
    final Map<Integer, PipeImage> files = new LinkedHashMap<>();
    for (final FileImage file : image.getFilesList()) {
      if (file.getKind().equals(kind())) {
        final PipeImage pipe = PipeImage.parseFrom(file.getState());
        if (pipe.getInode() == inode) {
          files.put(file.getId(), pipe);
        }
      }
    }
    return files;
  }

  private static int accessOf(final PipeImage file) {
    return file.getFlags() & O_ACCMODE;
  }

  private static Optional<Integer> firstWith(
      final int access, final Map<Integer, PipeImage> files) {
    return files.entrySet().stream()
        .filter(file -> accessOf(file.getValue()) == access)
        .map(Map.Entry::getKey)
        .findFirst();
  }

  /** An end that was opened a second time, through /proc. */
  private static void openAgain(
      final int file, final PipeImage image, final Result end, final DescriptorRestore restore) {
    final ProgramBuilder program = restore.program();
    final int number = restore.descriptor(file);
    program.call(
        restore.name("end to open as file " + file), SystemCall.DUP3, end, number, O_CLOEXEC);
    restore.place(
        file,
        program.call(
            restore.name("open as file " + file),
            SystemCall.OPENAT,
            AT_FDCWD,
            program.string(OpenFiles.pathOf(number)),
            accessOf(image) | O_CLOEXEC));
  }

  private static void leave(
      final Optional<Integer> file,
      final Result end,
      final String close,
      final DescriptorRestore restore) {
    if (file.isPresent()) {
      restore.place(file.get(), end);
    } else {
      restore.program().call(restore.name(close), SystemCall.CLOSE, end);
    }
  }
}
