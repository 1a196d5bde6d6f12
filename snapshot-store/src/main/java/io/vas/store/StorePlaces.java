package io.vas.store;

import io.vas.core.VasException;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.NumaNodes;
import io.vas.core.linux.TmpfsMount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where a store keeps what: on mounts that its keeper holds or, where mounts are not allowed, in
 * memfds and in the state directory, and then no longer than the daemon lives.
 *
 * @param regions the pages.
 * @param layers instances' own files.
 * @param metadata the directory of the journal.
 * @param mounts those that all of it is on; empty if not on mounts.
 */
record StorePlaces(RegionMounts regions, Layers layers, Path metadata, Optional<StoreMounts> mounts)
    implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(StorePlaces.class);

  /**
   * Those that a former daemon has left, or new ones.
   *
   * @param stateDirectory where to put what must be in directories if mounts are not allowed.
   * @param holder who holds the mounts.
   */
  static StorePlaces open(final Path stateDirectory, final DescriptorHolder holder) {
    return open(stateDirectory, holder, NumaNodes.withMemory().spread());
  }

  /**
   * The same, with new ones on certain NUMA nodes.
   *
   * @param stateDirectory where to put what must be in directories if mounts are not allowed.
   * @param holder who holds the mounts.
   * @param policy from which nodes the regions' memory comes; empty: where it is touched.
   */
  static StorePlaces open(
      final Path stateDirectory, final DescriptorHolder holder, final Optional<String> policy) {
    final Optional<StoreMounts> found = StoreMounts.take(holder);
    if (found.isPresent()) {
      return on(found.get());
    }
    final StoreMounts made;
    try {
      made = StoreMounts.create(policy);
    } catch (final LinuxException e) {
      if (!RegionMounts.isRefusal(e.errno())) {
        throw e;
      }
      return withoutMounts(stateDirectory, "no mounts for regions: " + e.getMessage());
    }
    try {
      made.hold(holder);
      return on(made);
    } catch (final RuntimeException e) {
      made.close();
      throw e;
    }
  }

  private static StorePlaces on(final StoreMounts mounts) {
    final TmpfsMount metadata = mounts.mount(StoreMounts.Role.METADATA);
    return new StorePlaces(
        new TmpfsRegionMounts(mounts),
        Layers.on(mounts.mount(StoreMounts.Role.LAYERS)),
        Path.of("/proc/self/fd/" + metadata.readWriteMount().value()),
        Optional.of(mounts));
  }

  static StorePlaces withoutMounts(final Path stateDirectory, final String reason) {
    final Path metadata = stateDirectory.resolve("store");
    try {
      Files.createDirectories(metadata);
      Journal.delete(metadata);
      PageTables.delete(metadata);
    } catch (final IOException e) {
      throw new VasException("cannot use " + metadata + ": " + e, e);
    }
    return new StorePlaces(
        new MemFdRegionMounts(reason),
        Layers.in(stateDirectory.resolve("layers"), reason),
        metadata,
        Optional.empty());
  }

  /** Let the journal take so much. */
  void limitMetadata(final long bytes) {
    mounts.ifPresent(
        on -> {
          final TmpfsMount metadata = on.mount(StoreMounts.Role.METADATA);
          // A budget that is smaller than the last one takes away nothing that is there.
          metadata.limit(Math.max(bytes, metadata.status().usedBytes() + ByteCount.MIB));
        });
  }

  /** What the journal takes. */
  long metadataBytes() {
    return mounts.map(on -> on.mount(StoreMounts.Role.METADATA).status().usedBytes()).orElse(0L);
  }

  /** Let go of everything here. What is held by somebody else stays. */
  @Override
  public void close() {
    layers.close();
    regions.close();
    mounts.ifPresent(StoreMounts::close);
    if (mounts.isEmpty()) {
      try {
        Journal.delete(metadata);
        PageTables.delete(metadata);
        Files.deleteIfExists(metadata);
      } catch (final IOException e) {
        LOG.warn("{} is not removed: {}", metadata, e.toString());
      }
    }
  }
}
