package io.vas.api.cli;

/** One line on a terminal that says how far long work is. Silent where nobody watches. */
final class ProgressLine implements AutoCloseable {
  private static final String CLEAR_LINE = "\r\033[K";
  private static final long REDRAW_NANOS = 50_000_000;

  private final Console console;
  private long drawnNanos;
  private boolean drawn;

  ProgressLine(final Console console) {
    this.console = console;
  }

  /**
   * Says what is being done.
   *
   * @param what a few words.
   */
  synchronized void show(final String what) {
    if (console.errIsTerminal()) {
      console.err().print(CLEAR_LINE + what + " ...");
      console.err().flush();
      drawn = true;
      drawnNanos = System.nanoTime();
    }
  }

  /**
   * Says how far it is.
   *
   * @param what a few words.
   * @param done of total.
   * @param total 0 when it is not known.
   */
  synchronized void show(final String what, final long done, final long total) {
    if (total <= 0) {
      show(what);
    } else if (!drawn || System.nanoTime() - drawnNanos > REDRAW_NANOS) {
      show(what + " " + Math.min(100, 100 * done / total) + "%");
    }
  }

  /** Wipes the line. */
  @Override
  public synchronized void close() {
    if (drawn) {
      console.err().print(CLEAR_LINE);
      console.err().flush();
      drawn = false;
    }
  }
}
