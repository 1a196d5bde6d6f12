package io.vas.core.resource;

import io.vas.core.image.Image;
import io.vas.core.image.ProcessImage;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Value;
import java.util.Optional;

/** Where the steps that restore something go, and what they may refer to. */
public interface Restore {
  /**
   * The program. Names of steps and data must be unique in it: begin them with {@link #name}.
   *
   * @return a builder to add steps to.
   */
  ProgramBuilder program();

  /**
   * A name that is unique in the program.
   *
   * @param step what the step does, for example {@code sigaction 12}.
   * @return the name of the resource, process or task, and the step.
   */
  String name(String step);

  /**
   * The snapshot.
   *
   * @return its image.
   */
  Image image();

  /**
   * The process that is restored.
   *
   * @return its image.
   */
  ProcessImage process();

  /**
   * The number of a descriptor of the fork's log, open for appending, from {@link Phase#SANDBOX}
   * until descriptors are restored.
   *
   * @return a value that is new in every fork.
   */
  Value log();

  /**
   * The number of a descriptor of a file that lives with the instance, as it is made anew, from
   * {@link Phase#MEMORY} until descriptors are restored.
   *
   * @param device of the file in the snapshot, as {@code dev_t}.
   * @param inode of the file in the snapshot.
   * @return a number that is fixed, so that {@code /proc/self/fd/NUMBER} can be opened; empty if
   *     the image has no such object.
   */
  Optional<Integer> object(long device, long inode);
}
