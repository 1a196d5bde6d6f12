package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import java.util.Optional;

/** A kind of state that every task (thread) has. Instances have no state of their own. */
public interface TaskResource {
  /**
   * The kind's name, in images and messages.
   *
   * @return a name that no other task resource has, in the words of the manual pages.
   */
  String kind();

  /**
   * When it is restored, in the task itself.
   *
   * @return {@link Phase#TASK}, {@link Phase#CREDENTIALS} or {@link Phase#LAST}.
   */
  default Phase phase() {
    return Phase.TASK;
  }

  /**
   * Ask for what {@link #capture} will need.
   *
   * @param plan what will be recorded while the instance is frozen.
   */
  default void plan(final PlanBuilder plan) {}

  /**
   * Interpret what was recorded. The instance is running again.
   *
   * @param task what was recorded.
   * @param context the rest of the record.
   * @return the state, empty if there is none.
   * @throws io.vas.core.UnsupportedException if the task has something that can not be restored.
   */
  Optional<? extends Message> capture(TaskRecord task, CaptureContext context);

  /**
   * Emit the steps that bring the state back.
   *
   * @param state what {@link #capture} returned.
   * @param restore where the steps go.
   * @throws InvalidProtocolBufferException if the state is not one of this kind.
   */
  void restore(ByteString state, TaskRestore restore) throws InvalidProtocolBufferException;

  /**
   * Whether the steps of {@link #restore} bring the state back in a task that goes on, too,
   * whatever it is by then.
   *
   * <p>Asked of the first task only: in others such steps do not run.
   *
   * @return false if they need a new task.
   */
  default boolean isSettable() {
    return false;
  }
}
