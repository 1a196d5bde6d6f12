package io.vas.api.cli;

import io.vas.api.wire.OwnUser;
import java.util.Arrays;
import java.util.List;

/**
 * The column of a list that says whom things belong to, after the name. It is there only if it says
 * something: if not all belong to who asks.
 */
final class OwnerColumn {
  private static final int PLACE = 2;

  private final boolean shown;

  private OwnerColumn(final boolean shown) {
    this.shown = shown;
  }

  /**
   * The column of a list.
   *
   * @param owners uids of those whom the rows belong to.
   * @return the column, which may be absent.
   */
  static OwnerColumn of(final List<Integer> owners) {
    // Who sees others' is root.
    return new OwnerColumn(owners.stream().anyMatch(uid -> uid != 0) && OwnUser.isRoot());
  }

  /** The headers with its own among them. */
  String[] headers(final String... others) {
    return Arrays.copyOf(with("OWNER", others), others.length + (shown ? 1 : 0), String[].class);
  }

  /** The cells of a row with its own among them. */
  Object[] cells(final String owner, final Object... others) {
    return with(owner, others);
  }

  private Object[] with(final Object own, final Object[] others) {
    if (!shown) {
      return others;
    }
    final Object[] all = new Object[others.length + 1];
    System.arraycopy(others, 0, all, 0, PLACE);
    all[PLACE] = own;
    System.arraycopy(others, PLACE, all, PLACE + 1, others.length - PLACE);
    return all;
  }
}
