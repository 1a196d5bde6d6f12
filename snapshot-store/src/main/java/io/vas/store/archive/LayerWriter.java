package io.vas.store.archive;

import com.google.protobuf.ByteString;
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
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.LongConsumer;

/**
 * Writes a layer: all files with all that makes an overlay of them, whiteouts, opaque directories
 * and further names included. No tar keeps sockets, and few keep all attributes.
 */
final class LayerWriter {
  private static final long BLOCK = 4096;
  private static final int FILE_FLAGS = OpenFlags.O_RDONLY | OpenFlags.O_NOFOLLOW;
  private static final int DIRECTORY_FLAGS = FILE_FLAGS | OpenFlags.O_DIRECTORY;

  private final FrameWriter out;
  private final LongConsumer progress;
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(FrameWriter.LENGTH);

  /** The first name of files that have further ones. */
  private final Map<List<Long>, String> paths = new HashMap<>();

  private long bytes;

  /**
   * A writer.
   *
   * @param out stays the caller's.
   * @param progress is told of bytes of files that were written.
   */
  LayerWriter(final FrameWriter out, final LongConsumer progress) {
    this.out = out;
    this.progress = progress;
  }

  /**
   * Write a layer.
   *
   * @param root its directory.
   * @return what its files take.
   */
  long write(final Fd root) throws IOException {
    node(FileStatus.of(root), root).build().writeDelimitedTo(out);
    writeEntries(root, "");
    return bytes;
  }

  private void writeEntries(final Fd directory, final String path) throws IOException {
    final List<String> names;
    // One of its own, for where it stands belongs to who holds the other.
    try (Fd listed = Fd.openAt(directory, ".", DIRECTORY_FLAGS, 0)) {
      names = FileNodes.list(listed).stream().sorted().toList();
    }
    for (final String name : names) {
      writeEntry(directory, name, path.isEmpty() ? name : path + "/" + name);
    }
    Node.newBuilder().setEnd(true).build().writeDelimitedTo(out);
  }

  private void writeEntry(final Fd directory, final String name, final String path)
      throws IOException {
    final FileStatus status = FileStatus.at(directory, name);
    final boolean isDirectory = status.type() == FileStatus.S_IFDIR;
    if (!isDirectory && status.links() > 1) {
      final String first =
          paths.putIfAbsent(List.of(status.device().encoded(), status.inode()), path);
      if (first != null) {
        Node.newBuilder().setName(bytes(name)).setLink(bytes(first)).build().writeDelimitedTo(out);
        return;
      }
    }
    if (isDirectory) {
      try (Fd file = Fd.openAt(directory, name, DIRECTORY_FLAGS, 0)) {
        node(status, file).setName(bytes(name)).build().writeDelimitedTo(out);
        writeEntries(file, path);
      }
    } else if (status.type() == FileStatus.S_IFREG) {
      try (Fd file = Fd.openAt(directory, name, FILE_FLAGS, 0)) {
        writeFile(node(status, file).setName(bytes(name)), file, status.size());
      }
    } else {
      final Node.Builder node = node(status).setName(bytes(name));
      if (status.type() == FileStatus.S_IFLNK) {
        node.setTarget(bytes(FileNodes.readLink(directory, name)));
      }
      node.build().writeDelimitedTo(out);
    }
  }

  private void writeFile(final Node.Builder node, final Fd file, final long size)
      throws IOException {
    node.setSize(size);
    for (long data = FileIo.nextData(file, 0); data >= 0 && data < size; ) {
      final long hole = Math.min(size, FileIo.nextHole(file, data));
      node.addRuns(DataRun.newBuilder().setOffset(data).setLength(hole - data));
      data = FileIo.nextData(file, hole);
    }
    node.build().writeDelimitedTo(out);
    for (final DataRun run : node.getRunsList()) {
      final long end = run.getOffset() + run.getLength();
      for (long at = run.getOffset(); at < end; at += buffer.limit()) {
        buffer.clear().limit((int) Math.min(buffer.capacity(), end - at));
        if (FileIo.pread(file, buffer, at) < buffer.limit()) {
          throw new IOException("a file of a layer has become shorter");
        }
        out.write(buffer.flip());
        progress.accept(buffer.limit());
      }
      bytes += (run.getLength() + BLOCK - 1) / BLOCK * BLOCK;
    }
  }

  private static Node.Builder node(final FileStatus status, final Fd file) {
    final Node.Builder node = node(status);
    FileNodes.attributes(file)
        .forEach(
            (name, value) ->
                node.addAttributes(
                    Attribute.newBuilder()
                        .setName(bytes(name))
                        .setValue(ByteString.copyFrom(value))));
    return node;
  }

  private static Node.Builder node(final FileStatus status) {
    return Node.newBuilder()
        .setMode(status.mode())
        .setUid(status.uid())
        .setGid(status.gid())
        .setAccessedNanos(status.accessedNanos())
        .setModifiedNanos(status.modifiedNanos())
        .setDevice(status.deviceItself().encoded());
  }

  private static ByteString bytes(final String name) {
    return ByteString.copyFrom(RawText.encode(name));
  }
}
