package io.vas.api.cli;

import java.io.PrintStream;
import java.util.ArrayList;
import java.util.List;

/**
 * Columns for a terminal, as wide as what is in them. A header that begins with ">" aligns right.
 */
public final class Table {
  private static final String GAP = "  ";

  private final List<String[]> rows = new ArrayList<>();
  private final boolean[] right;

  /**
   * An empty table.
   *
   * @param headers of the columns.
   */
  public Table(final String... headers) {
    right = new boolean[headers.length];
    final String[] names = new String[headers.length];
    for (int i = 0; i < headers.length; i++) {
      right[i] = headers[i].startsWith(">");
      names[i] = right[i] ? headers[i].substring(1) : headers[i];
    }
    rows.add(names);
  }

  /**
   * Adds a row.
   *
   * @param cells as many as there are columns.
   * @return this.
   */
  public Table add(final Object... cells) {
    final String[] row = new String[right.length];
    for (int i = 0; i < row.length; i++) {
      row[i] = String.valueOf(cells[i]);
    }
    rows.add(row);
    return this;
  }

  /**
   * Prints it.
   *
   * @param out takes the lines.
   */
  public void print(final PrintStream out) {
    final int[] widths = new int[right.length];
    for (final String[] row : rows) {
      for (int i = 0; i < row.length; i++) {
        widths[i] = Math.max(widths[i], row[i].length());
      }
    }
    for (final String[] row : rows) {
      final StringBuilder line = new StringBuilder();
      for (int i = 0; i < row.length; i++) {
        final String padding = " ".repeat(widths[i] - row[i].length());
        line.append(i == 0 ? "" : GAP)
            .append(right[i] ? padding : "")
            .append(row[i])
            .append(right[i] ? "" : padding);
      }
      out.println(line.toString().stripTrailing());
    }
  }
}
