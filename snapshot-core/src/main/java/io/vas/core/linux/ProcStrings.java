package io.vas.core.linux;

import java.util.ArrayList;
import java.util.List;
import org.agrona.DirectBuffer;

/** Reads /proc/PID/cmdline and /proc/PID/environ: texts that each end with a NUL. */
public final class ProcStrings {
  private ProcStrings() {}

  /**
   * Take the texts apart.
   *
   * @param bytes all of the file.
   * @return the texts; the last one also if its NUL is missing.
   */
  public static List<String> parse(final DirectBuffer bytes) {
    final byte[] all = new byte[bytes.capacity()];
    bytes.getBytes(0, all);
    final List<String> strings = new ArrayList<>();
    int begin = 0;
    for (int i = 0; i < all.length; i++) {
      if (all[i] == 0) {
        strings.add(RawText.decode(all, begin, i - begin));
        begin = i + 1;
      }
    }
    if (begin < all.length) {
      strings.add(RawText.decode(all, begin, all.length - begin));
    }
    return strings;
  }
}
