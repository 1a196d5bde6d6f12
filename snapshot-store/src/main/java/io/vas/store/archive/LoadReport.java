package io.vas.store.archive;

import io.vas.store.Snapshot;
import java.util.List;

/**
 * What was loaded.
 *
 * @param loaded snapshots, the oldest first.
 * @param present snapshots that the store had already.
 * @param bytes of pages and files that were read.
 */
public record LoadReport(List<Snapshot> loaded, List<Snapshot> present, long bytes) {
  /** Copies the lists. */
  public LoadReport {
    loaded = List.copyOf(loaded);
    present = List.copyOf(present);
  }
}
