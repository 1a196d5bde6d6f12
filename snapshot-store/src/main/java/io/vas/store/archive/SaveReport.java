package io.vas.store.archive;

import io.vas.store.Snapshot;
import java.util.List;

/**
 * What was saved.
 *
 * @param snapshots the oldest first.
 * @param bytes of pages and files, each once.
 * @param fileBytes what they take on the disk.
 */
public record SaveReport(List<Snapshot> snapshots, long bytes, long fileBytes) {
  /** Copies the list. */
  public SaveReport {
    snapshots = List.copyOf(snapshots);
  }
}
