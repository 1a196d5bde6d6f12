package io.vas.store;

import io.vas.core.StoreFullException;
import io.vas.core.linux.Errno;
import io.vas.core.linux.LinuxException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.LongSupplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What all pools of the store may hold together, and who will need how much of it.
 *
 * <p>The kernel limits each pool (a mount), not their sum. So the limits move: each pool may hold
 * what it holds already, and what is reserved, and a margin; while nothing is reserved, the sum of
 * the limits is never more than the budget. Which pool a reservation will be spent from is not
 * known before; meanwhile each of them may take all of it.
 */
final class Budget {
  private static final Logger LOG = LoggerFactory.getLogger(Budget.class);

  /**
   * What a snapshot may need beyond its estimate: an instance goes on allocating until it is
   * frozen, and huge pages are taken whole.
   */
  private static final long MARGIN = 64 * ByteCount.MIB;

  /** As long as so many margins are free for each pool, limits need not be exact. */
  private static final int AMPLE = 3;

  /** A pool may be filling while its limit is set. */
  private static final int LIMIT_TRIES = 4;

  private final long bytes;
  private final List<Limited> pools;
  private final List<Reservation> reservations = new ArrayList<>();

  Budget(final long bytes, final List<Pool> pools) {
    this.bytes = bytes;
    this.pools = pools.stream().map(Limited::new).toList();
    synchronized (this) {
      setLimits();
    }
  }

  /** Something that holds bytes. */
  interface Pool {
    /** What it holds. */
    long usedBytes();

    /** Let it hold that much, which is not less than what it held a moment ago. */
    void limit(long limit);
  }

  /** A claim to so many bytes, until it is closed. */
  final class Reservation implements AutoCloseable {
    private final LongSupplier spent;
    private long needed;
    private long most;

    private Reservation(final long needed, final long most, final LongSupplier spent) {
      this.needed = needed;
      this.most = Math.max(needed, most);
      this.spent = spent;
    }

    private long mostLeft() {
      return Math.max(0, most - spent.getAsLong());
    }

    private long left() {
      return Math.max(0, needed - spent.getAsLong());
    }

    /** Claim more. */
    void add(final String what, final long more) {
      synchronized (Budget.this) {
        checkFits(what, more);
        needed += more;
        most += more;
        setLimits();
      }
    }

    /**
     * What is spent is counted as used from now on, the rest is free. The limits are not set: that
     * is for when the files are closed, too, if they are.
     */
    @Override
    public void close() {
      synchronized (Budget.this) {
        reservations.remove(this);
      }
    }
  }

  /**
   * Set bytes aside.
   *
   * @param what they are for, as the subject of a message.
   * @param needed bytes.
   * @param most as many may be taken as far as they are free, but they are not set aside.
   * @param spent tells what is used of it already.
   * @return the claim, to be closed.
   * @throws StoreFullException if there are not as many.
   */
  synchronized Reservation reserve(
      final String what, final long needed, final long most, final LongSupplier spent) {
    checkFits(what, needed);
    final Reservation reservation = new Reservation(needed, most, spent);
    reservations.add(reservation);
    setLimits();
    return reservation;
  }

  /**
   * Set bytes aside that nobody needs, if nothing is set aside and there is much more.
   *
   * @param needed bytes.
   * @param spare bytes that stay free besides.
   * @return the claim, to be closed; empty if it is not the time for it.
   */
  synchronized Optional<Reservation> reserveSpare(final long needed, final long spare) {
    return reservations.isEmpty() && needed + spare <= free()
        ? Optional.of(reserve("spare memory", needed, needed, () -> 0))
        : Optional.empty();
  }

  /** How many bytes are missing for so many; 0 if they fit. */
  synchronized long missing(final long needed) {
    return Math.max(0, needed - free());
  }

  private long free() {
    return Math.max(0, bytes - usedBytes() - reservedBytes());
  }

  private void checkFits(final String what, final long needed) {
    final long free = free();
    if (needed > free) {
      throw full(what, needed, free);
    }
  }

  private StoreFullException full(final String what, final long needed, final long free) {
    return new StoreFullException(
        String.format(
            "the store is full: %s needs %s, %s of %s are free, %s are missing",
            what,
            ByteCount.of(needed),
            ByteCount.of(free),
            ByteCount.of(bytes),
            ByteCount.of(needed - free)));
  }

  /**
   * Check that no more is used than may be.
   *
   * @throws StoreFullException otherwise.
   */
  synchronized void check(final String what) {
    final long used = usedBytes();
    if (used > bytes) {
      throw new StoreFullException(
          String.format(
              "the store is full: with %s it would hold %s, its limit is %s, %s are missing",
              what, ByteCount.of(used), ByteCount.of(bytes), ByteCount.of(used - bytes)));
    }
  }

  /** Bytes that it covers. */
  long bytes() {
    return bytes;
  }

  /** Bytes that all pools hold. */
  synchronized long usedBytes() {
    return pools.stream().mapToLong(limited -> limited.pool.usedBytes()).sum();
  }

  /** Bytes that are claimed and not used yet. */
  synchronized long reservedBytes() {
    return reservations.stream().mapToLong(Reservation::left).sum();
  }

  private long mostLeft() {
    return reservations.stream().mapToLong(Reservation::mostLeft).sum();
  }

  /** Set the pools' limits to what is used now. To be called whenever something was freed. */
  synchronized void setLimits() {
    final long reserved = reservedBytes();
    final long free = Math.max(0, bytes - usedBytes() - reserved);
    // Pages that are not there can be asked for at any time (a hole that is read takes one), hence
    // some room even if nothing is reserved.
    final long extra =
        reservations.isEmpty()
            ? Math.min(free / pools.size(), MARGIN)
            : Math.min(free, mostLeft() + MARGIN);
    if (free > AMPLE * MARGIN * pools.size()
        && isAbout(Math.max(reserved, mostLeft()) + MARGIN / 2, reserved + extra)) {
      return;
    }
    for (final Limited pool : pools) {
      pool.limit(reserved + extra);
    }
  }

  /**
   * Whether each pool may hold so much more already, and not much more than that. Setting a limit
   * costs more than to store a few pages.
   */
  private boolean isAbout(final long least, final long wanted) {
    return pools.stream()
        .mapToLong(Limited::left)
        .allMatch(left -> left >= least && left <= wanted + (AMPLE - 1) * MARGIN);
  }

  /** A pool, and the limit that it has. */
  private static final class Limited {
    private final Pool pool;
    private long limit;

    Limited(final Pool pool) {
      this.pool = pool;
    }

    long left() {
      return limit - pool.usedBytes();
    }

    void limit(final long more) {
      for (int i = 0; i < LIMIT_TRIES; i++) {
        try {
          final long wanted = pool.usedBytes() + more;
          pool.limit(wanted);
          limit = wanted;
          return;
        } catch (final LinuxException e) {
          if (e.errno() != Errno.EINVAL) {
            throw e;
          }
          LOG.debug("limit not set at try {}: {}", i, e.getMessage());
        }
      }
    }
  }
}
