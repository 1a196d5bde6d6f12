package io.vas.core.keeper;

/**
 * A child of the keeper that lives.
 *
 * @param id of the instance or visitor.
 * @param visited id of the instance that it visits, or 0.
 * @param pid as the host sees it.
 * @param paused whether it was told to stand still. One that stands still for a moment, for
 *     something that is done to it, is not.
 * @param broken whether a rollback in place has failed half way.
 */
public record Listed(long id, long visited, int pid, boolean paused, boolean broken) {}
