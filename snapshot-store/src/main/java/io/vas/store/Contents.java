package io.vas.store;

import io.vas.core.linux.Fd;
import io.vas.core.linux.TmpfsMount.RegionFile;
import io.vas.core.memory.PageSource;
import io.vas.core.memory.RegionKind;
import java.util.List;
import java.util.Map;

/**
 * What a snapshot holds on to. It lasts until the snapshot is removed and nobody uses it any more.
 */
final class Contents implements PageSource {
  private final SnapshotId id;
  private final Map<RegionKind, RegionFile> regions;
  private final List<SharedLayer> layers;
  private final RegionFile image;
  private final SnapshotSpace space;

  /** Who keeps it: the index, and each use. Guarded by the store. */
  private int holders = 1;

  Contents(
      final SnapshotId id,
      final Map<RegionKind, RegionFile> regions,
      final List<SharedLayer> layers,
      final RegionFile image,
      final SnapshotSpace space) {
    this.id = id;
    this.regions = regions;
    this.layers = List.copyOf(layers);
    this.image = image;
    this.space = space;
  }

  SnapshotId id() {
    return id;
  }

  SnapshotSpace space() {
    return space;
  }

  Fd image() {
    return image.readOnly();
  }

  List<SharedLayer> sharedLayers() {
    return layers;
  }

  int holders() {
    return holders;
  }

  void retain() {
    holders++;
  }

  /** Whether that was the last one. */
  boolean release() {
    holders--;
    return holders == 0;
  }

  @Override
  public Fd region(final RegionKind kind) {
    return regions.get(kind).readOnly();
  }

  @Override
  public long held(final RegionKind kind) {
    return id.heldRegion(kind);
  }

  @Override
  public List<Fd> layers() {
    return layers.stream().map(layer -> layer.layer().readOnly()).toList();
  }

  @Override
  public List<Long> heldLayers() {
    return layers.stream().map(layer -> layer.owner().heldLayer()).toList();
  }

  void close() {
    regions.values().forEach(RegionFile::close);
    image.close();
  }
}
