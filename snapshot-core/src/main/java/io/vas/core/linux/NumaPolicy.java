package io.vas.core.linux;

import java.util.BitSet;
import java.util.StringJoiner;
import org.agrona.concurrent.UnsafeBuffer;

/** From which NUMA nodes the kernel takes the memory behind a mapping. */
final class NumaPolicy {
  private static final int MPOL_F_ADDR = 2;

  /** In the order of their numbers, as tmpfs writes them. */
  private static final String[] MODES = {
    "default", "prefer", "bind", "interleave", "local", "prefer (many)", "weighted interleave"
  };

  /** A kernel has 1024 nodes at most. */
  private static final int NODES = 1024;

  private static final int NODES_OFFSET = Long.BYTES;

  private NumaPolicy() {}

  /**
   * The policy for a page.
   *
   * @param address of the page, which is mapped.
   * @return as an option of tmpfs would say it: {@code interleave:0-1}, or {@code default}.
   * @throws LinuxException ENOSYS if the kernel knows nothing of nodes.
   */
  static String of(final long address) {
    final UnsafeBuffer scratch = Scratch.zeroed(NODES_OFFSET + NODES / Byte.SIZE);
    final long mode = scratch.addressOffset();
    if (Syscall.call(Syscall.GET_MEMPOLICY, mode, mode + NODES_OFFSET, NODES, address, MPOL_F_ADDR)
        < 0) {
      throw Kernel.failure("get_mempolicy", "address", address);
    }
    final BitSet nodes = new BitSet();
    for (int node = 0; node < NODES; node++) {
      final int bits = scratch.getByte(NODES_OFFSET + node / Byte.SIZE);
      nodes.set(node, ((bits >>> (node % Byte.SIZE)) & 1) == 1);
    }
    final int number = scratch.getShort(0);
    final String name = number < MODES.length ? MODES[number] : Integer.toString(number);
    return nodes.isEmpty() ? name : name + ":" + list(nodes);
  }

  private static String list(final BitSet nodes) {
    final StringJoiner list = new StringJoiner(",");
    for (int first = nodes.nextSetBit(0); first >= 0; ) {
      final int end = nodes.nextClearBit(first);
      list.add(end == first + 1 ? Integer.toString(first) : first + "-" + (end - 1));
      first = nodes.nextSetBit(end);
    }
    return list.toString();
  }
}
