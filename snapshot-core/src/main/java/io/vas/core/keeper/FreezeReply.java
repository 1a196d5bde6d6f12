package io.vas.core.keeper;

import java.util.Map;

/**
 * An instance was frozen and recorded, and runs again.
 *
 * @param recordLength bytes of the record.
 * @param frozenNanos from the first task's stop to the last one's release.
 * @param totalNanos of all the keeper did.
 * @param pages that were stored.
 * @param stageNanos how long each stage took.
 */
public record FreezeReply(
    long recordLength,
    long frozenNanos,
    long totalNanos,
    long pages,
    Map<FreezeStage, Long> stageNanos) {}
