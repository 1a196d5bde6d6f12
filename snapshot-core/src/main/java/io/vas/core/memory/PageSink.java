package io.vas.core.memory;

import io.vas.core.linux.Fd;

/**
 * Where the pages and files of one snapshot are put while it is taken. Whoever made it decides
 * afterwards whether that becomes a snapshot or is thrown away.
 *
 * <p>What is neither stored nor shared is a hole. Later calls win over earlier ones.
 */
public interface PageSink {
  /**
   * A file that takes pages and reads as zero until then. It may have memory already. Whoever
   * writes makes it as large as needed.
   *
   * @param kind which of the two.
   * @return a descriptor for reading and writing that belongs to the sink.
   */
  Fd region(RegionKind kind);

  /**
   * Forget what was stored, shared and dropped so far, and what was written to the files: an
   * attempt begins.
   */
  void clear();

  /**
   * Pages lie in one of the sink's own files. The bytes around them there, as far as they are
   * within a mapping that is laid out in one piece, are zero.
   *
   * @param space which.
   * @param start address of the first byte, a multiple of the page size.
   * @param length bytes, a multiple of the page size.
   * @param kind which file.
   * @param offset where in it.
   */
  void store(int space, long start, long length, RegionKind kind, long offset);

  /**
   * What lies in one of the sink's own files is not needed, and its memory may be given back.
   *
   * @param kind which file.
   * @param offset where in it, a multiple of the page size.
   * @param length bytes, a multiple of the page size.
   */
  void discard(RegionKind kind, long offset, long length);

  /**
   * Pages are those of an older snapshot, and holes where that has holes. It costs next to nothing
   * where the addresses are the same, or nothing changes.
   *
   * @param space which.
   * @param start address of the first byte, a multiple of the page size.
   * @param length bytes, a multiple of the page size.
   * @param from the older snapshot, open until this one is there.
   * @param fromSpace which of its spaces.
   * @param fromStart address of the first byte there.
   */
  void share(int space, long start, long length, PageSource from, int fromSpace, long fromStart);

  /**
   * Pages are holes: zero, or those of the file that is mapped underneath.
   *
   * @param space which.
   * @param start address of the first byte, a multiple of the page size.
   * @param length bytes, a multiple of the page size.
   */
  void drop(int space, long start, long length);

  /**
   * An empty directory that takes a copy of the instance's own files.
   *
   * @return a descriptor that belongs to the sink.
   */
  Fd layer();
}
