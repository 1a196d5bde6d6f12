package io.vas.core.checkpoint;

import io.vas.core.image.Image;
import io.vas.core.keeper.FreezeStage;
import java.util.List;
import java.util.Map;

/**
 * What was taken of an instance. Its pages and files are where the page sink wanted them.
 *
 * @param image everything but pages and files.
 * @param frozenNanos how long the instance stood still, from its first task's stop to the last
 *     one's release.
 * @param pages stored by the keeper, of 4 KiB.
 * @param stageNanos how long each stage of the freeze took.
 * @param frozenPages of those pages, copied while it was frozen.
 * @param objectPages of those, of files whose writes can not be tracked.
 * @param otherFrozenNanos how long it stood still besides: to make what tracks its writes, and when
 *     it could not be frozen at once.
 * @param roundPages how many pages each round of copying took while it ran; empty if its writes
 *     could not be tracked, or were not to be.
 * @param cut what {@link Base#cut()} is of a later checkpoint of the instance; 0: what changes from
 *     now on is not known.
 * @param isDelta whether what has not changed since the base was not copied.
 */
public record Checkpoint(
    Image image,
    long frozenNanos,
    long pages,
    Map<FreezeStage, Long> stageNanos,
    long frozenPages,
    long objectPages,
    long otherFrozenNanos,
    List<Long> roundPages,
    long cut,
    boolean isDelta) {}
