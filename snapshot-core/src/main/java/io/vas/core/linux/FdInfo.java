package io.vas.core.linux;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.agrona.DirectBuffer;

/** Reads /proc/PID/fdinfo/N: what the kernel tells about an open file, whatever its kind. */
public final class FdInfo {
  private final Map<String, String> values = new HashMap<>();
  private final List<EpollTarget> epollTargets = new ArrayList<>();
  private final List<InotifyWatch> inotifyWatches = new ArrayList<>();
  private final List<String> locks = new ArrayList<>();

  private FdInfo() {}

  /**
   * Where the position is told.
   *
   * @param text all of the file.
   * @return the rest of that line; empty if there is none.
   */
  public static List<CountingPart> position(final DirectBuffer text) {
    final TextCursor cursor = new TextCursor("fdinfo", text);
    while (!cursor.atEnd()) {
      if (cursor.take("pos:")) {
        final int begin = cursor.position();
        cursor.skipLine();
        return List.of(new CountingPart(begin, cursor.position(), true));
      }
      cursor.skipLine();
    }
    return List.of();
  }

  /**
   * A descriptor that an epoll watches.
   *
   * @param descriptor its number when it was added; another file may have that number now.
   * @param events mask of EPOLL constants, unsigned.
   * @param data that epoll_wait returns.
   * @param inode of the watched file.
   * @param device of the watched file.
   */
  public record EpollTarget(
      int descriptor, int events, long data, long inode, DeviceNumber device) {}

  /**
   * A file that an inotify watches.
   *
   * @param watch its watch descriptor.
   * @param inode of the watched file.
   * @param device of the watched file.
   * @param mask of IN constants, unsigned.
   * @param handleType for open_by_handle_at(2), -1 if the file system has no handles.
   * @param handle for open_by_handle_at(2), in hexadecimal.
   */
  public record InotifyWatch(
      int watch, long inode, DeviceNumber device, int mask, int handleType, String handle) {
    /**
     * The bytes of the handle.
     *
     * @return the {@code f_handle} of a struct file_handle.
     */
    public byte[] handleBytes() {
      return HexFormat.of().parseHex(handle);
    }
  }

  /**
   * The state of a timerfd.
   *
   * @param clock number of its clock.
   * @param ticks expirations that were not read yet.
   * @param settimeFlags those of the last timerfd_settime(2).
   * @param valueNanos until the next expiration, 0 if it is not armed.
   * @param intervalNanos between expirations, 0 if there is only one.
   */
  public record Timer(
      int clock, long ticks, int settimeFlags, long valueNanos, long intervalNanos) {}

  /**
   * The state of an eventfd.
   *
   * @param count its counter, unsigned.
   * @param semaphore whether each read takes one only (EFD_SEMAPHORE).
   */
  public record Event(long count, boolean semaphore) {}

  /**
   * Read an fdinfo.
   *
   * @param text all of the file.
   * @return what it tells.
   * @throws io.vas.core.VasException if the text is something else.
   */
  public static FdInfo parse(final DirectBuffer text) {
    final TextCursor cursor = new TextCursor("fdinfo", text);
    final FdInfo info = new FdInfo();
    while (!cursor.atEnd()) {
      if (cursor.take("tfd:")) {
        info.epollTargets.add(epollTarget(cursor));
      } else if (cursor.take("inotify wd:")) {
        info.inotifyWatches.add(inotifyWatch(cursor));
      } else if (cursor.take("lock:")) {
        info.locks.add(cursor.restOfLine());
      } else {
        final String key = cursor.until(':');
        info.values.put(key, cursor.restOfLine());
      }
    }
    return info;
  }

  private static EpollTarget epollTarget(final TextCursor cursor) {
    final int descriptor = cursor.decimalInt();
    final int events = (int) cursor.expect("events:").hex();
    final long data = cursor.expect("data:").hex();
    cursor.expect("pos:").decimal();
    final long inode = cursor.expect("ino:").hex();
    final DeviceNumber device = device(cursor.expect("sdev:").hex());
    cursor.skipLine();
    return new EpollTarget(descriptor, events, data, inode, device);
  }

  private static InotifyWatch inotifyWatch(final TextCursor cursor) {
    final int watch = (int) cursor.hex();
    final long inode = cursor.expect("ino:").hex();
    final DeviceNumber device = device(cursor.expect("sdev:").hex());
    final int mask = (int) cursor.expect("mask:").hex();
    cursor.expect("ignored_mask:").hex();
    int handleType = -1;
    String handle = "";
    if (cursor.skipBlanks().take("fhandle-bytes:")) {
      cursor.hex();
      handleType = (int) cursor.expect("fhandle-type:").hex();
      handle = cursor.expect("f_handle:").word();
    }
    cursor.skipLine();
    return new InotifyWatch(watch, inode, device, mask, handleType, handle);
  }

  /** The kernel's own encoding, which is not that of stat(2). */
  private static DeviceNumber device(final long encoded) {
    return new DeviceNumber((int) (encoded >>> 20), (int) (encoded & 0xFFFFF));
  }

  /**
   * A line that is not among those with a method of their own.
   *
   * @param key its name, for example {@code Pid}.
   * @return what it says, if there is one.
   */
  public Optional<String> value(final String key) {
    return Optional.ofNullable(values.get(key));
  }

  /**
   * The offset of the open file.
   *
   * @return bytes from its beginning.
   */
  public long position() {
    return Long.parseLong(values.getOrDefault("pos", "0"));
  }

  /**
   * The flags of the open file, and O_CLOEXEC of the descriptor.
   *
   * @return flags of {@link OpenFlags}.
   */
  public int flags() {
    return Integer.parseInt(values.getOrDefault("flags", "0"), 8);
  }

  /**
   * The mount through which it was opened.
   *
   * @return its number in mountinfo.
   */
  public int mountId() {
    return Integer.parseInt(values.getOrDefault("mnt_id", "0"));
  }

  /**
   * The file's number (Linux 5.14).
   *
   * @return its inode.
   */
  public long inode() {
    return Long.parseUnsignedLong(values.getOrDefault("ino", "0"));
  }

  /**
   * What an epoll watches.
   *
   * @return its targets in no particular order; empty for other files.
   */
  public List<EpollTarget> epollTargets() {
    return epollTargets;
  }

  /**
   * What an inotify watches.
   *
   * @return its watches in no particular order; empty for other files.
   */
  public List<InotifyWatch> inotifyWatches() {
    return inotifyWatches;
  }

  /**
   * The locks of the file that the process or this open file holds.
   *
   * @return the lines, as in /proc/locks.
   */
  public List<String> locks() {
    return locks;
  }

  /**
   * The state of a timerfd.
   *
   * @return empty for other files.
   */
  public Optional<Timer> timer() {
    return value("clockid")
        .map(
            clock ->
                new Timer(
                    Integer.parseInt(clock),
                    Long.parseUnsignedLong(values.get("ticks")),
                    Integer.parseInt(values.get("settime flags"), 8),
                    nanos(values.get("it_value")),
                    nanos(values.get("it_interval"))));
  }

  private static long nanos(final String pair) {
    final int comma = pair.indexOf(',');
    return Long.parseLong(pair.substring(1, comma)) * 1_000_000_000L
        + Long.parseLong(pair.substring(comma + 2, pair.length() - 1));
  }

  /**
   * The signals that a signalfd reads.
   *
   * @return a mask whose bit 0 is signal 1; empty for other files.
   */
  public Optional<Long> signalMask() {
    return value("sigmask").map(mask -> Long.parseUnsignedLong(mask, 16));
  }

  /**
   * The state of an eventfd.
   *
   * @return empty for other files.
   */
  public Optional<Event> event() {
    return value("eventfd-count")
        .map(
            count ->
                new Event(
                    Long.parseUnsignedLong(count.trim(), 16),
                    values.getOrDefault("eventfd-semaphore", "0").equals("1")));
  }
}
