package io.vas.store.archive;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.DamagedException;
import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.FileNodes;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.OpenFlags;
import io.vas.core.linux.RawText;
import io.vas.store.archive.format.Attribute;
import io.vas.store.archive.format.DataRun;
import io.vas.store.archive.format.Node;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.function.LongConsumer;

/** Makes the files of a layer that {@link LayerWriter} has written. */
final class LayerReader {
  private static final int DIRECTORY_FLAGS =
      OpenFlags.O_RDONLY | OpenFlags.O_NOFOLLOW | OpenFlags.O_DIRECTORY;
  private static final int NEW_FILE_FLAGS = OpenFlags.O_RDWR | OpenFlags.O_CREAT | OpenFlags.O_EXCL;

  private final FrameReader in;
  private final LongConsumer progress;
  private Fd root;

  /**
   * A reader.
   *
   * @param in stays the caller's.
   * @param progress is told of bytes of files that were made.
   */
  LayerReader(final FrameReader in, final LongConsumer progress) {
    this.in = in;
    this.progress = progress;
  }

  /**
   * Make a layer.
   *
   * @param directory that is empty.
   */
  void read(final Fd directory) throws IOException {
    root = directory;
    final Node node = next();
    readEntries(directory);
    setAttributes(node, directory);
    FileNodes.setOwner(directory, "", node.getUid(), node.getGid());
    FileNodes.setPermissions(directory, ".", node.getMode() & ~FileStatus.S_IFMT);
    FileNodes.setTimes(directory, ".", node.getAccessedNanos(), node.getModifiedNanos());
    if (in.read() >= 0) {
      throw new DamagedException("a layer has more than its files");
    }
  }

  private void readEntries(final Fd directory) throws IOException {
    for (Node node = next(); !node.getEnd(); node = next()) {
      final String name = text(node.getName());
      if (name.isEmpty() || name.equals(".") || name.equals("..") || name.indexOf('/') >= 0) {
        throw new DamagedException("a layer has a file named '" + name + "'");
      }
      if (node.getLink().isEmpty()) {
        make(directory, name, node);
      } else {
        FileNodes.makeLink(root, text(node.getLink()), directory, name);
      }
    }
  }

  private void make(final Fd directory, final String name, final Node node) throws IOException {
    final int type = node.getMode() & FileStatus.S_IFMT;
    switch (type) {
      case FileStatus.S_IFDIR -> {
        FileNodes.makeDirectory(directory, name);
        try (Fd made = Fd.openAt(directory, name, DIRECTORY_FLAGS, 0)) {
          readEntries(made);
          FileNodes.setOwner(directory, name, node.getUid(), node.getGid());
          setAttributes(node, made);
        }
      }
      case FileStatus.S_IFREG -> {
        try (Fd made = Fd.openAt(directory, name, NEW_FILE_FLAGS, 0600)) {
          readFile(node, made);
          FileNodes.setOwner(directory, name, node.getUid(), node.getGid());
          setAttributes(node, made);
        }
      }
      case FileStatus.S_IFLNK -> {
        FileNodes.makeSymbolicLink(directory, name, text(node.getTarget()));
        FileNodes.setOwner(directory, name, node.getUid(), node.getGid());
      }
      default -> {
        FileNodes.makeNode(directory, name, node.getMode(), DeviceNumber.of(node.getDevice()));
        FileNodes.setOwner(directory, name, node.getUid(), node.getGid());
      }
    }
    if (type != FileStatus.S_IFLNK) {
      FileNodes.setPermissions(directory, name, node.getMode() & ~FileStatus.S_IFMT);
    }
    FileNodes.setTimes(directory, name, node.getAccessedNanos(), node.getModifiedNanos());
  }

  private void readFile(final Node node, final Fd file) throws IOException {
    FileIo.truncate(file, node.getSize());
    for (final DataRun run : node.getRunsList()) {
      for (long done = 0; done < run.getLength(); ) {
        final ByteBuffer bytes = in.next(run.getLength() - done);
        final int count = bytes.remaining();
        if (count == 0) {
          throw new DamagedException("a layer ends within a file");
        }
        FileIo.pwrite(file, bytes, run.getOffset() + done);
        done += count;
        progress.accept(count);
      }
    }
  }

  private static void setAttributes(final Node node, final Fd file) {
    for (final Attribute attribute : node.getAttributesList()) {
      FileNodes.setAttribute(file, text(attribute.getName()), attribute.getValue().toByteArray());
    }
  }

  private Node next() throws IOException {
    final Node node;
    try {
      node = Node.parseDelimitedFrom(in);
    } catch (final InvalidProtocolBufferException e) {
      throw new DamagedException("a layer is not what was saved: " + e.getMessage());
    }
    if (node == null) {
      throw new DamagedException("a layer ends too early");
    }
    return node;
  }

  private static String text(final ByteString name) {
    return RawText.decode(name.toByteArray());
  }
}
