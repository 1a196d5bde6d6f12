package io.vas.core.keeper;

/**
 * A result slot of a program that the keeper gives a value before the program starts.
 *
 * @param slot of the program.
 * @param kind one of {@link KeeperProtocolDescriptor}'s PARAM_*.
 * @param value what the kind needs to know.
 */
public record Param(int slot, int kind, long value) {}
