package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.program.ProgramBuilder;
import java.util.Optional;
import java.util.function.IntUnaryOperator;

/**
 * A kind of file that descriptors refer to. Instances have no state of their own.
 *
 * <p>Captured and restored is the open file description, once, however many descriptors refer to
 * it.
 */
public interface DescriptorResource {
  /**
   * The kind's name, in images and messages.
   *
   * @return a name that no other descriptor resource has.
   */
  String kind();

  /**
   * Whether a descriptor is of this kind. The first resource in {@link Resources} that says yes
   * gets it; one that none recognises is refused.
   *
   * @param descriptor what was recorded.
   * @param context the rest of the record.
   * @return whether {@link #capture} is to be asked.
   */
  boolean recognises(DescriptorRecord descriptor, CaptureContext context);

  /**
   * Ask for what {@link #capture} will need.
   *
   * @param plan what will be recorded while the instance is frozen.
   */
  default void plan(final PlanBuilder plan) {}

  /**
   * Interpret what was recorded. The instance is running again.
   *
   * @param descriptor the first descriptor that refers to the file.
   * @param context the rest of the record.
   * @return the state.
   * @throws io.vas.core.UnsupportedException if it can not be restored.
   */
  Message capture(DescriptorRecord descriptor, CaptureContext context);

  /**
   * Emit the steps that open the file and leave it at {@link DescriptorRestore#descriptor()}. One
   * that makes several files at once (both ends of a pipe) leaves each at the number of its id and
   * claims it, so that it is not asked to restore the others.
   *
   * @param state what {@link #capture} returned.
   * @param restore where the steps go.
   * @throws InvalidProtocolBufferException if the state is not one of this kind.
   */
  void restore(ByteString state, DescriptorRestore restore) throws InvalidProtocolBufferException;

  /**
   * The path of a file with contents in the instance's file systems, which others may have open or
   * mapped, too.
   *
   * @param state what {@link #capture} returned.
   * @return an absolute path; empty if a file of this kind has no such contents.
   * @throws InvalidProtocolBufferException if the state is not one of this kind.
   */
  default Optional<String> contentPath(final ByteString state)
      throws InvalidProtocolBufferException {
    return Optional.empty();
  }

  /**
   * Whether these contents can be written through the file.
   *
   * @param state what {@link #capture} returned.
   * @return false if it is open for reading only, or has none.
   * @throws InvalidProtocolBufferException if the state is not one of this kind.
   */
  default boolean changesContent(final ByteString state) throws InvalidProtocolBufferException {
    return false;
  }

  /**
   * Whether a file of this kind tells the process of changes of other files, whoever makes them.
   *
   * @return false if not.
   */
  default boolean tellsOfChanges() {
    return false;
  }

  /**
   * Whether a file that was closed is what it was when it is restored in a process that goes on,
   * alone or with others that it claims.
   *
   * @param state what {@link #capture} returned.
   * @param restore where the steps would go, which tells which files there are still.
   * @return false if others had it, too, or it had what was given up with it.
   * @throws InvalidProtocolBufferException if the state is not one of this kind.
   */
  default boolean canBeOpenedAgain(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {
    return false;
  }

  /**
   * Whether a file can be made what another of the kind was, as far as that does not depend on what
   * they have to do with other files.
   *
   * @param before what {@link #capture} returned of the file that is wanted.
   * @param now the same of the one that is there.
   * @param inodes which are known to be the same.
   * @return false if it has to be the same already.
   * @throws InvalidProtocolBufferException if a state is not one of this kind.
   */
  default boolean isMendable(final ByteString before, final ByteString now, final InodePairs inodes)
      throws InvalidProtocolBufferException {
    return false;
  }

  /**
   * Whether two files of the kind that say the same are the same, as far as is known.
   *
   * @param before what {@link #capture} returned of the one.
   * @param now the same of the other one.
   * @param inodes which are known to be the same.
   * @return false if others refer to one of them that do not refer to the other one.
   * @throws InvalidProtocolBufferException if a state is not one of this kind.
   */
  default boolean isSame(final ByteString before, final ByteString now, final InodePairs inodes)
      throws InvalidProtocolBufferException {
    return before.equals(now);
  }

  /**
   * Whether the state names other files, so that only its number tells which file of the kind it is
   * as long as it is not known which those are.
   *
   * @return false if {@link #withOthers} changes nothing, and the state tells.
   */
  default boolean namesOthers() {
    return false;
  }

  /**
   * What a file is when the others that it names are called otherwise.
   *
   * @param state what {@link #capture} returned.
   * @param ids new ids of files by their former ones; -1 of those that are closed for good.
   * @return the state with the new ids.
   * @throws InvalidProtocolBufferException if the state is not one of this kind.
   */
  default ByteString withOthers(final ByteString state, final IntUnaryOperator ids)
      throws InvalidProtocolBufferException {
    return state;
  }

  /**
   * Emit the steps that make a file what it was. Steps may have been added also where this returns
   * false; they are of no use then.
   *
   * @param before what {@link #capture} returned of the file in the snapshot.
   * @param now the same of the file that stands for it, where others are called by their ids in the
   *     snapshot.
   * @param mend where the steps go.
   * @return whether they do.
   * @throws InvalidProtocolBufferException if a state is not one of this kind.
   */
  default boolean mend(final ByteString before, final ByteString now, final DescriptorMend mend)
      throws InvalidProtocolBufferException {
    return before.equals(now);
  }

  /**
   * Whether a file's other end is outside of the instance, so that in a fork it comes back reset.
   *
   * @param state what {@link #capture} returned.
   * @return whether it is a connection to the outside.
   * @throws InvalidProtocolBufferException if the state is not one of this kind.
   */
  default boolean isConnectedOutside(final ByteString state) throws InvalidProtocolBufferException {
    return false;
  }

  /**
   * Emit the steps without which something of a file would stay when it is closed for good.
   *
   * @param number a descriptor that refers to it.
   * @param program where the steps go.
   */
  default void prepareClose(final int number, final ProgramBuilder program) {}

  /**
   * Emit the steps that need the other files: called for every file when all are at the numbers
   * that the process knows them by, and still at {@link DescriptorRestore#descriptor()}.
   *
   * @param state what {@link #capture} returned.
   * @param restore where the steps go.
   * @throws InvalidProtocolBufferException if the state is not one of this kind.
   */
  default void complete(final ByteString state, final DescriptorRestore restore)
      throws InvalidProtocolBufferException {}
}
