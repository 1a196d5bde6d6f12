package io.vas.api.cli;

import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Writes JSON: maps, collections, strings, numbers, booleans and null. A short command has no time
 * to load a library for this.
 */
public final class Json {
  private Json() {}

  /**
   * A map that keeps its order.
   *
   * @param fields names and values, in turn.
   * @return the map.
   */
  public static Map<String, Object> object(final Object... fields) {
    final Map<String, Object> object = new LinkedHashMap<>();
    for (int i = 0; i < fields.length; i += 2) {
      object.put((String) fields[i], fields[i + 1]);
    }
    return object;
  }

  /**
   * The text of a value.
   *
   * @param value of the kinds named above.
   * @return JSON, indented by two spaces; objects without nested ones take one line.
   */
  public static String text(final Object value) {
    final StringBuilder text = new StringBuilder();
    write(value, "", text);
    return text.toString();
  }

  private static void write(final Object value, final String indent, final StringBuilder text) {
    if (value instanceof Map<?, ?> map) {
      writeAll(map.entrySet(), isFlat(map.values()), '{', '}', indent, text);
    } else if (value instanceof Iterable<?> items) {
      writeAll(items, isFlat(items), '[', ']', indent, text);
    } else if (value instanceof Map.Entry<?, ?> entry) {
      writeString(entry.getKey().toString(), text);
      text.append(": ");
      write(entry.getValue(), indent, text);
    } else if (value == null || value instanceof Number || value instanceof Boolean) {
      text.append(value);
    } else {
      writeString(value.toString(), text);
    }
  }

  private static void writeAll(
      final Iterable<?> items,
      final boolean flat,
      final char open,
      final char close,
      final String indent,
      final StringBuilder text) {
    final String inner = indent + "  ";
    text.append(open);
    for (final Iterator<?> all = items.iterator(); all.hasNext(); ) {
      if (!flat) {
        text.append('\n').append(inner);
      }
      write(all.next(), inner, text);
      if (all.hasNext()) {
        text.append(flat ? ", " : ",");
      } else if (!flat) {
        text.append('\n').append(indent);
      }
    }
    text.append(close);
  }

  private static boolean isFlat(final Iterable<?> items) {
    for (final Object item : items) {
      if (item instanceof Map<?, ?> || item instanceof Iterable<?>) {
        return false;
      }
    }
    return true;
  }

  private static void writeString(final String string, final StringBuilder text) {
    text.append('"');
    for (int i = 0; i < string.length(); i++) {
      final char c = string.charAt(i);
      switch (c) {
        case '"' -> text.append("\\\"");
        case '\\' -> text.append("\\\\");
        case '\n' -> text.append("\\n");
        case '\r' -> text.append("\\r");
        case '\t' -> text.append("\\t");
        default -> {
          if (c < ' ' || c == 0x7f) {
            text.append(String.format("\\u%04x", (int) c));
          } else {
            text.append(c);
          }
        }
      }
    }
    text.append('"');
  }
}
