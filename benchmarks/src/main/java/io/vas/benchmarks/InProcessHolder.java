package io.vas.benchmarks;

import io.vas.core.linux.Fd;
import io.vas.store.DescriptorHolder;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** Holds descriptors as the keeper does, in this process. */
final class InProcessHolder implements DescriptorHolder {
  private static final int TYPE_SHIFT = 56;

  private final Map<Long, Fd> held = new HashMap<>();

  @Override
  public void hold(final long id, final Fd descriptor) {
    held.put(id, descriptor.dup());
  }

  @Override
  public void drop(final long id) {
    held.remove(id).close();
  }

  @Override
  public Optional<Fd> take(final long id) {
    return Optional.ofNullable(held.get(id)).map(Fd::dup);
  }

  @Override
  public void dropAll(final long id) {
    for (final long other : held.keySet().stream().filter(o -> isLike(o, id)).toList()) {
      drop(other);
    }
  }

  private static boolean isLike(final long one, final long other) {
    return one >>> TYPE_SHIFT == other >>> TYPE_SHIFT;
  }
}
