package io.vas.core.resource;

import io.vas.core.memory.RegionKind;
import java.util.List;

/**
 * A file that lives with the instance and nowhere else, whose contents are in a region: a memfd,
 * shared anonymous memory, a file without a name.
 *
 * @param id its number in the image.
 * @param status what fstat(2) told.
 * @param link what /proc shows for it, for example {@code /memfd:name (deleted)}.
 * @param region where its contents are.
 * @param offset byte b of the file lies at offset + b of the region.
 * @param runs what is stored; the rest are holes.
 */
public record StoredObject(
    int id, RecordedStatus status, String link, RegionKind region, long offset, List<Run> runs) {

  /**
   * A part that is stored.
   *
   * @param start first byte, in the file.
   * @param length bytes.
   */
  public record Run(long start, long length) {}
}
