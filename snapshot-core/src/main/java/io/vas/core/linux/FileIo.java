package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import java.nio.ByteBuffer;
import java.util.Arrays;
import org.agrona.BufferUtil;
import org.agrona.concurrent.UnsafeBuffer;

/** Reading, writing and allocating of open files. Interrupted calls are made again. */
public final class FileIo {
  private static final int SEEK_SET = 0;
  private static final int SEEK_CUR = 1;
  private static final int SEEK_DATA = 3;
  private static final int SEEK_HOLE = 4;
  private static final int FALLOC_FL_KEEP_SIZE = 1;
  private static final int FALLOC_FL_PUNCH_HOLE = 2;
  private static final int LOCK_EX = 2;
  private static final int LOCK_NB = 4;

  private FileIo() {}

  /**
   * Read once, at the file's offset, into native memory.
   *
   * @param fd the file.
   * @param address of the first byte.
   * @param length bytes at most.
   * @return bytes that were read, 0 at the end.
   * @throws LinuxException if reading fails.
   */
  public static long read(final Fd fd, final long address, final long length) {
    while (true) {
      final long count = LIBC.read(fd.value(), address, length);
      if (count >= 0) {
        return count;
      }
      if (!Kernel.wasInterrupted()) {
        throw Kernel.failure("read", "fd", fd.value(), "length", length);
      }
    }
  }

  /**
   * Read once, at the file's offset, into the rest of a buffer, whose position advances.
   *
   * @param fd the file.
   * @param buffer a direct buffer.
   * @return bytes that were read, 0 at the end.
   * @throws LinuxException if reading fails.
   */
  public static int read(final Fd fd, final ByteBuffer buffer) {
    final int count = (int) read(fd, address(buffer), buffer.remaining());
    buffer.position(buffer.position() + count);
    return count;
  }

  /**
   * Read at a place in the file until the memory is full or the file ends.
   *
   * @param fd the file.
   * @param address of the first byte.
   * @param length bytes wanted.
   * @param offset in the file.
   * @return bytes that were read, less than wanted only at the end.
   * @throws LinuxException if reading fails.
   */
  public static long pread(final Fd fd, final long address, final long length, final long offset) {
    long done = 0;
    while (done < length) {
      final long count = LIBC.pread(fd.value(), address + done, length - done, offset + done);
      if (count == 0) {
        break;
      }
      if (count > 0) {
        done += count;
      } else if (!Kernel.wasInterrupted()) {
        throw Kernel.failure("pread", "fd", fd.value(), "length", length, "offset", offset);
      }
    }
    return done;
  }

  /**
   * Read at a place in the file until the rest of a buffer is full or the file ends. The buffer's
   * position advances.
   *
   * @param fd the file.
   * @param buffer a direct buffer.
   * @param offset in the file.
   * @return bytes that were read, less than wanted only at the end.
   * @throws LinuxException if reading fails.
   */
  public static int pread(final Fd fd, final ByteBuffer buffer, final long offset) {
    final int count = (int) pread(fd, address(buffer), buffer.remaining(), offset);
    buffer.position(buffer.position() + count);
    return count;
  }

  /**
   * Read all there is, from the file's offset on. For files whose size is not known before, as
   * those of /proc.
   *
   * @param fd the file.
   * @return its bytes.
   * @throws LinuxException if reading fails.
   */
  public static byte[] readAll(final Fd fd) {
    final UnsafeBuffer scratch = Scratch.buffer();
    byte[] bytes = new byte[Scratch.LENGTH];
    int length = 0;
    while (true) {
      final int count = (int) read(fd, scratch.addressOffset(), Scratch.LENGTH);
      if (count == 0) {
        return Arrays.copyOf(bytes, length);
      }
      if (length + count > bytes.length) {
        bytes = Arrays.copyOf(bytes, Math.max(bytes.length * 2, length + count));
      }
      scratch.getBytes(0, bytes, length, count);
      length += count;
    }
  }

  /**
   * Read all of a file.
   *
   * @param path the file.
   * @return its bytes.
   * @throws LinuxException if it can not be opened or read.
   */
  public static byte[] readAll(final String path) {
    try (Fd fd = Fd.open(path, OpenFlags.O_RDONLY)) {
      return readAll(fd);
    }
  }

  /**
   * Write all bytes at the file's offset.
   *
   * @param fd the file.
   * @param address of the first byte.
   * @param length bytes to write.
   * @throws LinuxException if writing fails; a part may be written.
   */
  public static void write(final Fd fd, final long address, final long length) {
    long done = 0;
    while (done < length) {
      final long count = LIBC.write(fd.value(), address + done, length - done);
      if (count >= 0) {
        done += count;
      } else if (!Kernel.wasInterrupted()) {
        throw Kernel.failure("write", "fd", fd.value(), "length", length);
      }
    }
  }

  /**
   * Write the rest of a buffer at the file's offset. The buffer's position advances.
   *
   * @param fd the file.
   * @param buffer a direct buffer.
   * @throws LinuxException if writing fails; a part may be written.
   */
  public static void write(final Fd fd, final ByteBuffer buffer) {
    write(fd, address(buffer), buffer.remaining());
    buffer.position(buffer.limit());
  }

  /**
   * Write all bytes at a place in the file.
   *
   * @param fd the file.
   * @param address of the first byte.
   * @param length bytes to write.
   * @param offset in the file.
   * @throws LinuxException if writing fails; a part may be written.
   */
  public static void pwrite(final Fd fd, final long address, final long length, final long offset) {
    long done = 0;
    while (done < length) {
      final long count = LIBC.pwrite(fd.value(), address + done, length - done, offset + done);
      if (count >= 0) {
        done += count;
      } else if (!Kernel.wasInterrupted()) {
        throw Kernel.failure("pwrite", "fd", fd.value(), "length", length, "offset", offset);
      }
    }
  }

  /**
   * Write the rest of a buffer at a place in the file. The buffer's position advances.
   *
   * @param fd the file.
   * @param buffer a direct buffer.
   * @param offset in the file.
   * @throws LinuxException if writing fails; a part may be written.
   */
  public static void pwrite(final Fd fd, final ByteBuffer buffer, final long offset) {
    pwrite(fd, address(buffer), buffer.remaining(), offset);
    buffer.position(buffer.limit());
  }

  /**
   * The file's offset.
   *
   * @param fd the file.
   * @return bytes from its beginning.
   * @throws LinuxException if it has none (ESPIPE).
   */
  public static long offset(final Fd fd) {
    return seek(fd, 0, SEEK_CUR);
  }

  /**
   * Set the file's offset.
   *
   * @param fd the file.
   * @param offset bytes from its beginning.
   * @throws LinuxException if it has none (ESPIPE).
   */
  public static void seek(final Fd fd, final long offset) {
    seek(fd, offset, SEEK_SET);
  }

  /**
   * The next place where the file has storage.
   *
   * @param fd the file.
   * @param offset where to begin.
   * @return the place, or -1 if only a hole follows.
   * @throws LinuxException if seeking fails.
   */
  public static long nextData(final Fd fd, final long offset) {
    return seek(fd, offset, SEEK_DATA);
  }

  /**
   * The next place where the file has a hole, of which there is one at its end.
   *
   * @param fd the file.
   * @param offset where to begin.
   * @return the place, or -1 if the offset is beyond the end.
   * @throws LinuxException if seeking fails.
   */
  public static long nextHole(final Fd fd, final long offset) {
    return seek(fd, offset, SEEK_HOLE);
  }

  private static long seek(final Fd fd, final long offset, final int whence) {
    final long result = LIBC.lseek(fd.value(), offset, whence);
    if (result < 0 && Kernel.lastError() != Errno.ENXIO.number()) {
      throw Kernel.failure("lseek", "fd", fd.value(), "offset", offset, "whence", whence);
    }
    return result;
  }

  /**
   * Cut or extend the file.
   *
   * @param fd the file.
   * @param size its new size in bytes; what is added is a hole.
   * @throws LinuxException if it can not be done.
   */
  public static void truncate(final Fd fd, final long size) {
    while (LIBC.ftruncate(fd.value(), size) < 0) {
      if (!Kernel.wasInterrupted()) {
        throw Kernel.failure("ftruncate", "fd", fd.value(), "size", size);
      }
    }
  }

  /**
   * Give storage to a range, extending the file if need be.
   *
   * @param fd the file.
   * @param offset first byte.
   * @param length bytes.
   * @throws LinuxException ENOSPC if there is not enough.
   */
  public static void allocate(final Fd fd, final long offset, final long length) {
    fallocate(fd, 0, offset, length);
  }

  /**
   * Take the storage of a range back, leaving zeros. The file keeps its size.
   *
   * @param fd the file.
   * @param offset first byte.
   * @param length bytes.
   * @throws LinuxException if the file system can not do it.
   */
  public static void punchHole(final Fd fd, final long offset, final long length) {
    fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, length);
  }

  private static void fallocate(final Fd fd, final int mode, final long offset, final long length) {
    while (LIBC.fallocate(fd.value(), mode, offset, length) < 0) {
      if (!Kernel.wasInterrupted()) {
        throw Kernel.failure(
            "fallocate", "fd", fd.value(), "mode", mode, "offset", offset, "length", length);
      }
    }
  }

  /**
   * Copy between two regular files within the kernel, sharing storage where the file system can.
   *
   * @param from file to read.
   * @param fromOffset first byte there.
   * @param to file to write.
   * @param toOffset first byte there.
   * @param length bytes at most.
   * @return bytes copied, less than asked only at the end of the first file.
   * @throws LinuxException if it fails.
   */
  public static long copy(
      final Fd from, final long fromOffset, final Fd to, final long toOffset, final long length) {
    final UnsafeBuffer offsets = Scratch.buffer();
    final long fromAddress = offsets.addressOffset();
    offsets.putLong(0, fromOffset);
    offsets.putLong(Long.BYTES, toOffset);
    long done = 0;
    while (done < length) {
      final long count =
          LIBC.copy_file_range(
              from.value(), fromAddress, to.value(), fromAddress + Long.BYTES, length - done, 0);
      if (count == 0) {
        break;
      }
      if (count > 0) {
        done += count;
      } else if (!Kernel.wasInterrupted()) {
        throw Kernel.failure(
            "copy_file_range", "from", from.value(), "to", to.value(), "length", length);
      }
    }
    return done;
  }

  /**
   * Remove a name of a file.
   *
   * @param directory where a relative path begins.
   * @param path the name.
   * @throws LinuxException if there is no such name.
   */
  public static void unlinkAt(final Fd directory, final String path) {
    if (LIBC.unlinkat(directory.value(), RawText.path(path), 0) < 0) {
      throw Kernel.failure("unlinkat", "directory", directory.value(), "path", path);
    }
  }

  /**
   * Where a symbolic link points to, also one of /proc, whose text may be no path at all.
   *
   * @param path the link.
   * @return its text.
   * @throws LinuxException if there is no such link.
   */
  public static String readLink(final String path) {
    final UnsafeBuffer buffer = Scratch.buffer();
    final int length =
        (int)
            LIBC.readlinkat(
                OpenFlags.AT_FDCWD, RawText.path(path), buffer.addressOffset(), Scratch.LENGTH);
    if (length < 0) {
      throw Kernel.failure("readlink", "path", path);
    }
    final byte[] bytes = new byte[length];
    buffer.getBytes(0, bytes);
    return RawText.decode(bytes);
  }

  /**
   * Lock the whole file for the holders of this open file, until its last descriptor is closed.
   *
   * @param fd the file.
   * @return false if somebody else has it locked.
   * @throws LinuxException if it fails.
   */
  public static boolean tryLock(final Fd fd) {
    if (LIBC.flock(fd.value(), LOCK_EX | LOCK_NB) == 0) {
      return true;
    }
    if (Kernel.lastError() == Errno.EAGAIN.number()) {
      return false;
    }
    throw Kernel.failure("flock", "fd", fd.value(), "operation", "LOCK_EX|LOCK_NB");
  }

  private static long address(final ByteBuffer buffer) {
    if (!buffer.isDirect()) {
      throw new IllegalArgumentException("not a direct buffer: " + buffer);
    }
    return BufferUtil.address(buffer) + buffer.position();
  }
}
