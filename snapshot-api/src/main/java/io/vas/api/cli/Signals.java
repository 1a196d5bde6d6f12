package io.vas.api.cli;

import io.vas.api.daemon.RequestRules;
import java.util.List;
import java.util.Locale;

/** The signals' names, as kill(1) lists them. */
final class Signals {
  /** Of x86-64 and arm64; the first is signal 1. */
  private static final List<String> NAMES =
      List.of(
          "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
          "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
          "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS");

  private Signals() {}

  /**
   * The number of a signal.
   *
   * @param name "TERM", "SIGTERM", "term" or "15".
   * @return its number, 0 if there is none.
   */
  static int number(final String name) {
    final String upper = name.toUpperCase(Locale.ROOT);
    final int index = NAMES.indexOf(upper.startsWith("SIG") ? upper.substring(3) : upper);
    if (index >= 0) {
      return index + 1;
    }
    try {
      final int number = Integer.parseInt(name);
      return number >= 1 && number <= RequestRules.SIGNAL_MAX ? number : 0;
    } catch (final NumberFormatException e) {
      return 0;
    }
  }
}
