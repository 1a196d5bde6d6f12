package io.vas.core.linux;

import io.vas.core.VasException;
import org.agrona.DirectBuffer;

/** A place in a text of /proc, moved on by reading numbers and words. */
final class TextCursor {
  private static final int DECIMAL = 10;
  private static final int HEX = 16;

  private final String file;

  /** A copy: each byte is looked at several times, and a buffer checks its bounds each time. */
  private final byte[] bytes;

  private final int end;
  private int position;

  /**
   * The begin of a text.
   *
   * @param file what is read, for error messages.
   */
  TextCursor(final String file, final DirectBuffer buffer) {
    this.file = file;
    this.end = buffer.capacity();
    this.bytes = new byte[end];
    buffer.getBytes(0, bytes);
  }

  /** Where it is. */
  int position() {
    return position;
  }

  boolean isNext(final String text) {
    final int begin = position;
    final boolean is = take(text);
    position = begin;
    return is;
  }

  boolean atEnd() {
    return position >= end;
  }

  boolean atEndOfLine() {
    return atEnd() || bytes[position] == '\n';
  }

  /** The next character, or NUL at the end. */
  char peek() {
    return atEnd() ? 0 : (char) (bytes[position] & 0xFF);
  }

  char next() {
    final char c = peek();
    position++;
    return c;
  }

  /** Go past these characters if they come next. */
  boolean take(final String text) {
    if (end - position < text.length()) {
      return false;
    }
    for (int i = 0; i < text.length(); i++) {
      if (bytes[position + i] != text.charAt(i)) {
        return false;
      }
    }
    position += text.length();
    return true;
  }

  /** Go past these characters, which must come next, and the blanks before them. */
  TextCursor expect(final String text) {
    skipBlanks();
    if (!take(text)) {
      throw unexpected("'" + text + "'");
    }
    return this;
  }

  TextCursor skipBlanks() {
    while (!atEnd() && isBlank(bytes[position])) {
      position++;
    }
    return this;
  }

  void skipLine() {
    while (!atEndOfLine()) {
      position++;
    }
    position++;
  }

  /** A number without sign; one of more than 63 bits comes out negative. */
  long decimal() {
    skipBlanks();
    final boolean negative = take("-");
    final long value = number(DECIMAL);
    return negative ? -value : value;
  }

  int decimalInt() {
    return (int) decimal();
  }

  long hex() {
    skipBlanks();
    return number(HEX);
  }

  long octal() {
    skipBlanks();
    return number(8);
  }

  private long number(final int radix) {
    final int begin = position;
    long value = 0;
    while (!atEnd()) {
      final int digit = Character.digit(bytes[position], radix);
      if (digit < 0) {
        break;
      }
      value = value * radix + digit;
      position++;
    }
    if (position == begin) {
      throw unexpected("a number");
    }
    return value;
  }

  /** What comes before the next blank or end of line. */
  String word() {
    skipBlanks();
    final int begin = position;
    while (!atEndOfLine() && !isBlank(bytes[position])) {
      position++;
    }
    return text(begin, position);
  }

  /** What comes before a character, which is passed, or else before the end of the line. */
  String until(final char stop) {
    final int begin = position;
    while (!atEndOfLine() && bytes[position] != stop) {
      position++;
    }
    final String text = text(begin, position);
    if (peek() == stop) {
      position++;
    }
    return text;
  }

  /** The rest of the line, without the blanks at its begin; goes to the next line. */
  String restOfLine() {
    return skipBlanks().until('\n');
  }

  /** The last place of a character in the rest of the text, where reading goes on behind it. */
  String untilLast(final char stop) {
    for (int i = end - 1; i >= position; i--) {
      if (bytes[i] == stop) {
        final String text = text(position, i);
        position = i + 1;
        return text;
      }
    }
    throw unexpected("'" + stop + "'");
  }

  VasException unexpected(final String wanted) {
    int begin = Math.min(position, end);
    while (begin > 0 && bytes[begin - 1] != '\n') {
      begin--;
    }
    final int column = Math.min(position, end) - begin;
    position = begin;
    return new VasException(
        file + ": " + wanted + " expected in column " + column + " of '" + restOfLine() + "'");
  }

  private String text(final int begin, final int until) {
    return RawText.decode(bytes, begin, until - begin);
  }

  private static boolean isBlank(final byte b) {
    return b == ' ' || b == '\t';
  }

  /** Undo the escapes of seq_file: a backslash and three octal digits for the characters given. */
  static String unescape(final String text, final String escaped) {
    if (text.indexOf('\\') < 0) {
      return text;
    }
    final StringBuilder plain = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); i++) {
      final char c = text.charAt(i);
      if (c == '\\' && i + 3 < text.length() && text.substring(i + 1, i + 4).matches("[0-7]{3}")) {
        final char meant = (char) Integer.parseInt(text.substring(i + 1, i + 4), 8);
        if (escaped.indexOf(meant) >= 0) {
          plain.append(meant);
          i += 3;
          continue;
        }
      }
      plain.append(c);
    }
    return plain.toString();
  }
}
