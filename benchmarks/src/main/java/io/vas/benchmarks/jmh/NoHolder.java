package io.vas.benchmarks.jmh;

import io.vas.core.linux.Fd;
import io.vas.store.DescriptorHolder;
import java.util.Optional;

/** No instance is started, so nobody needs the descriptors. */
final class NoHolder implements DescriptorHolder {
  @Override
  public void hold(final long number, final Fd descriptor) {}

  @Override
  public void drop(final long number) {}

  @Override
  public Optional<Fd> take(final long number) {
    return Optional.empty();
  }

  @Override
  public void dropAll(final long number) {}
}
