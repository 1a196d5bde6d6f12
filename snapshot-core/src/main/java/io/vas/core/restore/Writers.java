package io.vas.core.restore;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Instances that have changed files, as far as that was noticed. What was changed and is changed
 * back stays in their own layer, which never is a snapshot's again: what is seen is compared at
 * once. Of one that is forgotten it is noticed again. Thread-safe.
 */
final class Writers {
  private static final int MOST = 256;

  private final Map<Long, Boolean> instances =
      new LinkedHashMap<>() {
        private static final long serialVersionUID = 1;

        @Override
        protected boolean removeEldestEntry(final Map.Entry<Long, Boolean> eldest) {
          return size() > MOST;
        }
      };

  synchronized boolean contains(final long instance) {
    return instances.containsKey(instance);
  }

  synchronized void add(final long instance) {
    instances.put(instance, true);
  }
}
