package io.vas.store;

import io.vas.core.VasException;
import io.vas.core.linux.Fd;
import java.util.Map;
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

  synchronized Fd get(final long id) {
    return held.get(id);
  }

  synchronized int count() {
    return held.size();
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
