package io.vas.core.linux;

/**
 * The number of a device, or of the file system that a file is on.
 *
 * @param major the driver, 0 for file systems without a device.
 * @param minor the device.
 */
public record DeviceNumber(int major, int minor) {
  /**
   * The number as stat(2) and mknod(2) have it.
   *
   * @param encoded a {@code dev_t}.
   * @return its parts.
   */
  public static DeviceNumber of(final long encoded) {
    return new DeviceNumber(
        (int) (((encoded >>> 8) & 0xFFF) | ((encoded >>> 32) & ~0xFFF)),
        (int) ((encoded & 0xFF) | ((encoded >>> 12) & ~0xFF)));
  }

  /**
   * The number as stat(2) and mknod(2) take it.
   *
   * @return a {@code dev_t}.
   */
  public long encoded() {
    final long high = Integer.toUnsignedLong(major);
    final long low = Integer.toUnsignedLong(minor);
    return ((high & 0xFFF) << 8) | ((high & ~0xFFFL) << 32) | (low & 0xFF) | ((low & ~0xFFL) << 12);
  }

  @Override
  public String toString() {
    return major + ":" + minor;
  }
}
