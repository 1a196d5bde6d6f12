package io.vas.core.keeper;

import java.util.Map;

/**
 * An instance that was put back in place.
 *
 * @param pages how many were written.
 * @param frozenNanos for how long it stood still.
 * @param stageNanos how long each stage took.
 */
public record MendReply(long pages, long frozenNanos, Map<MendStage, Long> stageNanos) {}
