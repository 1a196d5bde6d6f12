/**
 * The keeper, seen from the daemon: the protocol with it and the layouts that both share. The
 * keeper is the native process that is the parent and the tracer of all instances, see {@code
 * native-helpers/src/keeper}.
 */
package io.vas.core.keeper;
