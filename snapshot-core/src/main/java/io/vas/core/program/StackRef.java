package io.vas.core.program;

/**
 * The address of a byte of the area that holds the stacks of a program's tasks.
 *
 * @param offset in the area; its length is the stack area's end.
 */
public record StackRef(int offset) implements Value {}
