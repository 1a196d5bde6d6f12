package io.vas.store;

import io.vas.core.VasException;
import io.vas.core.linux.Fd;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** Holds descriptors as the keeper does, in this process. */
final class HeldDescriptors implements DescriptorHolder, AutoCloseable {
  private final Map<Long, Fd> held = new TreeMap<>();
  private int failAfter = Integer.MAX_VALUE;

  @Override
  public synchronized void hold(final long id, final Fd descriptor) {
    if (failAfter == 0) {
      throw new VasException("the keeper is gone");
    }
    failAfter--;
    if (held.containsKey(id)) {
      throw new VasException("something is held under " + id);
    }
    held.put(id, descriptor.dup());
  }

  @Override
  public synchronized void drop(final long id) {
    final Fd fd = held.remove(id);
    if (fd == null) {
      throw new VasException("nothing is held under " + id);
    }
    fd.close();
  }

  @Override
  public synchronized Optional<Fd> take(final long id) {
    return Optional.ofNullable(held.get(id)).map(Fd::dup);
  }

  @Override
  public synchronized void dropAll(final long id) {
    held.entrySet()
        .removeIf(
            entry -> {
              final boolean isLike = entry.getKey() >>> 56 == id >>> 56;
              if (isLike) {
                entry.getValue().close();
              }
              return isLike;
            });
  }

  synchronized Set<Long> all() {
    return Set.copyOf(held.keySet());
  }

  synchronized Fd get(final long id) {
    return held.get(id);
  }

  /** Those that forks are given; the mounts are held as long as the store is open. */
  synchronized int count() {
    return (int) held.keySet().stream().filter(id -> id >>> 56 != 'M').count();
  }

  /** Fail each hold after so many more. */
  synchronized void failAfter(final int holds) {
    failAfter = holds;
  }

  @Override
  public synchronized void close() {
    held.values().forEach(Fd::close);
    held.clear();
  }
}
