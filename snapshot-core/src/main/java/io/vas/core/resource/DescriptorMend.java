package io.vas.core.resource;

import io.vas.core.image.Image;
import io.vas.core.program.ProgramBuilder;

/**
 * Where the steps go that make an open file of a process, which goes on, what it was in a snapshot.
 */
public interface DescriptorMend {
  /**
   * The program that runs in the process.
   *
   * @return steps are added to it.
   */
  ProgramBuilder program();

  /**
   * The snapshot.
   *
   * @return its image.
   */
  Image image();

  /**
   * A number by which the process knows the file.
   *
   * @return as it is in the snapshot.
   */
  int number();

  /**
   * A number by which the process knows another file.
   *
   * @param file its id in the snapshot.
   * @return as it is in the snapshot.
   */
  int number(int file);

  /**
   * Which inodes are the same.
   *
   * @return of all files.
   */
  InodePairs inodes();
}
