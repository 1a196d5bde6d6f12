package io.vas.store;

import io.vas.core.StoreFullException;
import io.vas.core.linux.Errno;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.MappedMemory;
import io.vas.core.linux.OpenFlags;
import java.nio.file.Path;
import org.agrona.BitUtil;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * An array in a file in memory, outside of the Java heap, which takes memory as it grows and
 * outlives this process. Reading is for any number of threads at once, as far as nobody writes to
 * the same element.
 */
final class MappedArray implements AutoCloseable {
  /** A view covers 2 GiB at most. */
  private static final int VIEW_SHIFT = 30;

  private static final long VIEW = 1L << VIEW_SHIFT;
  private static final long STEP = 256 * ByteCount.KIB;

  private final Fd file;
  private final MappedMemory memory;
  private final UnsafeBuffer[] views;
  private final int elementShift;
  private long allocated;

  /**
   * An array.
   *
   * @param path of its file, which is made if it is not there.
   * @param elementBytes bytes of an element, a power of two.
   * @param capacity elements at most: address space, no memory.
   */
  MappedArray(final Path path, final int elementBytes, final long capacity) {
    final long bytes = BitUtil.align(capacity * elementBytes, VIEW);
    elementShift = Integer.numberOfTrailingZeros(elementBytes);
    file = Fd.open(path.toString(), OpenFlags.O_RDWR | OpenFlags.O_CREAT, 0600);
    try {
      FileIo.truncate(file, bytes);
      memory = MappedMemory.mapShared(file, 0, bytes);
    } catch (final LinuxException e) {
      file.close();
      throw e;
    }
    views = new UnsafeBuffer[(int) (bytes >>> VIEW_SHIFT)];
    for (int i = 0; i < views.length; i++) {
      views[i] = memory.buffer(i * VIEW, (int) VIEW);
    }
  }

  /** Whether there is memory for an element. */
  boolean has(final long element) {
    return element >= 0 && (element + 1) << elementShift <= allocated;
  }

  /** Elements that were ever written lie below. */
  long written() {
    return FileIo.nextHole(file, 0) >>> elementShift;
  }

  /** Make all elements zero. */
  void clear() {
    FileIo.punchHole(file, 0, memory.length());
    allocated = 0;
  }

  /**
   * Take memory for elements, so that they can be written.
   *
   * @param count the first so many.
   * @throws StoreFullException if there is not enough.
   */
  void allocate(final long count) {
    final long until = BitUtil.align(count << elementShift, STEP);
    if (until <= allocated) {
      return;
    }
    if (until > memory.length()) {
      throw full(null);
    }
    try {
      FileIo.allocate(file, allocated, until - allocated);
    } catch (final LinuxException e) {
      throw e.errno() == Errno.ENOSPC ? full(e) : e;
    }
    allocated = until;
  }

  private static StoreFullException full(final Throwable cause) {
    return new StoreFullException("the store is full: no room for tables of pages", cause);
  }

  private UnsafeBuffer view(final long at) {
    return views[(int) (at >>> VIEW_SHIFT)];
  }

  private static int within(final long at) {
    return (int) (at & (VIEW - 1));
  }

  /** An int of an element. */
  int getInt(final long element, final int index) {
    final long at = (element << elementShift) + (long) index * Integer.BYTES;
    return view(at).getInt(within(at));
  }

  void putInt(final long element, final int index, final int value) {
    final long at = (element << elementShift) + (long) index * Integer.BYTES;
    view(at).putInt(within(at), value);
  }

  /** A long of an element. */
  long getLong(final long element, final int index) {
    final long at = (element << elementShift) + (long) index * Long.BYTES;
    return view(at).getLong(within(at));
  }

  /** An element that is a long. */
  long getLong(final long element) {
    final long at = element << elementShift;
    return view(at).getLong(within(at));
  }

  void putLong(final long element, final long value) {
    final long at = element << elementShift;
    view(at).putLong(within(at), value);
  }

  /** Let go of the file, which stays. */
  @Override
  public void close() {
    memory.close();
    file.close();
  }
}
