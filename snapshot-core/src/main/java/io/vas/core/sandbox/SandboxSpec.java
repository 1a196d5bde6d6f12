package io.vas.core.sandbox;

import io.vas.core.image.SandboxState;
import java.util.List;

/**
 * What the sandbox of an instance depends on. A fork is given its origin's.
 *
 * @param hostname of the uts namespace.
 * @param privileged whether nothing of /proc and /sys is masked or read-only.
 * @param hostMounts mount points of the host's file systems that are shown, read-only, besides the
 *     root; parents before what is mounted on them.
 * @param hidden directories of the host that are covered by an empty one.
 * @param clocks how far its clocks are ahead.
 */
public record SandboxSpec(
    String hostname,
    boolean privileged,
    List<String> hostMounts,
    List<String> hidden,
    ClockOffsets clocks) {
  /** Copies the lists. */
  public SandboxSpec {
    hostMounts = List.copyOf(hostMounts);
    hidden = List.copyOf(hidden);
  }

  /**
   * A sandbox with the host's clocks.
   *
   * @param hostname of the uts namespace.
   * @param privileged whether nothing of /proc and /sys is masked or read-only.
   * @param hostMounts mount points of the host's file systems that are shown.
   * @param hidden directories of the host that are covered.
   */
  public SandboxSpec(
      final String hostname,
      final boolean privileged,
      final List<String> hostMounts,
      final List<String> hidden) {
    this(hostname, privileged, hostMounts, hidden, ClockOffsets.NONE);
  }

  /**
   * The same with other clocks.
   *
   * @param offsets how far they are ahead.
   * @return a sandbox.
   */
  public SandboxSpec withClocks(final ClockOffsets offsets) {
    return new SandboxSpec(hostname, privileged, hostMounts, hidden, offsets);
  }

  /**
   * Read it.
   *
   * @param state as it is written.
   * @return the sandbox.
   */
  public static SandboxSpec decode(final SandboxState state) {
    return new SandboxSpec(
        state.getHostname(),
        state.getPrivileged(),
        state.getHostMountsList(),
        state.getHiddenList(),
        new ClockOffsets(state.getMonotonicOffsetNanos(), state.getBoottimeOffsetNanos()));
  }

  /**
   * Write it.
   *
   * @return what {@link #decode} reads.
   */
  public SandboxState encode() {
    return SandboxState.newBuilder()
        .setHostname(hostname)
        .setPrivileged(privileged)
        .addAllHostMounts(hostMounts)
        .addAllHidden(hidden)
        .setMonotonicOffsetNanos(clocks.monotonicNanos())
        .setBoottimeOffsetNanos(clocks.boottimeNanos())
        .build();
  }
}
