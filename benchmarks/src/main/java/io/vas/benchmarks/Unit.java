package io.vas.benchmarks;

import java.util.Locale;

/** What a figure counts, and how it is shown. */
enum Unit {
  /** Samples are nanoseconds, figures microseconds. */
  MICROSECONDS("us", 1000) {
    @Override
    String text(final double value) {
      if (value < 1000) {
        return threeDigits(value) + " us";
      }
      return value < 1e6 ? threeDigits(value / 1e3) + " ms" : threeDigits(value / 1e6) + " s";
    }
  },

  /** Bytes. */
  BYTES("bytes", 1) {
    @Override
    String text(final double value) {
      if (value < MIB) {
        return threeDigits(value / KIB) + " KiB";
      }
      return threeDigits(value / MIB) + " MiB";
    }
  },

  /** So many in a second. */
  RATE("per second", 1) {
    @Override
    String text(final double value) {
      return threeDigits(value) + "/s";
    }
  },

  /** Hundredths of something. */
  PERCENT("%", 1) {
    @Override
    String text(final double value) {
      return String.format(Locale.ROOT, "%.2f %%", value);
    }
  },

  /** How many times one figure is another. */
  RATIO("x", 1) {
    @Override
    String text(final double value) {
      return String.format(Locale.ROOT, "%.2fx", value);
    }
  };

  private static final double KIB = 1 << 10;
  private static final double MIB = 1 << 20;

  private final String symbol;
  private final double samplesPerUnit;

  Unit(final String symbol, final double samplesPerUnit) {
    this.symbol = symbol;
    this.samplesPerUnit = samplesPerUnit;
  }

  /** Its name in JSON. */
  String symbol() {
    return symbol;
  }

  /** What a sample is in this unit. */
  double ofSample(final long sample) {
    return sample / samplesPerUnit;
  }

  /**
   * A figure for people.
   *
   * @param value in this unit.
   */
  abstract String text(double value);

  private static String threeDigits(final double value) {
    final String format = value < 10 ? "%.2f" : value < 100 ? "%.1f" : "%.0f";
    return String.format(Locale.ROOT, format, value);
  }
}
