package io.vas.core.memory;

import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.Fd;

/**
 * Where the pages and files of one snapshot are put while it is taken. Whoever made it decides
 * afterwards whether that becomes a snapshot or is thrown away.
 */
public interface PageSink {
  /**
   * An empty file that takes pages. Whoever writes makes it as large as needed.
   *
   * @param kind which of the two.
   * @return a descriptor for reading and writing that belongs to the sink.
   */
  Fd region(RegionKind kind);

  /**
   * The file system that all regions of a kind are on, by which mappings of older snapshots are
   * recognised.
   *
   * @param kind which of the two.
   * @return its st_dev.
   */
  DeviceNumber device(RegionKind kind);

  /**
   * An empty directory that takes a copy of the instance's own files.
   *
   * @return a descriptor that belongs to the sink.
   */
  Fd layer();
}
