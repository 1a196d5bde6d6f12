package io.vas.core.checkpoint;

import io.vas.core.memory.PageSource;

/**
 * An earlier snapshot of an instance. What is as it was then is not stored again.
 *
 * @param cut {@link Checkpoint#cut()} of it, by which the kernel can tell what has changed since; 0
 *     if that is not known, and pages are only compared.
 * @param pages of it, open until the next one is there.
 */
public record Base(long cut, PageSource pages) {}
