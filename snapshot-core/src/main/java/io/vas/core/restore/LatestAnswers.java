package io.vas.core.restore;

import io.vas.core.VasException;
import io.vas.core.checkpoint.Inspection;
import io.vas.core.keeper.MendRequest;
import io.vas.core.linux.Fd;
import io.vas.core.linux.MemFd;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What some instances were found to be the last time, and what was to be mended then, in files for
 * the keeper. There are always as many of those: the one that was not asked for the longest gives
 * way. Thread-safe.
 */
final class LatestAnswers implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(LatestAnswers.class);

  /** Of so many instances it is remembered. */
  private static final int COUNT = 8;

  /** A longer record is not remembered, bytes. */
  private static final int RECORD_MAX = 1 << 18;

  private final Map<Long, Answer> known = new LinkedHashMap<>();
  private final Deque<Fd> free = new ArrayDeque<>();
  private boolean isClosed;

  /** Of none. */
  LatestAnswers() {
    for (int i = 0; i < COUNT; i++) {
      free.push(file());
    }
  }

  private static Fd file() {
    return MemFd.create("vas-known", 0, 0);
  }

  /** Answered for what is wanted, as a table in a file. */
  private record Answer(InPlaceRollback.Wanted wanted, MendRequest request, Fd table) {}

  /**
   * What is known of an instance, and a file for what will be. Nobody else has it until it is
   * closed.
   *
   * @param instance its id.
   * @return to be closed.
   */
  Turn take(final long instance) {
    synchronized (known) {
      final Answer answer = known.remove(instance);
      if (answer != null) {
        return new Turn(instance, Optional.of(answer), Optional.of(answer.table()));
      }
      if (free.isEmpty() && !known.isEmpty()) {
        final Iterator<Answer> eldest = known.values().iterator();
        free.push(eldest.next().table());
        eldest.remove();
      }
      return new Turn(instance, Optional.empty(), Optional.ofNullable(free.poll()));
    }
  }

  private void giveBack(
      final long instance, final Optional<Answer> answer, final Optional<Fd> table) {
    synchronized (known) {
      if (isClosed) {
        table.ifPresent(Fd::close);
      } else if (answer.isPresent()) {
        // Two at a time are refused elsewhere; the later one counts.
        final Answer other = known.put(instance, answer.get());
        if (other != null) {
          free.push(other.table());
        }
      } else {
        table.ifPresent(free::push);
      }
    }
  }

  @Override
  public void close() {
    synchronized (known) {
      isClosed = true;
      final List<Fd> all = new ArrayList<>(free);
      known.values().forEach(answer -> all.add(answer.table()));
      all.forEach(Fd::close);
      free.clear();
      known.clear();
    }
  }

  /** One rollback's use of what is known. Not thread-safe. */
  final class Turn implements AutoCloseable {
    private final long instance;
    private Optional<Answer> answer;
    private Optional<Fd> table;

    private Turn(final long instance, final Optional<Answer> answer, final Optional<Fd> table) {
      this.instance = instance;
      this.answer = answer;
      this.table = table;
    }

    /**
     * What is to be mended if it is found as the last time.
     *
     * @param wanted where it is to go.
     * @return empty if it is not known.
     */
    Optional<MendRequest> request(final InPlaceRollback.Wanted wanted) {
      return answer.filter(known -> known.wanted().equals(wanted)).map(Answer::request);
    }

    /**
     * The file that {@link #request} has been written to.
     *
     * @return it is open until this is closed.
     */
    Fd table() {
      return table.orElseThrow();
    }

    /**
     * It was found otherwise.
     *
     * @param wanted where it goes.
     * @param found what it was, which has been interpreted.
     * @param request what was to be mended; it must not be changed afterwards but for what it asks
     *     for besides.
     */
    void remember(
        final InPlaceRollback.Wanted wanted, final Inspection found, final MendRequest request) {
      answer = Optional.empty();
      if (table.isEmpty()) {
        return;
      }
      try {
        found
            .known(RECORD_MAX)
            .ifPresent(
                state -> {
                  request.known(state).writeTo(table.get());
                  answer = Optional.of(new Answer(wanted, request, table.get()));
                });
      } catch (final VasException e) {
        // It has been put back. The next time all is worked out again.
        LOG.warn("what is to be mended in instance {} can't be remembered: {}", instance, e);
      }
    }

    /** The keeper may not have answered: then nobody else gets the file. */
    void forget() {
      answer = Optional.empty();
      table =
          table.map(
              file -> {
                file.close();
                return file();
              });
    }

    @Override
    public void close() {
      giveBack(instance, answer, table);
    }
  }
}
