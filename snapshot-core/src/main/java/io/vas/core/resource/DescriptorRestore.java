package io.vas.core.resource;

import io.vas.core.image.FileImage;
import io.vas.core.program.Value;
import java.util.List;

/**
 * Where the steps that restore an open file description go.
 *
 * <p>Each file has a number of its own out of the way of those that the process knows, fixed in the
 * program: {@link #descriptor(int)}. When all files are there, the frame-work duplicates each to
 * the numbers of the process, asks for {@link DescriptorResource#complete}, and closes the former.
 */
public interface DescriptorRestore extends Restore {
  /**
   * The file that is restored.
   *
   * @return its image.
   */
  FileImage file();

  /**
   * The numbers that the process knows the file by.
   *
   * @return one or more.
   */
  List<Integer> numbers();

  /**
   * The number where the file is to be left.
   *
   * @return a number that is fixed, so that {@code /proc/self/fd/NUMBER} can be opened.
   */
  default int descriptor() {
    return descriptor(file().getId());
  }

  /**
   * The number where another file is to be left.
   *
   * @param file the other file's id.
   * @return a number that is fixed.
   */
  int descriptor(int file);

  /**
   * Move a new file to where it is to be left, and close the number it was made at.
   *
   * @param opened the number that the kernel gave it.
   */
  default void place(final Value opened) {
    place(file().getId(), opened);
  }

  /**
   * Move a new file to where it is to be left, and close the number it was made at.
   *
   * @param file the file's id.
   * @param opened the number that the kernel gave it.
   */
  void place(int file, Value opened);

  /**
   * Say that another file has been made along with this one; it will not be asked for.
   *
   * @param file the other file's id.
   */
  void claim(int file);

  /**
   * Whether a file has been made already.
   *
   * @param file the file's id.
   * @return whether it is at {@link #descriptor(int)}.
   */
  boolean isMade(int file);
}
