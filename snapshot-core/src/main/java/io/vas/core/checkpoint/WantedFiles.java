package io.vas.core.checkpoint;

import io.vas.core.linux.Fd;
import java.util.List;
import java.util.Optional;

/**
 * The files of a snapshot, which those of an instance are compared with.
 *
 * @param layer what the instance's own layer of files is compared with; empty: with one that holds
 *     nothing.
 * @param root the root directory that the snapshot's forks begin with: what is seen is compared;
 *     empty: the layers are.
 * @param layers of the instance, as far as they are known, the uppermost first.
 */
public record WantedFiles(Optional<Fd> layer, Optional<Fd> root, List<Fd> layers) {}
