package io.vas.core.program;

/**
 * A value that is known when the program is made.
 *
 * @param value any 64 bits.
 */
public record Immediate(long value) implements Value {}
