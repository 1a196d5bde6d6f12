package io.vas.core.linux;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.Optional;

/**
 * The NUMA nodes of this machine that have memory.
 *
 * @param list as the kernel writes them: {@code 0-1,4}.
 * @param count how many they are.
 */
public record NumaNodes(String list, int count) {
  private static final Path WITH_MEMORY = Path.of("/sys/devices/system/node/has_memory");

  /**
   * Look at this machine.
   *
   * @return its nodes; node 0 where the kernel knows nothing of nodes.
   */
  public static NumaNodes withMemory() {
    try {
      return parse(Files.readString(WITH_MEMORY, StandardCharsets.US_ASCII).strip());
    } catch (final NoSuchFileException e) {
      return parse("0");
    } catch (final IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Nodes.
   *
   * @param list as the kernel writes them.
   * @return the same, counted.
   * @throws IllegalArgumentException if it is no such list.
   */
  static NumaNodes parse(final String list) {
    final BitSet nodes = new BitSet();
    for (final String range : list.split(",", -1)) {
      final String[] ends = range.split("-", -1);
      final int first = number(ends[0], list);
      final int last = number(ends[ends.length - 1], list);
      if (ends.length > 2 || last < first) {
        throw new IllegalArgumentException("'" + list + "' is no list of nodes");
      }
      nodes.set(first, last + 1);
    }
    return new NumaNodes(list, nodes.cardinality());
  }

  private static int number(final String text, final String list) {
    try {
      return Integer.parseInt(text);
    } catch (final NumberFormatException e) {
      throw new IllegalArgumentException("'" + list + "' is no list of nodes", e);
    }
  }

  /**
   * Where memory is to lie that whoever runs on any of the nodes may map: on all of them in turn,
   * so that none is full first, and no fork has all of it far away.
   *
   * @return the policy, as an option of tmpfs; empty if there is just one node.
   */
  public Optional<String> spread() {
    return count > 1 ? Optional.of("interleave:" + list) : Optional.empty();
  }
}
