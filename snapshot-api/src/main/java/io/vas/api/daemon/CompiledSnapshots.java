package io.vas.api.daemon;

import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.ConflictException;
import io.vas.core.VasException;
import io.vas.core.image.Image;
import io.vas.core.memory.MemoryStrategy;
import io.vas.core.restore.ForkCompiler;
import io.vas.core.restore.ForkProgram;
import io.vas.store.Snapshot;
import io.vas.store.SnapshotStore;
import io.vas.store.SnapshotUse;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Snapshots that were compiled to programs. A program, and with it the use of its snapshot, lasts
 * as long as a fork of it, and otherwise until the snapshot is removed or others that were asked
 * for later need the room.
 */
final class CompiledSnapshots implements AutoCloseable {
  /**
   * Steps of all programs together, about 300 bytes each. A simple program has some hundreds of
   * them; one whose pages are scattered over many snapshots' files has one for each run of pages.
   */
  private static final long STEPS_MAX = 200_000;

  private final SnapshotStore store;

  /** The one that was asked for last comes last. */
  private final Map<Key, Compiled> compiled = new LinkedHashMap<>(16, 0.75f, true);

  private long steps;
  private boolean closed;

  private record Key(String snapshot, MemoryStrategy strategy) {}

  CompiledSnapshots(final SnapshotStore store) {
    this.store = store;
  }

  /** A snapshot's program, and who needs it. */
  static final class Compiled {
    private final SnapshotUse use;
    private final ForkProgram program;
    private int holders = 1;
    private int forks;

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

    synchronized boolean isNeeded() {
      return holders > 1;
    }

    int steps() {
      return program.program().stepCount();
    }

    /** How many forks were asked for by now. */
    synchronized int countForks(final int more) {
      forks += more;
      return forks;
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
    if (closed) {
      throw new ConflictException("the daemon is ending");
    }
    final Snapshot snapshot = store.get(reference);
    final Key key = new Key(snapshot.id(), strategy);
    Compiled found = compiled.get(key);
    if (found != null && !found.use().isCurrent()) {
      // Its pages were laid out anew, and the one who tells of that has not come to it yet.
      compiled.remove(key);
      steps -= found.steps();
      found.release();
      found = null;
    }
    if (found == null) {
      final SnapshotUse use = store.use(snapshot.id());
      try {
        use.checkIntact();
        found = new Compiled(use, strategy);
      } catch (final RuntimeException e) {
        use.close();
        throw Named.error("snapshot " + snapshot.label(), asVasException(e));
      }
      compiled.put(key, found);
      steps += found.steps();
      found.retain();
      makeRoom();
    } else {
      checkIntact(found.use());
      found.retain();
    }
    return found;
  }

  private static void checkIntact(final SnapshotUse use) {
    try {
      use.checkIntact();
    } catch (final VasException e) {
      throw Named.error("snapshot " + use.snapshot().label(), e);
    }
  }

  private void makeRoom() {
    final Iterator<Compiled> oldest = compiled.values().iterator();
    while (steps > STEPS_MAX && oldest.hasNext()) {
      final Compiled candidate = oldest.next();
      if (!candidate.isNeeded()) {
        oldest.remove();
        steps -= candidate.steps();
        candidate.release();
      }
    }
  }

  private static VasException asVasException(final RuntimeException e) {
    return e instanceof VasException known ? known : new VasException("can't be compiled: " + e, e);
  }

  /**
   * Forget a snapshot's programs if there are no forks of it.
   *
   * @param snapshot its id.
   * @return whether there are none.
   */
  boolean letGo(final String snapshot) {
    synchronized (this) {
      for (final MemoryStrategy strategy : MemoryStrategy.values()) {
        final Compiled found = compiled.get(new Key(snapshot, strategy));
        if (found != null && found.isNeeded()) {
          return false;
        }
      }
    }
    forget(snapshot);
    return true;
  }

  /**
   * A snapshot was removed, or its pages lie elsewhere: its programs are needed by its forks only.
   *
   * @param snapshot its id.
   */
  void forget(final String snapshot) {
    final List<Compiled> forgotten = new ArrayList<>();
    synchronized (this) {
      for (final MemoryStrategy strategy : MemoryStrategy.values()) {
        final Compiled found = compiled.remove(new Key(snapshot, strategy));
        if (found != null) {
          steps -= found.steps();
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
    closed = true;
    compiled.values().forEach(Compiled::release);
    compiled.clear();
  }
}
