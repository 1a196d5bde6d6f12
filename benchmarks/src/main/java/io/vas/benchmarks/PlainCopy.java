package io.vas.benchmarks;

import io.vas.core.VasException;
import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.MappedMemory;
import io.vas.core.linux.OpenFlags;
import io.vas.core.linux.ProcessMemory;
import io.vas.core.linux.TmpfsMount;
import io.vas.core.linux.TmpfsMount.HugePages;
import io.vas.core.linux.TmpfsMount.RegionFile;
import io.vas.core.linux.Vma;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import org.agrona.BufferUtil;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Copies the private pages of a process that are present, and does nothing else: to memory of huge
 * pages that has been written before, by some threads at once.
 */
final class PlainCopy implements AutoCloseable {
  private static final int PAGE = 4096;
  private static final long HUGE_PAGE = 2 * ByteSize.MIB;

  /** Enough to be worth a call, and little enough to be shared out evenly. */
  private static final long CHUNK = 4 * ByteSize.MIB;

  private static final int RANGES = 512;
  private static final int VECTOR = 2 * Long.BYTES;

  /** Of pagemap: the page is present, and it is of a file or shared. */
  private static final long PRESENT = 1L << 63;

  private static final long OF_FILE = 1L << 61;

  private final int pid;
  private final int threads;
  private final List<Chunk> chunks;
  private final long bytes;
  private final TmpfsMount mount;
  private final RegionFile file;
  private final MappedMemory target;
  private final ExecutorService pool;

  private record Range(long start, long length) {}

  /** What one call reads. */
  private record Chunk(UnsafeBuffer vectors, int ranges, long length) {}

  private PlainCopy(final int pid, final int threads) {
    this.pid = pid;
    this.threads = threads;
    final List<Range> present = present(pid);
    bytes = present.stream().mapToLong(Range::length).sum();
    final long size = (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    mount = TmpfsMount.create(size, HugePages.ALWAYS);
    file = mount.createFile();
    FileIo.truncate(file.readWrite(), size);
    target = MappedMemory.mapShared(file.readWrite(), 0, size);
    target.advise(0, size, MappedMemory.MADV_POPULATE_WRITE);
    chunks = chunks(present, target.address());
    pool = Executors.newFixedThreadPool(threads);
  }

  /**
   * Finds the pages, and makes room for them.
   *
   * @param pid the process.
   * @param threads that copy.
   * @return the copier.
   */
  static PlainCopy prepare(final int pid, final int threads) {
    return new PlainCopy(pid, threads);
  }

  /** What is copied. */
  long bytes() {
    return bytes;
  }

  /**
   * Copies once.
   *
   * @return how long it took, in nanoseconds.
   * @throws InterruptedException if this thread is interrupted.
   * @throws ExecutionException if a page has gone, or reading fails.
   */
  long run() throws InterruptedException, ExecutionException {
    final AtomicInteger next = new AtomicInteger();
    final List<Future<?>> copiers = new ArrayList<>();
    final long begin = System.nanoTime();
    for (int i = 0; i < threads; i++) {
      copiers.add(pool.submit(() -> copy(next)));
    }
    for (final Future<?> copier : copiers) {
      copier.get();
    }
    return System.nanoTime() - begin;
  }

  private void copy(final AtomicInteger next) {
    for (int i = next.getAndIncrement(); i < chunks.size(); i = next.getAndIncrement()) {
      final Chunk chunk = chunks.get(i);
      final long read = ProcessMemory.read(pid, chunk.vectors(), chunk.ranges());
      if (read != chunk.length()) {
        throw new VasException("read " + read + " bytes of " + chunk.length() + " of pid " + pid);
      }
    }
  }

  private static List<Range> present(final int pid) {
    final List<Range> ranges = new ArrayList<>();
    try (Fd pagemap = Fd.open("/proc/" + pid + "/pagemap", OpenFlags.O_RDONLY)) {
      final ByteBuffer entries =
          ByteBuffer.allocateDirect((int) (CHUNK / PAGE * Long.BYTES))
              .order(ByteOrder.nativeOrder());
      for (final Vma vma : ProcFiles.maps(pid)) {
        if (!vma.shared() && !vma.name().startsWith("[v")) {
          addPresent(vma, pagemap, entries, ranges);
        }
      }
    }
    return ranges;
  }

  private static void addPresent(
      final Vma vma, final Fd pagemap, final ByteBuffer entries, final List<Range> ranges) {
    long begin = -1;
    for (long at = vma.start(); at < vma.end(); ) {
      entries.clear();
      entries.limit((int) Math.min(entries.capacity(), (vma.end() - at) / PAGE * Long.BYTES));
      if (FileIo.pread(pagemap, entries, at / PAGE * Long.BYTES) < entries.limit()) {
        throw new VasException("pagemap of " + vma + " ends early");
      }
      entries.flip();
      for (; entries.hasRemaining(); at += PAGE) {
        final boolean wanted = (entries.getLong() & (PRESENT | OF_FILE)) == PRESENT;
        if (wanted && begin < 0) {
          begin = at;
        } else if (!wanted && begin >= 0) {
          ranges.add(new Range(begin, at - begin));
          begin = -1;
        }
      }
    }
    if (begin >= 0) {
      ranges.add(new Range(begin, vma.end() - begin));
    }
  }

  private static List<Chunk> chunks(final List<Range> present, final long target) {
    final List<Chunk> chunks = new ArrayList<>();
    final List<Range> part = new ArrayList<>();
    long length = 0;
    long to = target;
    for (final Range range : present) {
      for (long done = 0; done < range.length(); ) {
        final long step = Math.min(range.length() - done, CHUNK - length);
        part.add(new Range(range.start() + done, step));
        done += step;
        length += step;
        if (length == CHUNK || part.size() == RANGES) {
          chunks.add(chunk(part, to, length));
          to += length;
          length = 0;
          part.clear();
        }
      }
    }
    if (!part.isEmpty()) {
      chunks.add(chunk(part, to, length));
    }
    return chunks;
  }

  private static Chunk chunk(final List<Range> ranges, final long target, final long length) {
    final int count = ranges.size();
    final UnsafeBuffer vectors =
        new UnsafeBuffer(BufferUtil.allocateDirectAligned(2 * count * VECTOR, Long.BYTES));
    long to = target;
    for (int i = 0; i < count; i++) {
      final Range range = ranges.get(i);
      vectors.putLong(i * VECTOR, to);
      vectors.putLong(i * VECTOR + Long.BYTES, range.length());
      vectors.putLong((count + i) * VECTOR, range.start());
      vectors.putLong((count + i) * VECTOR + Long.BYTES, range.length());
      to += range.length();
    }
    return new Chunk(vectors, count, length);
  }

  @Override
  public void close() {
    pool.shutdown();
    target.close();
    file.close();
    mount.close();
  }
}
