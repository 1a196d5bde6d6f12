package io.vas.core.memory;

/** What a snapshot's pages are numbered by: each address space and each object has its own. */
public final class PageSpace {
  /** Behind the last address of every space. */
  public static final long END = 1L << 48;

  private static final int OBJECT = 1 << 30;

  private PageSpace() {}

  /**
   * The address space of a process.
   *
   * @param pid as the instance sees it.
   * @return its space.
   */
  public static int ofProcess(final int pid) {
    return pid;
  }

  /**
   * The contents of a file that lives with the instance.
   *
   * @param id ObjectImage.id
   * @return its space, where addresses are offsets in the file.
   */
  public static int ofObject(final int id) {
    return OBJECT | id;
  }

  /**
   * What a space is, in words.
   *
   * @param space which.
   * @return for example {@code process 1}.
   */
  public static String describe(final int space) {
    return (space & OBJECT) == 0 ? "process " + space : "file " + (space & ~OBJECT);
  }
}
