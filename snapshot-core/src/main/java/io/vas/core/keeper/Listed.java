package io.vas.core.keeper;

/**
 * A child of the keeper that lives.
 *
 * @param id of the instance or visitor.
 * @param visited id of the instance that it visits, or 0.
 * @param pid as the host sees it.
 */
public record Listed(long id, long visited, int pid) {}
