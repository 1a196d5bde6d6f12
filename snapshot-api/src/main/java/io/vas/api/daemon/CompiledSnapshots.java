package io.vas.api.daemon;

import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.VasException;
import io.vas.core.image.Image;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.restore.ForkCompiler;
import io.vas.core.restore.ForkProgram;
import io.vas.store.Snapshot;
import io.vas.store.SnapshotStore;
import io.vas.store.SnapshotUse;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Snapshots that were compiled to programs, each once for each strategy. A program, and with it the
 * use of its snapshot, lasts until the snapshot is removed and the last fork of it has ended.
 */
final class CompiledSnapshots implements AutoCloseable {
  private final SnapshotStore store;
  private final Map<Key, Compiled> compiled = new HashMap<>();

  private record Key(String snapshot, MemoryStrategy strategy) {}

  CompiledSnapshots(final SnapshotStore store) {
    this.store = store;
  }

  /** A snapshot's program, and who needs it. */
  static final class Compiled {
    private final SnapshotUse use;
    private final ForkProgram program;
    private int holders = 1;

    private Compiled(final SnapshotUse use, final MemoryStrategy strategy) {
      this.use = use;
      this.program = ForkCompiler.compile(image(use), use, strategy);
    }

    SnapshotUse use() {
      return use;
    }

    ForkProgram program() {
      return program;
    }

    synchronized void retain() {
      holders++;
    }

    synchronized void release() {
      if (--holders == 0) {
        program.close();
        use.close();
      }
    }
  }

  /**
   * Gets a program, compiling it if need be.
   *
   * @param reference of a snapshot.
   * @param strategy preferred.
   * @return the program, to be released.
   * @throws io.vas.core.NotFoundException if there is no such snapshot.
   */
  synchronized Compiled get(final String reference, final MemoryStrategy strategy) {
    final Snapshot snapshot = store.get(reference);
    final Key key = new Key(snapshot.id(), strategy);
    Compiled found = compiled.get(key);
    if (found == null) {
      final SnapshotUse use = store.use(snapshot.id());
      try {
        found = new Compiled(use, strategy);
      } catch (final RuntimeException e) {
        use.close();
        throw Named.error("snapshot " + snapshot.label(), asVasException(e));
      }
      compiled.put(key, found);
    }
    found.retain();
    return found;
  }

  private static VasException asVasException(final RuntimeException e) {
    return e instanceof VasException known ? known : new VasException("can't be compiled: " + e, e);
  }

  /**
   * A snapshot was removed: its programs are needed by its forks only.
   *
   * @param snapshot its id.
   */
  void forget(final String snapshot) {
    final List<Compiled> forgotten = new ArrayList<>();
    synchronized (this) {
      for (final MemoryStrategy strategy : MemoryStrategy.values()) {
        final Compiled found = compiled.remove(new Key(snapshot, strategy));
        if (found != null) {
          forgotten.add(found);
        }
      }
    }
    forgotten.forEach(Compiled::release);
  }

  /**
   * Reads a snapshot's image.
   *
   * @param use that is open.
   * @return the image.
   */
  static Image image(final SnapshotUse use) {
    try {
      return Image.parseFrom(use.image());
    } catch (final InvalidProtocolBufferException e) {
      throw new VasException(
          "the image of snapshot " + use.snapshot().label() + " can't be read", e);
    }
  }

  @Override
  public synchronized void close() {
    compiled.values().forEach(Compiled::release);
    compiled.clear();
  }
}
