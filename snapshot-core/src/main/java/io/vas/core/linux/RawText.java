package io.vas.core.linux;

import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharsetDecoder;
import java.nio.charset.CoderResult;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * Names as the kernel has them: bytes, mostly UTF-8. Bytes that are not UTF-8 become the lone
 * surrogates U+DC80 to U+DCFF and come back from those unchanged (as in Python's surrogateescape),
 * so that no name is lost on its way through a string.
 */
public final class RawText {
  private static final char ESCAPE = 0xDC00;

  private RawText() {}

  /**
   * Bytes to text.
   *
   * @param bytes any bytes.
   * @return a text that {@link #encode(String)} turns into the same bytes.
   */
  public static String decode(final byte[] bytes) {
    return decode(bytes, 0, bytes.length);
  }

  /**
   * Part of an array of bytes to text.
   *
   * @param bytes any bytes.
   * @param offset where the text begins.
   * @param length bytes of the text.
   * @return a text that {@link #encode(String)} turns into the same bytes.
   */
  public static String decode(final byte[] bytes, final int offset, final int length) {
    boolean ascii = true;
    for (int i = offset; ascii && i < offset + length; i++) {
      ascii = bytes[i] >= 0;
    }
    if (ascii) {
      return new String(bytes, offset, length, StandardCharsets.ISO_8859_1);
    }
    final CharsetDecoder decoder =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    final ByteBuffer in = ByteBuffer.wrap(bytes, offset, length);
    final CharBuffer out = CharBuffer.allocate(length);
    for (CoderResult result = decoder.decode(in, out, true);
        result.isError();
        result = decoder.decode(in, out, true)) {
      for (int i = 0; i < result.length(); i++) {
        out.put((char) (ESCAPE | (in.get() & 0xFF)));
      }
    }
    return out.flip().toString();
  }

  /**
   * Text to bytes.
   *
   * @param text any text.
   * @return its bytes, without a NUL at the end.
   */
  public static byte[] encode(final String text) {
    final byte[] bytes = new byte[text.length() * 3];
    int length = 0;
    for (int i = 0; i < text.length(); ) {
      final int codePoint = text.codePointAt(i);
      if (codePoint < 0x80) {
        bytes[length++] = (byte) codePoint;
      } else if (codePoint >= (ESCAPE | 0x80) && codePoint <= (ESCAPE | 0xFF)) {
        bytes[length++] = (byte) codePoint;
      } else {
        final byte[] encoded = Character.toString(codePoint).getBytes(StandardCharsets.UTF_8);
        System.arraycopy(encoded, 0, bytes, length, encoded.length);
        length += encoded.length;
      }
      i += Character.charCount(codePoint);
    }
    return Arrays.copyOf(bytes, length);
  }

  /**
   * A name for a call.
   *
   * @param text a path or name without NUL.
   * @return its bytes and a NUL.
   * @throws IllegalArgumentException if the text has a NUL in it, which would cut it short.
   */
  static byte[] path(final String text) {
    if (text.indexOf('\0') >= 0) {
      throw new IllegalArgumentException("a name with a NUL in it: " + text.replace("\0", "\\0"));
    }
    final byte[] bytes = encode(text);
    return Arrays.copyOf(bytes, bytes.length + 1);
  }
}
