package io.vas.core.linux;

/**
 * Part of a text of /proc that goes on counting, or moves, while nothing else changes.
 *
 * @param from its first byte.
 * @param to the byte behind it.
 * @param isLine whether it ends with the end of a line, however long it gets; otherwise it is a
 *     word.
 */
public record CountingPart(int from, int to, boolean isLine) {}
