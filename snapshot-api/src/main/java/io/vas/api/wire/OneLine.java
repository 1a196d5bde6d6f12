package io.vas.api.wire;

/**
 * Messages repeat what somebody typed. However that looked, a message is one line, of a length that
 * fits on a terminal and in the trailer that it travels in.
 */
public final class OneLine {
  /**
   * The most characters of a message. gRPC allows 8 KiB for all trailers, and a character may take
   * 9 bytes of them.
   */
  public static final int LENGTH_MAX = 500;

  private static final int END_LENGTH = 200;
  private static final String GAP = "...";

  private OneLine() {}

  /**
   * A text as one line.
   *
   * @param text any text.
   * @return the text with line breaks and control characters escaped as in Java, and without its
   *     middle if it is longer than {@value #LENGTH_MAX} characters: what is wrong is said at one
   *     of its ends.
   */
  public static String of(final String text) {
    final String line = escaped(text);
    return line.length() <= LENGTH_MAX
        ? line
        : line.substring(0, LENGTH_MAX - END_LENGTH - GAP.length())
            + GAP
            + line.substring(line.length() - END_LENGTH);
  }

  private static String escaped(final String text) {
    final StringBuilder line = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); i++) {
      final char c = text.charAt(i);
      switch (c) {
        case '\n' -> line.append("\\n");
        case '\r' -> line.append("\\r");
        case '\t' -> line.append("\\t");
        default -> {
          if (isShown(c)) {
            line.append(c);
          } else {
            line.append(String.format("\\u%04x", (int) c));
          }
        }
      }
    }
    return line.toString();
  }

  private static boolean isShown(final char c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }
}
