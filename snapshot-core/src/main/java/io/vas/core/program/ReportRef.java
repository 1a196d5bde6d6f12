package io.vas.core.program;

/**
 * The address of a byte of the report that a running program shares with the keeper.
 *
 * @param offset in the report, of {@link ProgramDescriptor}.
 */
public record ReportRef(int offset) implements Value {}
