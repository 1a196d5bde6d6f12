package io.vas.core.linux;

import java.util.ArrayList;
import java.util.List;
import org.agrona.DirectBuffer;

/**
 * A mount, as a line of /proc/PID/mountinfo tells it.
 *
 * @param id its number, the {@code mnt_id} of fdinfo and statx.
 * @param parent the mount it is mounted on.
 * @param device its file system.
 * @param root the directory of the file system that is its root.
 * @param mountPoint where it is mounted, seen from the process's root.
 * @param options of the mount, separated by commas.
 * @param propagation for example {@code shared:1}, separated by blanks; empty if it is private.
 * @param type of the file system.
 * @param source what the file system is made of, as the one who mounted it called it.
 * @param superOptions of the file system, separated by commas.
 */
public record MountInfo(
    int id,
    int parent,
    DeviceNumber device,
    String root,
    String mountPoint,
    String options,
    String propagation,
    String type,
    String source,
    String superOptions) {
  private static final String ESCAPED = " \t\n\\#";

  /**
   * Read /proc/PID/mountinfo.
   *
   * @param text all of the file.
   * @return the mounts; those that cover others come after them.
   * @throws io.vas.core.VasException if the text is something else.
   */
  public static List<MountInfo> parse(final DirectBuffer text) {
    final TextCursor cursor = new TextCursor("mountinfo", text);
    final List<MountInfo> mounts = new ArrayList<>();
    while (!cursor.atEnd()) {
      final int id = cursor.decimalInt();
      final int parent = cursor.decimalInt();
      final int major = cursor.decimalInt();
      final int minor = cursor.expect(":").decimalInt();
      final String root = path(cursor);
      final String mountPoint = path(cursor);
      final String options = cursor.word();
      final StringBuilder propagation = new StringBuilder();
      for (String word = cursor.word(); !word.equals("-"); word = cursor.word()) {
        if (word.isEmpty()) {
          throw cursor.unexpected("'-'");
        }
        propagation.append(propagation.length() == 0 ? "" : " ").append(word);
      }
      final String type = cursor.word();
      final String source = path(cursor);
      mounts.add(
          new MountInfo(
              id,
              parent,
              new DeviceNumber(major, minor),
              root,
              mountPoint,
              options,
              propagation.toString(),
              type,
              source,
              TextCursor.unescape(cursor.restOfLine(), ESCAPED)));
    }
    return mounts;
  }

  private static String path(final TextCursor cursor) {
    return TextCursor.unescape(cursor.word(), ESCAPED);
  }
}
