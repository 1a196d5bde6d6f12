package io.vas.core.linux;

/** Flags of open(2) on x86-64, as fdinfo shows them (in octal) and as F_GETFL returns them. */
public final class OpenFlags {
  /** Only reading. */
  public static final int O_RDONLY = 0;

  /** Only writing. */
  public static final int O_WRONLY = 1;

  /** Reading and writing. */
  public static final int O_RDWR = 2;

  /** The bits that hold one of the three above. */
  public static final int O_ACCMODE = 3;

  /** Make the file if there is none. */
  public static final int O_CREAT = 0100;

  /** Fail if there is a file already. */
  public static final int O_EXCL = 0200;

  /** A terminal does not become the controlling one. */
  public static final int O_NOCTTY = 0400;

  /** Cut the file to length 0. */
  public static final int O_TRUNC = 01000;

  /** Every write goes to the end. */
  public static final int O_APPEND = 02000;

  /** No call blocks. */
  public static final int O_NONBLOCK = 04000;

  /** Writes wait for the data to be stored. */
  public static final int O_DSYNC = 010000;

  /** Signals tell that the descriptor is ready. */
  public static final int O_ASYNC = 020000;

  /** Past the page cache. For a pipe: packets. */
  public static final int O_DIRECT = 040000;

  /** Set by the kernel for every file. */
  public static final int O_LARGEFILE = 0100000;

  /** Only a directory. */
  public static final int O_DIRECTORY = 0200000;

  /** Not a symbolic link. */
  public static final int O_NOFOLLOW = 0400000;

  /** Reading does not set the access time. */
  public static final int O_NOATIME = 01000000;

  /** Closed by exec. A flag of the descriptor, not of the open file. */
  public static final int O_CLOEXEC = 02000000;

  /** Writes wait for data and metadata to be stored. */
  public static final int O_SYNC = 04000000 | O_DSYNC;

  /** A place in the file tree, not an open file. */
  public static final int O_PATH = 010000000;

  /** A file without a name in a directory. */
  public static final int O_TMPFILE = 020000000 | O_DIRECTORY;

  /** In place of a directory's descriptor: the current directory. */
  public static final int AT_FDCWD = -100;

  private OpenFlags() {}
}
