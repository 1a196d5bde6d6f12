package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;

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
   * Whether a file that was closed is what it was when it is restored alone, in a process that goes
   * on.
   *
   * @param state what {@link #capture} returned.
   * @return false if others had it, too, or it had what was given up with it.
   * @throws InvalidProtocolBufferException if the state is not one of this kind.
   */
  default boolean canBeOpenedAgain(final ByteString state) throws InvalidProtocolBufferException {
    return false;
  }

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
