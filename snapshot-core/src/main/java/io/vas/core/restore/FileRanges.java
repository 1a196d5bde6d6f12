package io.vas.core.restore;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.image.MappedFile;
import io.vas.core.image.VmaImage;
import io.vas.core.keeper.KeeperProtocolDescriptor;
import io.vas.core.linux.RawText;
import io.vas.core.memory.MemoryPlan;
import io.vas.core.sandbox.Sandbox;
import java.util.List;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Tells the keeper which ranges map a region, but stand for private mappings of files: {@code
 * struct vas_file_ranges}, the ranges, and the paths of the files.
 */
final class FileRanges {
  /** The name of the piece of a program's data that they are in. */
  static final String NAME = "file ranges";

  private FileRanges() {}

  static byte[] encode(final MemoryPlan plan) {
    final List<MemoryPlan.Entry> entries = plan.mappedFiles();
    final List<byte[]> paths =
        entries.stream().map(entry -> RawText.encode(entry.vma().getFile().getPath())).toList();
    int path =
        KeeperProtocolDescriptor.FILE_RANGES_LENGTH
            + entries.size() * KeeperProtocolDescriptor.FILE_RANGE_LENGTH;
    final UnsafeBuffer buffer =
        new UnsafeBuffer(new byte[path + paths.stream().mapToInt(text -> text.length + 1).sum()]);
    buffer.putInt(KeeperProtocolDescriptor.FILE_RANGES_COUNT_OFFSET, entries.size(), LITTLE_ENDIAN);
    buffer.putInt(
        KeeperProtocolDescriptor.FILE_RANGES_ROOT_OFFSET, Sandbox.KEPT_ROOT, LITTLE_ENDIAN);
    for (int i = 0; i < entries.size(); i++) {
      final int at =
          KeeperProtocolDescriptor.FILE_RANGES_LENGTH
              + i * KeeperProtocolDescriptor.FILE_RANGE_LENGTH;
      encode(entries.get(i).vma(), path, buffer, at);
      buffer.putBytes(path, paths.get(i));
      path += paths.get(i).length + 1;
    }
    return buffer.byteArray();
  }

  private static void encode(
      final VmaImage vma, final int path, final UnsafeBuffer buffer, final int at) {
    final MappedFile file = vma.getFile();
    putLong(buffer, at + KeeperProtocolDescriptor.FILE_RANGE_START_OFFSET, vma.getStart());
    putLong(buffer, at + KeeperProtocolDescriptor.FILE_RANGE_END_OFFSET, vma.getEnd());
    putLong(buffer, at + KeeperProtocolDescriptor.FILE_RANGE_OFFSET_OFFSET, vma.getOffset());
    putLong(buffer, at + KeeperProtocolDescriptor.FILE_RANGE_SIZE_OFFSET, file.getSize());
    putLong(
        buffer,
        at + KeeperProtocolDescriptor.FILE_RANGE_CTIME_NANOS_OFFSET,
        file.getChangedNanos());
    buffer.putInt(
        at + KeeperProtocolDescriptor.FILE_RANGE_INODE_OFFSET,
        (int) file.getInode(),
        LITTLE_ENDIAN);
    buffer.putInt(at + KeeperProtocolDescriptor.FILE_RANGE_PATH_OFFSET, path, LITTLE_ENDIAN);
  }

  private static void putLong(final UnsafeBuffer buffer, final int at, final long value) {
    buffer.putLong(at, value, LITTLE_ENDIAN);
  }
}
