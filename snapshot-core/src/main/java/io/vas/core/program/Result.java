package io.vas.core.program;

/**
 * What an earlier operation returned, or what the keeper put in a parameter's place before the
 * start.
 *
 * @param slot where it is kept, counted from 0.
 */
public record Result(int slot) implements Value {}
