package io.vas.store.archive;

import com.google.protobuf.MessageLite;

/** Knows what snapshots rely on besides what a store holds, and whether it is there. */
public interface SnapshotReliance {
  /**
   * The machine, as far as snapshots rely on it.
   *
   * @return a description for {@link #accept}.
   */
  byte[] host();

  /**
   * What a snapshot relies on besides.
   *
   * @param image of the snapshot.
   * @return a description for {@link #accept}.
   * @throws io.vas.core.VasException if it can not be forked here and now, nor could it be later.
   */
  byte[] of(byte[] image);

  /**
   * Check that a snapshot can be forked here.
   *
   * @param image of the snapshot as it was saved.
   * @param reliance what {@link #of} told of it then.
   * @param host what {@link #host} told then.
   * @return the image that it is to have from now on.
   * @throws io.vas.core.UnsupportedException if something that it relies on is not here.
   */
  MessageLite accept(byte[] image, byte[] reliance, byte[] host);
}
