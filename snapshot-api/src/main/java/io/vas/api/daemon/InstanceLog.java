package io.vas.api.daemon;

import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;

/**
 * What an instance writes to its standard output and error.
 *
 * @param file grows at its end only.
 * @param exit completes with the exit code when the instance has ended and nothing more comes.
 */
public record InstanceLog(Path file, CompletableFuture<Integer> exit) {}
