package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.image.ControlState;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.ProgramResults;
import io.vas.core.program.SystemCall;
import java.util.ArrayList;
import java.util.List;
import java.util.function.LongFunction;
import java.util.function.LongPredicate;

/**
 * A setting that one call reads and another sets, and that most tasks leave as it is: then nothing
 * is kept of it.
 *
 * @param name of the setting.
 * @param read the call that reads it, and its arguments; {@link #WHERE} stands for the address of
 *     an int that it writes.
 * @param isDefault whether a value is a new task's.
 * @param set the call that sets a value.
 */
record Control(String name, Call read, LongPredicate isDefault, LongFunction<Call> set) {
  /** In place of an argument: where the value is to be written. */
  static final Object WHERE = new Object();

  /** A system call. */
  record Call(int number, List<Object> args) {
    static Call call(final int number, final Object... args) {
      return new Call(number, List.of(args));
    }

    static Call prctl(final Object... args) {
      final List<Object> all = new ArrayList<>(List.of(args));
      while (all.size() < 5) {
        all.add(0); // newer options insist on that
      }
      return new Call(SystemCall.PRCTL, all);
    }
  }

  private String step(final String kind) {
    return kind + ": read " + name;
  }

  static void plan(final List<Control> controls, final String kind, final ProgramBuilder program) {
    for (final Control control : controls) {
      final Object[] args = control.read.args.toArray();
      for (int i = 0; i < args.length; i++) {
        if (args[i] == WHERE) {
          args[i] = program.data(kind + " " + control.name, Integer.BYTES);
        }
      }
      program.callAny(control.step(kind), control.read.number, args);
    }
  }

  /** The settings that are not as in a new task. What cannot be read is not there to be set. */
  static List<ControlState> capture(
      final List<Control> controls, final String kind, final ProgramResults results) {
    final List<ControlState> images = new ArrayList<>();
    for (final Control control : controls) {
      if (results.failed(control.step(kind))) {
        continue;
      }
      final long value =
          control.read.args.contains(WHERE)
              ? results.data(kind + " " + control.name).getInt(0, LITTLE_ENDIAN)
              : results.result(control.step(kind));
      if (!control.isDefault.test(value)) {
        images.add(ControlState.newBuilder().setName(control.name).setValue(value).build());
      }
    }
    return images;
  }

  static void restore(
      final List<Control> controls, final List<ControlState> images, final Restore restore) {
    for (final ControlState image : images) {
      for (final Control control : controls) {
        if (control.name.equals(image.getName())) {
          final Call call = control.set.apply(image.getValue());
          restore
              .program()
              .call(restore.name("set " + control.name), call.number, call.args.toArray());
        }
      }
    }
  }
}
