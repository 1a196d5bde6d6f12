package io.vas.store;

import io.vas.core.VasException;
import io.vas.core.linux.Fd;
import java.util.HashMap;
import java.util.Map;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** Has the holder hold what several users need, as long as one of them does. */
final class HeldDescriptorCounts {
  private static final Logger LOG = LoggerFactory.getLogger(HeldDescriptorCounts.class);

  private final DescriptorHolder holder;
  private final Map<Long, Integer> counts = new HashMap<>();

  HeldDescriptorCounts(final DescriptorHolder holder) {
    this.holder = holder;
  }

  /** One more user. */
  synchronized void retain(final long id, final Fd descriptor) {
    if (!counts.containsKey(id)) {
      holder.hold(id, descriptor);
    }
    counts.merge(id, 1, Integer::sum);
  }

  /** One less. */
  synchronized void release(final long id) {
    if (counts.merge(id, -1, Integer::sum) > 0) {
      return;
    }
    counts.remove(id);
    try {
      holder.drop(id);
    } catch (final VasException e) {
      // A keeper that is gone has closed all it held.
      LOG.warn("descriptor {} is not dropped: {}", Long.toHexString(id), e.getMessage());
    }
  }
}
