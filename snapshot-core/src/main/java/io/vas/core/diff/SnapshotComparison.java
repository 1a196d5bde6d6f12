package io.vas.core.diff;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.VasException;
import io.vas.core.diff.SnapshotDiff.Change;
import io.vas.core.diff.SnapshotDiff.Kind;
import io.vas.core.diff.SnapshotDiff.ProcessDiff;
import io.vas.core.diff.SnapshotDiff.ThreadDiff;
import io.vas.core.image.DescriptorImage;
import io.vas.core.image.FileImage;
import io.vas.core.image.Image;
import io.vas.core.image.MemoryImage;
import io.vas.core.image.PathFileImage;
import io.vas.core.image.Piece;
import io.vas.core.image.ProcessImage;
import io.vas.core.image.RegistersState;
import io.vas.core.image.TaskImage;
import io.vas.core.keeper.Keeper;
import io.vas.core.memory.PageSource;
import io.vas.core.memory.PageSpace;
import io.vas.core.resource.Registers;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import org.agrona.concurrent.UnsafeBuffer;

/** Compares two snapshots. */
public final class SnapshotComparison {
  /** Registers that a program sees, as struct user_regs_struct orders them. */
  private static final List<String> REGISTERS =
      List.of(
          "r15",
          "r14",
          "r13",
          "r12",
          "rbp",
          "rbx",
          "r11",
          "r10",
          "r9",
          "r8",
          "rax",
          "rcx",
          "rdx",
          "rsi",
          "rdi",
          "orig_rax",
          "rip",
          "cs",
          "eflags",
          "rsp",
          "ss",
          "fs_base",
          "gs_base",
          "ds",
          "es",
          "fs",
          "gs");

  /** Kinds whose state is a path and a position, among others. */
  private static final Set<String> WITH_POSITION =
      Set.of("regular file", "unnamed file", "memfd", "directory");

  private final Keeper keeper;
  private final Image before;
  private final PageSource pagesBefore;
  private final Image after;
  private final PageSource pagesAfter;
  private final boolean withBytes;

  /**
   * A comparison.
   *
   * @param keeper that holds what lies below the snapshots' files.
   * @param before the first snapshot.
   * @param pagesBefore its pages and files.
   * @param after the second snapshot.
   * @param pagesAfter its pages and files.
   * @param withBytes whether the bytes that differ are told.
   */
  public SnapshotComparison(
      final Keeper keeper,
      final Image before,
      final PageSource pagesBefore,
      final Image after,
      final PageSource pagesAfter,
      final boolean withBytes) {
    this.keeper = keeper;
    this.before = before;
    this.pagesBefore = pagesBefore;
    this.after = after;
    this.pagesAfter = pagesAfter;
    this.withBytes = withBytes;
  }

  /**
   * Compare.
   *
   * @return what differs.
   */
  public SnapshotDiff run() {
    final Map<Integer, ProcessImage> one = byPid(before);
    final Map<Integer, ProcessImage> other = byPid(after);
    final Set<Integer> pids = new TreeSet<>(one.keySet());
    pids.addAll(other.keySet());
    final List<ProcessDiff> processes = new ArrayList<>();
    for (final int pid : pids) {
      final ProcessDiff diff =
          process(
              one.getOrDefault(pid, ProcessImage.getDefaultInstance()),
              other.getOrDefault(pid, ProcessImage.getDefaultInstance()),
              pid);
      if (!diff.isEmpty()) {
        processes.add(diff);
      }
    }
    return new SnapshotDiff(
        processes, LayerDiff.of(keeper, pagesBefore.layers(), pagesAfter.layers()));
  }

  private static Map<Integer, ProcessImage> byPid(final Image image) {
    final Map<Integer, ProcessImage> byPid = new HashMap<>();
    image.getProcessesList().forEach(process -> byPid.put(process.getPid(), process));
    return byPid;
  }

  private ProcessDiff process(final ProcessImage one, final ProcessImage other, final int pid) {
    final MemoryImage memory = one.getMemory();
    final MemoryDiff diff =
        new MemoryDiff(
            PageSpace.ofProcess(pid),
            memory,
            pagesBefore,
            other.getMemory(),
            pagesAfter,
            withBytes);
    final List<Change> state = pieces(one.getPiecesList(), other.getPiecesList());
    if (memory.getLayout().getBrk() != other.getMemory().getLayout().getBrk()) {
      state.add(
          changed(
              "end of the heap",
              hex(memory.getLayout().getBrk()),
              hex(other.getMemory().getLayout().getBrk())));
    }
    return new ProcessDiff(
        pid, diff.ranges(), diff.mappings(), descriptors(one, other), state, threads(one, other));
  }

  private static Change changed(final String name, final String one, final String other) {
    return new Change(Kind.CHANGED, name, one, other);
  }

  private static String hex(final long value) {
    return "0x" + Long.toHexString(value);
  }

  // ---- descriptors

  private List<Change> descriptors(final ProcessImage one, final ProcessImage other) {
    return changes(describe(before, one), describe(after, other), number -> number);
  }

  /** What the same text is told of is the same, but for numbers that the kernel gives. */
  private static Map<Integer, String> describe(final Image image, final ProcessImage process) {
    final Map<Integer, FileImage> files = new HashMap<>();
    image.getFilesList().forEach(file -> files.put(file.getId(), file));
    final Map<Integer, String> texts = new TreeMap<>();
    for (final DescriptorImage descriptor : process.getDescriptorsList()) {
      texts.put(
          descriptor.getNumber(),
          describe(files.get(descriptor.getFile()))
              + (descriptor.getCloseOnExec() ? ", close on exec" : ""));
    }
    return texts;
  }

  private static String describe(final FileImage file) {
    final String name = file.getKind() + " " + file.getLink();
    if (!WITH_POSITION.contains(file.getKind())) {
      return name + ", state " + Integer.toHexString(file.getState().hashCode());
    }
    try {
      return name + " at " + PathFileImage.parseFrom(file.getState()).getPosition();
    } catch (final InvalidProtocolBufferException e) {
      throw new VasException("the snapshot's image is damaged", e);
    }
  }

  private static <K> List<Change> changes(
      final Map<K, String> one, final Map<K, String> other, final Function<K, ?> name) {
    final Map<K, String> all = new TreeMap<>(one);
    all.putAll(other);
    final List<Change> changes = new ArrayList<>();
    for (final K key : all.keySet()) {
      final String left = one.getOrDefault(key, "");
      final String right = other.getOrDefault(key, "");
      if (!left.equals(right)) {
        final Kind kind =
            left.isEmpty() ? Kind.ADDED : right.isEmpty() ? Kind.REMOVED : Kind.CHANGED;
        changes.add(new Change(kind, name.apply(key).toString(), left, right));
      }
    }
    return changes;
  }

  // ---- state

  private static List<Change> pieces(final List<Piece> one, final List<Piece> other) {
    final Map<String, ByteString> left = states(one);
    final Map<String, ByteString> right = states(other);
    final Set<String> kinds = new TreeSet<>(left.keySet());
    kinds.addAll(right.keySet());
    kinds.remove(Registers.KIND);
    final List<Change> changes = new ArrayList<>();
    for (final String kind : kinds) {
      final ByteString before = left.get(kind);
      final ByteString after = right.get(kind);
      if (before == null) {
        changes.add(new Change(Kind.ADDED, kind, "", ""));
      } else if (after == null) {
        changes.add(new Change(Kind.REMOVED, kind, "", ""));
      } else if (!before.equals(after)) {
        changes.add(changed(kind, "", ""));
      }
    }
    return changes;
  }

  private static Map<String, ByteString> states(final List<Piece> pieces) {
    final Map<String, ByteString> states = new HashMap<>();
    pieces.forEach(piece -> states.put(piece.getKind(), piece.getState()));
    return states;
  }

  // ---- threads

  private static List<ThreadDiff> threads(final ProcessImage one, final ProcessImage other) {
    final Map<Integer, TaskImage> left = byTid(one);
    final Map<Integer, TaskImage> right = byTid(other);
    final Set<Integer> tids = new TreeSet<>(left.keySet());
    tids.addAll(right.keySet());
    final List<ThreadDiff> threads = new ArrayList<>();
    for (final int tid : tids) {
      if (!left.containsKey(tid) || !right.containsKey(tid)) {
        threads.add(
            new ThreadDiff(
                tid, left.containsKey(tid) ? Kind.REMOVED : Kind.ADDED, List.of(), List.of()));
        continue;
      }
      final List<Change> registers =
          changes(registers(left.get(tid)), registers(right.get(tid)), REGISTER_NAMES::get);
      final List<Change> state =
          pieces(left.get(tid).getPiecesList(), right.get(tid).getPiecesList());
      if (!registers.isEmpty() || !state.isEmpty()) {
        threads.add(new ThreadDiff(tid, Kind.CHANGED, registers, state));
      }
    }
    return threads;
  }

  private static final int XSTATE = REGISTERS.size();
  private static final int MASK = XSTATE + 1;

  private static final Map<Integer, Object> REGISTER_NAMES = registerNames();

  private static Map<Integer, Object> registerNames() {
    final Map<Integer, Object> names = new HashMap<>();
    for (int i = 0; i < REGISTERS.size(); i++) {
      names.put(i, REGISTERS.get(i));
    }
    names.put(XSTATE, "xstate");
    names.put(MASK, "blocked signals");
    return names;
  }

  private static Map<Integer, TaskImage> byTid(final ProcessImage process) {
    final Map<Integer, TaskImage> byTid = new HashMap<>();
    process.getTasksList().forEach(task -> byTid.put(task.getTid(), task));
    return byTid;
  }

  private static Map<Integer, String> registers(final TaskImage task) {
    final Map<Integer, String> values = new HashMap<>();
    for (final Piece piece : task.getPiecesList()) {
      if (piece.getKind().equals(Registers.KIND)) {
        try {
          final RegistersState state = RegistersState.parseFrom(piece.getState());
          final UnsafeBuffer general = new UnsafeBuffer(state.getGeneral().toByteArray());
          for (int i = 0; i < REGISTERS.size(); i++) {
            values.put(i, hex(general.getLong(i * Long.BYTES, LITTLE_ENDIAN)));
          }
          values.put(XSTATE, "state " + Integer.toHexString(state.getXstate().hashCode()));
          values.put(MASK, hex(state.getSignalMask()));
        } catch (final InvalidProtocolBufferException e) {
          throw new VasException("the snapshot's image is damaged", e);
        }
      }
    }
    return values;
  }
}
