package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import io.vas.core.InvalidRequestException;
import java.util.Locale;

/**
 * The 64 signals of Linux on x86-64 and their names. Real-time signals are numbered as the C
 * library does: SIGRTMIN is 34, because it keeps 32 and 33 for itself.
 */
public final class Signals {
  /** How many there are; they are numbered from 1. */
  public static final int COUNT = 64;

  /** The terminal or the controlling process is gone. */
  public static final int SIGHUP = 1;

  /** Interrupt from the keyboard. */
  public static final int SIGINT = 2;

  /** Can be neither caught nor ignored: the process ends. */
  public static final int SIGKILL = 9;

  /** Please end. */
  public static final int SIGTERM = 15;

  /** A child has changed its state. */
  public static final int SIGCHLD = 17;

  /** Go on. */
  public static final int SIGCONT = 18;

  /** Can be neither caught nor ignored: the process stops. */
  public static final int SIGSTOP = 19;

  /** The first of those that programs may use, as the C library numbers them. */
  public static final int SIGRTMIN = 34;

  /** The last one. */
  public static final int SIGRTMAX = COUNT;

  private static final String[] STANDARD = {
    "", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU",
    "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS"
  };

  private Signals() {}

  /**
   * The name of a signal.
   *
   * @param number 1 to {@link #COUNT}.
   * @return for example {@code SIGTERM} or {@code SIGRTMIN+3}.
   * @throws IllegalArgumentException if there is no such signal.
   */
  public static String name(final int number) {
    if (number < 1 || number > COUNT) {
      throw new IllegalArgumentException("signals are numbered 1 to 64: " + number);
    }
    if (number < STANDARD.length) {
      return "SIG" + STANDARD[number];
    }
    if (number < SIGRTMIN) {
      return "SIG" + number;
    }
    if (number == SIGRTMAX) {
      return "SIGRTMAX";
    }
    return number == SIGRTMIN ? "SIGRTMIN" : "SIGRTMIN+" + (number - SIGRTMIN);
  }

  /**
   * The signal that a user means.
   *
   * @param text a number, or a name with or without SIG, in any case: {@code 15}, {@code TERM},
   *     {@code sigterm}, {@code RTMIN+3}, {@code RTMAX-1}.
   * @return 1 to {@link #COUNT}.
   * @throws InvalidRequestException if there is no such signal.
   */
  public static int parse(final String text) {
    final String upper = text.trim().toUpperCase(Locale.ROOT);
    final String name = upper.startsWith("SIG") ? upper.substring(3) : upper;
    for (int number = 1; number < STANDARD.length; number++) {
      if (STANDARD[number].equals(name)) {
        return number;
      }
    }
    final int number =
        switch (name) {
          case "IOT" -> 6;
          case "CLD" -> SIGCHLD;
          case "POLL" -> 29;
          default -> {
            if (name.startsWith("RTMIN")) {
              yield SIGRTMIN + offset(name, '+');
            }
            yield name.startsWith("RTMAX") ? SIGRTMAX - offset(name, '-') : digits(name);
          }
        };
    if (number < 1 || number > COUNT || (name.startsWith("RT") && number < SIGRTMIN)) {
      throw new InvalidRequestException("there is no signal " + text);
    }
    return number;
  }

  /** The number after RTMIN+ or RTMAX-, far out of range if it is none. */
  private static int offset(final String name, final char sign) {
    final int end = "RTMIN".length();
    if (name.length() == end) {
      return 0;
    }
    final int number = name.charAt(end) == sign ? digits(name.substring(end + 1)) : -1;
    return number < 0 ? 2 * COUNT : number;
  }

  private static int digits(final String text) {
    return text.matches("[0-9]{1,2}") ? Integer.parseInt(text) : -1;
  }

  /**
   * Send a signal. Where the process may have ended meanwhile, and its number be another's, use a
   * {@link Pidfd}.
   *
   * @param pid process, as this process's pid namespace numbers it.
   * @param signal 1 to {@link #COUNT}, or 0 to learn whether there is such a process.
   * @throws LinuxException ESRCH if there is no such process, EPERM if it may not be signalled.
   */
  public static void send(final int pid, final int signal) {
    if (LIBC.kill(pid, signal) < 0) {
      throw Kernel.failure("kill", "pid", pid, "signal", signal);
    }
  }
}
