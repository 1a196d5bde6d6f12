package io.vas.core.keeper;

import java.util.List;
import java.util.Map;

/**
 * An instance was frozen and recorded, and runs again.
 *
 * @param recordLength bytes of the record.
 * @param frozenNanos from the first task's stop to the last one's release.
 * @param totalNanos of all the keeper did.
 * @param pages that were stored.
 * @param stageNanos how long each stage took.
 * @param frozenPages of those that were stored, copied while it was frozen.
 * @param objectPages of those, of files whose writes can not be tracked.
 * @param otherNanos that it stood still before: to make what tracks its writes, and when it could
 *     not be frozen at once.
 * @param attempts to freeze it.
 * @param roundPages how many pages each round copied while it ran; empty if there were no rounds.
 * @param imprint what there is of the keeper's in its memory.
 * @param cut by which a later freeze of the instance may ask for what has changed since; 0: it will
 *     not be known.
 * @param base the request's, if what has not changed since was not copied; otherwise 0.
 */
public record FreezeReply(
    long recordLength,
    long frozenNanos,
    long totalNanos,
    long pages,
    Map<FreezeStage, Long> stageNanos,
    long frozenPages,
    long objectPages,
    long otherNanos,
    int attempts,
    List<Long> roundPages,
    Imprint imprint,
    long cut,
    long base) {}
