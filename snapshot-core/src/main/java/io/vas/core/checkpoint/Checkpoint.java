package io.vas.core.checkpoint;

import io.vas.core.image.Image;
import io.vas.core.keeper.FreezeStage;
import java.util.Map;

/**
 * What was taken of an instance. Its pages and files are where the page sink wanted them.
 *
 * @param image everything but pages and files.
 * @param frozenNanos how long the instance stood still, from its first task's stop to the last
 *     one's release.
 * @param pages stored while it was frozen, of 4 KiB.
 * @param stageNanos how long each stage of the freeze took.
 */
public record Checkpoint(
    Image image, long frozenNanos, long pages, Map<FreezeStage, Long> stageNanos) {}
