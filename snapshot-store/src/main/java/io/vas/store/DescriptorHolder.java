package io.vas.store;

import io.vas.core.NotFoundException;
import io.vas.core.keeper.Keeper;
import io.vas.core.linux.Fd;
import java.util.Optional;

/**
 * Who keeps descriptors open under numbers of ours: the keeper, which hands them to the instances
 * it starts.
 */
public interface DescriptorHolder {
  /**
   * Keep a copy of a descriptor.
   *
   * @param id the number it will be known by; nothing is held under it yet.
   * @param descriptor stays the caller's.
   * @throws io.vas.core.VasException if it can not be kept.
   */
  void hold(long id, Fd descriptor);

  /**
   * Close a copy.
   *
   * @param id the number it was held under.
   * @throws io.vas.core.VasException if nothing is.
   */
  void drop(long id);

  /**
   * Get a copy of what is kept.
   *
   * @param id the number it is held under.
   * @return a descriptor of the caller's own; empty if nothing is held.
   */
  Optional<Fd> take(long id);

  /**
   * Close all copies of a kind, whoever let them be kept.
   *
   * @param id whose highest byte is that of the numbers in question.
   */
  void dropAll(long id);

  /**
   * A keeper as the holder.
   *
   * @param keeper stays the caller's.
   * @return the holder.
   */
  static DescriptorHolder of(final Keeper keeper) {
    return new DescriptorHolder() {
      @Override
      public void hold(final long id, final Fd descriptor) {
        keeper.hold(id, descriptor);
      }

      @Override
      public void drop(final long id) {
        keeper.drop(id);
      }

      @Override
      public Optional<Fd> take(final long id) {
        try {
          return Optional.of(keeper.take(id));
        } catch (final NotFoundException e) {
          return Optional.empty();
        }
      }

      @Override
      public void dropAll(final long id) {
        keeper.dropAll(id);
      }
    };
  }
}
