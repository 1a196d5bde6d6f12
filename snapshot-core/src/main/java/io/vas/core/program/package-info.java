/**
 * Programs of system calls: what the executor, {@code native-helpers/src/executor}, interprets in a
 * new task, in a stopped one or in the keeper. {@link io.vas.core.program.ProgramBuilder} makes
 * them, {@link io.vas.core.program.ProgramResults} reads what one that ran has left.
 */
package io.vas.core.program;
