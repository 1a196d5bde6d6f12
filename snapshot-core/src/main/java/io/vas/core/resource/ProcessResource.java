package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import java.util.Optional;

/** A kind of state that a process has once. Instances have no state of their own. */
public interface ProcessResource {
  /**
   * The kind's name, in images and messages.
   *
   * @return a name that no other process resource has, in the words of the manual pages.
   */
  String kind();

  /**
   * When it is restored.
   *
   * @return any phase but {@link Phase#TASK}.
   */
  Phase phase();

  /**
   * Ask for what {@link #capture} will need.
   *
   * @param plan what will be recorded while the instance is frozen.
   */
  default void plan(final PlanBuilder plan) {}

  /**
   * Interpret what was recorded. The instance is running again.
   *
   * @param process what was recorded.
   * @param context the rest of the record.
   * @return the state, empty if there is none.
   * @throws io.vas.core.UnsupportedException if the process has something that can not be restored.
   */
  Optional<? extends Message> capture(ProcessRecord process, CaptureContext context);

  /**
   * Emit the steps that bring the state back.
   *
   * @param state what {@link #capture} returned.
   * @param restore where the steps go.
   * @throws InvalidProtocolBufferException if the state is not one of this kind.
   */
  void restore(ByteString state, ProcessRestore restore) throws InvalidProtocolBufferException;

  /**
   * Whether the steps of {@link #restore} bring the state back in a process that goes on, too,
   * whatever it is by then.
   *
   * @return false if they need a new process.
   */
  default boolean isSettable() {
    return false;
  }
}
