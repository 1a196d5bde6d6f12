package io.vas.core.sandbox;

import java.util.List;

/**
 * What the sandbox of an instance depends on. A fork is given its origin's.
 *
 * @param hostname of the uts namespace.
 * @param privileged whether nothing of /proc and /sys is masked or read-only.
 * @param hostMounts mount points of the host's file systems that are shown, read-only, besides the
 *     root; parents before what is mounted on them.
 * @param hidden directories of the host that are covered by an empty one.
 */
public record SandboxSpec(
    String hostname, boolean privileged, List<String> hostMounts, List<String> hidden) {
  /** Copies the lists. */
  public SandboxSpec {
    hostMounts = List.copyOf(hostMounts);
    hidden = List.copyOf(hidden);
  }
}
