package io.vas.store;

import java.util.Locale;

/** Numbers of bytes in messages. */
final class ByteCount {
  static final long KIB = 1L << 10;
  static final long MIB = 1L << 20;
  static final long GIB = 1L << 30;

  private ByteCount() {}

  /** For example {@code 1.5 GiB}; exact below 1 KiB. */
  static String of(final long bytes) {
    if (bytes < KIB) {
      return bytes + " bytes";
    }
    if (bytes < MIB) {
      return scaled(bytes, KIB, "KiB");
    }
    return bytes < GIB ? scaled(bytes, MIB, "MiB") : scaled(bytes, GIB, "GiB");
  }

  private static String scaled(final long bytes, final long unit, final String name) {
    return String.format(Locale.ROOT, "%.1f %s", (double) bytes / unit, name);
  }
}
