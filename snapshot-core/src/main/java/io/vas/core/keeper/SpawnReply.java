package io.vas.core.keeper;

import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * A child that runs. Times are of CLOCK_MONOTONIC, in nanoseconds, as {@link System#nanoTime()}.
 *
 * @param pid as the host sees it.
 * @param receivedNanos when the keeper read the request.
 * @param clonedNanos when the child had been cloned.
 * @param readyNanos when the child had done all but execve or its release.
 * @param releasedNanos when the child had executed its command, or its tasks were released.
 * @param stampNanos when the program passed each of its stamps; 0 where there was none.
 * @param exit completes when the child has ended; exceptionally if the keeper is gone.
 */
public record SpawnReply(
    int pid,
    long receivedNanos,
    long clonedNanos,
    long readyNanos,
    long releasedNanos,
    List<Long> stampNanos,
    CompletableFuture<ExitStatus> exit) {}
