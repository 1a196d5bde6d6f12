package io.vas.core.memory;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import org.agrona.MutableDirectBuffer;

/**
 * Instructions of a seccomp filter, which is a program of the classic BPF over {@code struct
 * seccomp_data}. An instruction is an array of its code, where it jumps to if true and if false,
 * and its operand. Jumps count from the next instruction, 0 to 255; labels are negative.
 */
final class Bpf {
  /** Bytes of a {@code struct sock_filter}. */
  static final int LENGTH = 8;

  // struct seccomp_data
  static final int NUMBER = 0;
  static final int ARCHITECTURE = 4;
  private static final int ARGUMENTS = 16;

  // linux/bpf_common.h, linux/filter.h
  private static final int LD_W_ABS = 0x20;
  private static final int LD_MEM = 0x60;
  private static final int ST = 0x02;
  private static final int TAX = 0x07;
  private static final int ADD_K = 0x04;
  private static final int ADD_X = 0x0c;
  private static final int OR_X = 0x4c;
  private static final int LSH_K = 0x64;
  private static final int RSH_K = 0x74;
  private static final int JEQ_K = 0x15;
  private static final int JGE_K = 0x35;
  private static final int RET_K = 0x06;
  private static final int RET_ALLOW = 0x7fff0000;
  private static final int RET_USER_NOTIF = 0x7fc00000;

  private static final int CODE = 0;
  private static final int IF_TRUE = 1;
  private static final int IF_FALSE = 2;
  private static final int OPERAND = 3;
  private static final int JUMP_MAX = 255;

  private Bpf() {}

  /** Where the lower half of an argument is. */
  static int argument(final int index) {
    return ARGUMENTS + index * Long.BYTES;
  }

  static int upperHalf(final int argument) {
    return argument + Integer.BYTES;
  }

  static int[] load(final int offset) {
    return new int[] {LD_W_ABS, 0, 0, offset};
  }

  static int[] store(final int word) {
    return new int[] {ST, 0, 0, word};
  }

  static int[] recall(final int word) {
    return new int[] {LD_MEM, 0, 0, word};
  }

  static int[] toX() {
    return new int[] {TAX, 0, 0, 0};
  }

  static int[] add(final int value) {
    return new int[] {ADD_K, 0, 0, value};
  }

  static int[] addX() {
    return new int[] {ADD_X, 0, 0, 0};
  }

  static int[] orX() {
    return new int[] {OR_X, 0, 0, 0};
  }

  static int[] shiftLeft(final int bits) {
    return new int[] {LSH_K, 0, 0, bits};
  }

  static int[] shiftRight(final int bits) {
    return new int[] {RSH_K, 0, 0, bits};
  }

  static int[] jumpIfEqual(final int value, final int ifTrue, final int ifFalse) {
    return new int[] {JEQ_K, ifTrue, ifFalse, value};
  }

  /** Unsigned. */
  static int[] jumpIfAtLeast(final int value, final int ifTrue, final int ifFalse) {
    return new int[] {JGE_K, ifTrue, ifFalse, value};
  }

  /** Unsigned. */
  static int[] skipIfAtLeast(final int value, final int instructions) {
    return new int[] {JGE_K, instructions, 0, value};
  }

  static int[] pass() {
    return new int[] {RET_K, 0, 0, RET_ALLOW};
  }

  static int[] askListener() {
    return new int[] {RET_K, 0, 0, RET_USER_NOTIF};
  }

  static void resolve(final int[] instruction, final int label, final int distance) {
    for (final int jump : new int[] {IF_TRUE, IF_FALSE}) {
      if (instruction[jump] == label) {
        if (distance > JUMP_MAX) {
          throw new IllegalStateException("a jump over " + distance + " instructions");
        }
        instruction[jump] = distance;
      }
    }
  }

  static void encode(final int[] instruction, final MutableDirectBuffer buffer, final int at) {
    buffer.putShort(at, (short) instruction[CODE], LITTLE_ENDIAN);
    buffer.putByte(at + Short.BYTES, (byte) instruction[IF_TRUE]);
    buffer.putByte(at + Short.BYTES + 1, (byte) instruction[IF_FALSE]);
    buffer.putInt(at + Integer.BYTES, instruction[OPERAND], LITTLE_ENDIAN);
  }
}
