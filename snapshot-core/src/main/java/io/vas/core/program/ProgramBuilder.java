package io.vas.core.program;

import static io.vas.core.program.ProgramDescriptor.ARGS;
import static io.vas.core.program.ProgramDescriptor.ARG_DATA;
import static io.vas.core.program.ProgramDescriptor.ARG_IMMEDIATE;
import static io.vas.core.program.ProgramDescriptor.ARG_REPORT;
import static io.vas.core.program.ProgramDescriptor.ARG_RESULT;
import static io.vas.core.program.ProgramDescriptor.ARG_STACK;
import static io.vas.core.program.ProgramDescriptor.DATA_LENGTH_OFFSET;
import static io.vas.core.program.ProgramDescriptor.DATA_OFFSET_OFFSET;
import static io.vas.core.program.ProgramDescriptor.EXPECT_ANY;
import static io.vas.core.program.ProgramDescriptor.EXPECT_EQUAL;
import static io.vas.core.program.ProgramDescriptor.EXPECT_SUCCESS;
import static io.vas.core.program.ProgramDescriptor.HEADER_LENGTH;
import static io.vas.core.program.ProgramDescriptor.LENGTH_OFFSET;
import static io.vas.core.program.ProgramDescriptor.MAGIC;
import static io.vas.core.program.ProgramDescriptor.MAGIC_OFFSET;
import static io.vas.core.program.ProgramDescriptor.NO_RESULT;
import static io.vas.core.program.ProgramDescriptor.OPS_OFFSET_OFFSET;
import static io.vas.core.program.ProgramDescriptor.OP_ARG_KIND_OFFSET;
import static io.vas.core.program.ProgramDescriptor.OP_ARG_OFFSET;
import static io.vas.core.program.ProgramDescriptor.OP_BARRIER;
import static io.vas.core.program.ProgramDescriptor.OP_CODE_OFFSET;
import static io.vas.core.program.ProgramDescriptor.OP_COMPARE_ROOTS;
import static io.vas.core.program.ProgramDescriptor.OP_COMPARE_TREES;
import static io.vas.core.program.ProgramDescriptor.OP_COPY_TREE;
import static io.vas.core.program.ProgramDescriptor.OP_COUNT_OFFSET;
import static io.vas.core.program.ProgramDescriptor.OP_END;
import static io.vas.core.program.ProgramDescriptor.OP_EXPECTED_OFFSET;
import static io.vas.core.program.ProgramDescriptor.OP_EXPECT_OFFSET;
import static io.vas.core.program.ProgramDescriptor.OP_LENGTH;
import static io.vas.core.program.ProgramDescriptor.OP_LOAD;
import static io.vas.core.program.ProgramDescriptor.OP_NUMBER_OFFSET;
import static io.vas.core.program.ProgramDescriptor.OP_RECORD_BYTES;
import static io.vas.core.program.ProgramDescriptor.OP_RECORD_MESSAGES;
import static io.vas.core.program.ProgramDescriptor.OP_RESULT_OFFSET;
import static io.vas.core.program.ProgramDescriptor.OP_SIGRETURN;
import static io.vas.core.program.ProgramDescriptor.OP_SKIP;
import static io.vas.core.program.ProgramDescriptor.OP_STORE;
import static io.vas.core.program.ProgramDescriptor.OP_SYSCALL;
import static io.vas.core.program.ProgramDescriptor.OP_TASK;
import static io.vas.core.program.ProgramDescriptor.OP_WAIT;
import static io.vas.core.program.ProgramDescriptor.REPORT_BARRIERS;
import static io.vas.core.program.ProgramDescriptor.REPORT_BARRIERS_OFFSET;
import static io.vas.core.program.ProgramDescriptor.REPORT_LENGTH;
import static io.vas.core.program.ProgramDescriptor.REPORT_RELEASE_OFFSET;
import static io.vas.core.program.ProgramDescriptor.REPORT_STAMPS;
import static io.vas.core.program.ProgramDescriptor.REPORT_STAMPS_OFFSET;
import static io.vas.core.program.ProgramDescriptor.RESULTS_OFFSET_OFFSET;
import static io.vas.core.program.ProgramDescriptor.RESULT_COUNT_OFFSET;
import static io.vas.core.program.ProgramDescriptor.VERSION;
import static io.vas.core.program.ProgramDescriptor.VERSION_OFFSET;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.linux.RawText;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.agrona.BitUtil;
import org.agrona.ExpandableArrayBuffer;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * Makes a {@link Program}. Operations run in the order in which they are added here; each has a
 * name that is its own within the program, for error messages and to ask for its result later.
 *
 * <p>Arguments are {@code int}s, {@code long}s or {@link Value}s. An {@code int} is extended with
 * its sign, so -1 and {@code AT_FDCWD} arrive as the kernel expects them.
 */
public class ProgramBuilder {
  private static final int DATA_ALIGNMENT = 8;

  private record Step(
      String name,
      String resource,
      int code,
      int number,
      int expect,
      long expected,
      List<Object> args,
      int slot) {}

  private final List<Step> steps = new ArrayList<>();
  private final Map<String, Integer> stepIndexes = new HashMap<>();
  private final Map<String, Result> parameters = new HashMap<>();
  private final Map<String, Data> named = new HashMap<>();
  private final Map<String, Data> strings = new HashMap<>();
  private final ExpandableArrayBuffer data = new ExpandableArrayBuffer(1024);
  private int dataLength;
  private int dataAlignment = DATA_ALIGNMENT;
  private int slots;
  private int stores;
  private String resource = "";

  /** A builder for an empty program. */
  public ProgramBuilder() {}

  /**
   * The following operations belong to this resource, which is named when one of them fails.
   *
   * @param name for example {@code "timers"}, or {@code "descriptor 7 (socket)"}.
   * @return this.
   */
  public ProgramBuilder resource(final String name) {
    resource = name;
    return this;
  }

  // ---- values

  /**
   * A slot that the keeper fills before the program starts. The first one made in a program that
   * has no operation yet is slot 0.
   *
   * @param name of the parameter, its own among parameters.
   * @return its value.
   */
  public Result parameter(final String name) {
    final Result result = new Result(slots++);
    if (parameters.putIfAbsent(name, result) != null) {
      throw new IllegalArgumentException("there is a parameter " + name + " already");
    }
    return result;
  }

  /**
   * Bytes in the data area, aligned to 8.
   *
   * @param bytes which are copied.
   * @return their address.
   */
  public Data data(final byte[] bytes) {
    final Data piece = allocate(bytes.length, DATA_ALIGNMENT);
    fill(piece, bytes);
    return piece;
  }

  /**
   * Bytes in the data area, aligned to 8, that can be asked for by name when the program has run.
   *
   * @param name of the piece, its own among pieces.
   * @param bytes which are copied.
   * @return their address.
   */
  public Data data(final String name, final byte[] bytes) {
    final Data piece = data(name, bytes.length);
    fill(piece, bytes);
    return piece;
  }

  /**
   * Zeros in the data area, aligned to 8, that can be asked for by name when the program has run.
   *
   * @param name of the piece, its own among pieces.
   * @param length bytes.
   * @return their address.
   */
  public Data data(final String name, final int length) {
    return data(name, length, DATA_ALIGNMENT);
  }

  /**
   * Zeros in the data area, that can be asked for by name when the program has run.
   *
   * @param name of the piece, its own among pieces.
   * @param length bytes.
   * @param alignment a power of two up to a page, which holds where the program begins on a page
   *     (in a new task) or the alignment is 16 or less.
   * @return their address.
   */
  public Data data(final String name, final int length, final int alignment) {
    final Data piece = allocate(length, alignment);
    if (named.putIfAbsent(name, piece) != null) {
      throw new IllegalArgumentException("there is a piece of data " + name + " already");
    }
    return piece;
  }

  /**
   * A text with a NUL at its end. The same text is held once, so it is not to be written to.
   *
   * @param text in the file system's bytes, see {@link RawText#encode(String)}.
   * @return its address.
   */
  public Data string(final String text) {
    return strings.computeIfAbsent(
        text,
        t -> {
          final byte[] bytes = RawText.encode(t);
          final Data piece = allocate(bytes.length + 1, 1);
          data.putBytes(piece.offset(), bytes);
          return piece;
        });
  }

  /**
   * Set the bytes of a piece of data, before the program is built.
   *
   * @param piece of this program.
   * @param bytes no more than it has; the rest stays.
   * @return this.
   */
  public ProgramBuilder fill(final Data piece, final byte[] bytes) {
    if (bytes.length > piece.length()) {
      throw new IllegalArgumentException(
          bytes.length + " bytes for a piece of " + piece.length() + " bytes");
    }
    data.putBytes(piece.offset(), bytes);
    return this;
  }

  /**
   * The address of a byte of the report.
   *
   * @param offset of {@link ProgramDescriptor}, 0 to its REPORT_LENGTH.
   * @return the address.
   */
  public Value report(final int offset) {
    if (offset < 0 || offset > REPORT_LENGTH) {
      throw new IllegalArgumentException("the report has " + REPORT_LENGTH + " bytes: " + offset);
    }
    return new ReportRef(offset);
  }

  /**
   * The address of a byte of the stack area.
   *
   * @param offset from its lower end.
   * @return the address.
   */
  public Value stack(final int offset) {
    return new StackRef(offset);
  }

  // ---- operations

  /**
   * A system call that must not fail.
   *
   * @param name of the operation.
   * @param number of the call, see {@link SystemCall}.
   * @param args up to six: int, long or Value.
   * @return what it returns.
   */
  public Result call(final String name, final int number, final Object... args) {
    return add(name, OP_SYSCALL, number, EXPECT_SUCCESS, 0, args);
  }

  /**
   * A system call that may fail. Its result tells, as -errno.
   *
   * @param name of the operation.
   * @param number of the call, see {@link SystemCall}.
   * @param args up to six: int, long or Value.
   * @return what it returns.
   */
  public Result callAny(final String name, final int number, final Object... args) {
    return add(name, OP_SYSCALL, number, EXPECT_ANY, 0, args);
  }

  /**
   * A system call that must return one value.
   *
   * @param expected what it must return.
   * @param name of the operation.
   * @param number of the call, see {@link SystemCall}.
   * @param args up to six: int, long or Value.
   * @return what it returns.
   */
  public Result callExpecting(
      final long expected, final String name, final int number, final Object... args) {
    return add(name, OP_SYSCALL, number, EXPECT_EQUAL, expected, args);
  }

  /**
   * Write to memory.
   *
   * @param address where to.
   * @param value what; the lower bytes of it.
   * @param size 1, 2, 4 or 8 bytes.
   */
  public void store(final Value address, final Value value, final int size) {
    checkSize(size);
    addPlain("store " + ++stores, OP_STORE, size, address, value);
  }

  /**
   * Read from memory.
   *
   * @param name of the operation.
   * @param address where from.
   * @param size 1, 2, 4 or 8 bytes.
   * @return what is there, zero-extended.
   */
  public Result load(final String name, final Value address, final int size) {
    checkSize(size);
    return add(name, OP_LOAD, size, EXPECT_ANY, 0, new Object[] {address});
  }

  /**
   * A label for {@link #bind(Label)} and {@link #task(String, Data, Label)}.
   *
   * @return a label that is not bound.
   */
  public Label newLabel() {
    return new Label(this);
  }

  /**
   * The label means the next operation that is added.
   *
   * @param label a label of this program that is not bound.
   */
  public void bind(final Label label) {
    label.bind(this, steps.size());
  }

  /**
   * Start a task (clone3), a thread or a child, that goes on at a label. It needs a stack of its
   * own.
   *
   * @param name of the operation.
   * @param cloneArgs a struct clone_args; the piece's length is its size.
   * @param entry where the new task begins.
   * @return its tid, in the task that made it.
   */
  public Result task(final String name, final Data cloneArgs, final Label entry) {
    return add(
        name,
        OP_TASK,
        0,
        EXPECT_SUCCESS,
        0,
        new Object[] {cloneArgs, Value.of(cloneArgs.length()), entry});
  }

  /**
   * Wait until so many tasks have come here.
   *
   * @param index which barrier, 0 to 63; each can be used once.
   * @param count of tasks, this one included.
   */
  public void barrier(final int index, final int count) {
    addPlain(null, OP_BARRIER, 0, barrierAddress(index), Value.of(count));
  }

  private Value barrierAddress(final int index) {
    if (index < 0 || index >= REPORT_BARRIERS) {
      throw new IllegalArgumentException("there are " + REPORT_BARRIERS + " barriers: " + index);
    }
    return report(REPORT_BARRIERS_OFFSET + index * Integer.BYTES);
  }

  /** Wait until the keeper lets the restored tasks go on. */
  public void awaitRelease() {
    addPlain(null, OP_WAIT, 0, report(REPORT_RELEASE_OFFSET), Value.of(1));
  }

  /**
   * Go on as a signal frame says. Does not come back.
   *
   * @param frame where rt_sigreturn finds it: rsp as it is when a handler has returned.
   */
  public void signalReturn(final Value frame) {
    addPlain(null, OP_SIGRETURN, 0, frame);
  }

  /** The program, or this task's part of it, is done. */
  public void end() {
    addPlain(null, OP_END, 0);
  }

  /**
   * Skip operations if two values are equal.
   *
   * @param a a value.
   * @param b another.
   * @param count of operations that are skipped, 1 or more.
   */
  public void skipIfEqual(final Value a, final Value b, final int count) {
    if (count < 1) {
      throw new IllegalArgumentException("count=" + count);
    }
    addPlain(null, OP_SKIP, count, a, b);
  }

  /**
   * Keep the time (CLOCK_MONOTONIC) in the report.
   *
   * @param index which of the report's times, 0 to 31.
   */
  public void stamp(final int index) {
    if (index < 0 || index >= REPORT_STAMPS / 2) {
      throw new IllegalArgumentException("there are " + REPORT_STAMPS / 2 + " stamps: " + index);
    }
    addPlain(
        null,
        OP_SYSCALL,
        SystemCall.CLOCK_GETTIME,
        Value.of(1),
        report(REPORT_STAMPS_OFFSET + index * 2 * Long.BYTES));
  }

  /**
   * In the keeper only: record what read(2) yields until it would block.
   *
   * @param name of the operation.
   * @param fd the descriptor.
   * @param max bytes at most.
   * @return bytes recorded.
   */
  public Result recordBytes(final String name, final Value fd, final long max) {
    return add(name, OP_RECORD_BYTES, 0, EXPECT_SUCCESS, 0, new Object[] {fd, Value.of(max)});
  }

  /**
   * In the keeper only: record what recvmsg(2) yields until it would block.
   *
   * @param name of the operation.
   * @param fd the descriptor.
   * @param flags of recvmsg.
   * @param max messages at most.
   * @return messages recorded.
   */
  public Result recordMessages(final String name, final Value fd, final int flags, final long max) {
    return add(
        name,
        OP_RECORD_MESSAGES,
        0,
        EXPECT_SUCCESS,
        0,
        new Object[] {fd, Value.of(flags), Value.of(max)});
  }

  /**
   * In the keeper only: copy a directory tree.
   *
   * @param name of the operation.
   * @param source descriptor of the directory whose tree is copied.
   * @param target descriptor of the directory that it is copied to.
   * @return 0.
   */
  public Result copyTree(final String name, final Value source, final Value target) {
    return add(name, OP_COPY_TREE, 0, EXPECT_SUCCESS, 0, new Object[] {source, target});
  }

  /**
   * In the keeper only: compare directory trees in all that {@link #copyTree} copies but the time
   * of the latest access.
   *
   * @param name of the operation.
   * @param one descriptor of a directory.
   * @param other descriptor of another one; negative: an empty one.
   * @return 0 if they are the same, otherwise 1.
   */
  public Result compareTrees(final String name, final Value one, final Value other) {
    return add(name, OP_COMPARE_TREES, 0, EXPECT_SUCCESS, 0, new Object[] {one, other});
  }

  /**
   * In the keeper only: compare what the roots of an instance and of a snapshot show. What would
   * make the one like the other is recorded.
   *
   * @param name of the operation.
   * @param upper descriptor of the instance's uppermost layer.
   * @param layer descriptor of the snapshot's; negative: it has none beyond those that both have.
   * @param root descriptor of the instance's root directory.
   * @param wanted descriptor of the snapshot's.
   * @return a {@code ROOTS_} constant of {@link io.vas.core.keeper.RecordDescriptor}, or -errno.
   */
  public Result compareRoots(
      final String name,
      final Value upper,
      final Value layer,
      final Value root,
      final Value wanted) {
    return add(name, OP_COMPARE_ROOTS, 0, EXPECT_ANY, 0, new Object[] {upper, layer, root, wanted});
  }

  /**
   * How many operations there are up to now.
   *
   * @return the index of the next one.
   */
  public int stepCount() {
    return steps.size();
  }

  /**
   * Make the program. The builder can be used on.
   *
   * @return the program as it is now.
   * @throws IllegalStateException if a label is used that is not bound.
   */
  public Program build() {
    final int opsOffset = HEADER_LENGTH;
    final int resultsOffset = opsOffset + steps.size() * OP_LENGTH;
    // Data's own alignment is counted from the program's begin.
    final int dataOffset = BitUtil.align(resultsOffset + slots * Long.BYTES, dataAlignment);
    final int length = BitUtil.align(dataOffset + dataLength, Long.BYTES);
    final byte[] bytes = new byte[length];
    final UnsafeBuffer buffer = new UnsafeBuffer(bytes);
    buffer.putLong(MAGIC_OFFSET, MAGIC, LITTLE_ENDIAN);
    buffer.putInt(VERSION_OFFSET, VERSION, LITTLE_ENDIAN);
    buffer.putInt(LENGTH_OFFSET, length, LITTLE_ENDIAN);
    buffer.putInt(OPS_OFFSET_OFFSET, opsOffset, LITTLE_ENDIAN);
    buffer.putInt(OP_COUNT_OFFSET, steps.size(), LITTLE_ENDIAN);
    buffer.putInt(RESULTS_OFFSET_OFFSET, resultsOffset, LITTLE_ENDIAN);
    buffer.putInt(RESULT_COUNT_OFFSET, slots, LITTLE_ENDIAN);
    buffer.putInt(DATA_OFFSET_OFFSET, dataOffset, LITTLE_ENDIAN);
    buffer.putInt(DATA_LENGTH_OFFSET, dataLength, LITTLE_ENDIAN);
    final List<Program.Step> described = new ArrayList<>(steps.size());
    for (int i = 0; i < steps.size(); i++) {
      final Step step = steps.get(i);
      encode(buffer, opsOffset + i * OP_LENGTH, step, dataOffset);
      described.add(
          new Program.Step(
              step.name,
              step.resource,
              step.code,
              step.number,
              step.expect == EXPECT_EQUAL,
              step.expected,
              step.slot));
    }
    buffer.putBytes(dataOffset, data, 0, dataLength);
    return new Program(
        bytes,
        described,
        Map.copyOf(stepIndexes),
        Map.copyOf(parameters),
        Map.copyOf(named),
        resultsOffset,
        slots,
        dataOffset);
  }

  private static void encode(
      final UnsafeBuffer buffer, final int offset, final Step step, final int dataOffset) {
    buffer.putShort(offset + OP_CODE_OFFSET, (short) step.code, LITTLE_ENDIAN);
    buffer.putByte(offset + OP_EXPECT_OFFSET, (byte) step.expect);
    buffer.putInt(offset + OP_NUMBER_OFFSET, step.number, LITTLE_ENDIAN);
    for (int i = 0; i < step.args.size(); i++) {
      final Object arg = step.args.get(i);
      final int kind;
      final long value;
      if (arg instanceof Immediate immediate) {
        kind = ARG_IMMEDIATE;
        value = immediate.value();
      } else if (arg instanceof Result result) {
        kind = ARG_RESULT;
        value = result.slot();
      } else if (arg instanceof Data piece) {
        kind = ARG_DATA;
        value = (long) dataOffset + piece.offset();
      } else if (arg instanceof ReportRef report) {
        kind = ARG_REPORT;
        value = report.offset();
      } else if (arg instanceof StackRef stack) {
        kind = ARG_STACK;
        value = stack.offset();
      } else {
        kind = ARG_IMMEDIATE;
        value = ((Label) arg).step();
        if (value == Label.UNBOUND) {
          throw new IllegalStateException("step \"" + step.name + "\": its label is not bound");
        }
      }
      buffer.putByte(offset + OP_ARG_KIND_OFFSET + i, (byte) kind);
      buffer.putLong(offset + OP_ARG_OFFSET + i * Long.BYTES, value, LITTLE_ENDIAN);
    }
    buffer.putLong(offset + OP_EXPECTED_OFFSET, step.expected, LITTLE_ENDIAN);
    buffer.putInt(offset + OP_RESULT_OFFSET, step.slot, LITTLE_ENDIAN);
  }

  private Data allocate(final int length, final int alignment) {
    if (length < 0 || !BitUtil.isPowerOfTwo(alignment) || alignment > 4096) {
      throw new IllegalArgumentException("length=" + length + ", alignment=" + alignment);
    }
    dataAlignment = Math.max(dataAlignment, alignment);
    final int offset = BitUtil.align(dataLength, alignment);
    data.checkLimit(Math.addExact(offset, length));
    dataLength = offset + length;
    return new Data(offset, length);
  }

  private void addPlain(final String name, final int code, final int number, final Value... args) {
    append(name, code, number, EXPECT_ANY, 0, args, NO_RESULT);
  }

  private Result add(
      final String name,
      final int code,
      final int number,
      final int expect,
      final long expected,
      final Object[] args) {
    final Result result = new Result(slots);
    append(name, code, number, expect, expected, args, result.slot());
    slots++;
    return result;
  }

  private void append(
      final String name,
      final int code,
      final int number,
      final int expect,
      final long expected,
      final Object[] args,
      final int slot) {
    if (args.length > ARGS) {
      throw new IllegalArgumentException(args.length + " arguments for step \"" + name + "\"");
    }
    final List<Object> values = new ArrayList<>(args.length);
    for (final Object arg : args) {
      values.add(value(arg, name));
    }
    if (name != null && stepIndexes.putIfAbsent(name, steps.size()) != null) {
      throw new IllegalArgumentException("there is a step \"" + name + "\" already");
    }
    steps.add(
        new Step(
            name == null ? "step " + steps.size() : name,
            resource,
            code,
            number,
            expect,
            expected,
            values,
            slot));
  }

  private Object value(final Object arg, final String name) {
    if (arg instanceof Integer || arg instanceof Long) {
      return new Immediate(((Number) arg).longValue());
    }
    if (arg instanceof Result result && result.slot() >= slots) {
      throw new IllegalArgumentException(
          "step \"" + name + "\" uses result " + result.slot() + " of " + slots);
    }
    if (arg instanceof Data piece && piece.offset() + piece.length() > dataLength) {
      throw new IllegalArgumentException("step \"" + name + "\" uses " + piece + " of another");
    }
    if (arg instanceof Value || arg instanceof Label) {
      return arg;
    }
    throw new IllegalArgumentException("step \"" + name + "\": not a value: " + arg);
  }

  private static void checkSize(final int size) {
    if (size != 1 && size != 2 && size != 4 && size != 8) {
      throw new IllegalArgumentException("1, 2, 4 or 8 bytes, not " + size);
    }
  }
}
