package io.vas.core.linux;

import io.vas.core.InvalidRequestException;
import java.util.Collection;
import java.util.Collections;
import java.util.EnumSet;
import java.util.Locale;
import java.util.Set;

/** The capabilities of Linux, in the order of their bits, as capabilities(7) explains them. */
public enum Capability {
  /** Change owners of files. */
  CHOWN(0),

  /** Pass over permissions of files. */
  DAC_OVERRIDE(1),

  /** Pass over permissions to read files and search directories. */
  DAC_READ_SEARCH(2),

  /** Do to files what only owners may. */
  FOWNER(3),

  /** Keep set-id bits when files change. */
  FSETID(4),

  /** Signal processes of other users. */
  KILL(5),

  /** Change groups. */
  SETGID(6),

  /** Change users. */
  SETUID(7),

  /** Change the bounding and inheritable sets. */
  SETPCAP(8),

  /** Set files immutable or append-only. */
  LINUX_IMMUTABLE(9),

  /** Bind ports below 1024. */
  NET_BIND_SERVICE(10),

  /** Broadcast and listen to multicast. */
  NET_BROADCAST(11),

  /** Configure networks. */
  NET_ADMIN(12),

  /** Use raw and packet sockets. */
  NET_RAW(13),

  /** Lock memory. */
  IPC_LOCK(14),

  /** Pass over permissions of System V objects. */
  IPC_OWNER(15),

  /** Load kernel modules. */
  SYS_MODULE(16),

  /** Reach ports and raw devices. */
  SYS_RAWIO(17),

  /** Change the root directory. */
  SYS_CHROOT(18),

  /** Trace any process. */
  SYS_PTRACE(19),

  /** Switch process accounting. */
  SYS_PACCT(20),

  /** Mount, enter and make namespaces, and much else. */
  SYS_ADMIN(21),

  /** Reboot. */
  SYS_BOOT(22),

  /** Raise priorities. */
  SYS_NICE(23),

  /** Raise hard limits. */
  SYS_RESOURCE(24),

  /** Set clocks. */
  SYS_TIME(25),

  /** Configure terminals. */
  SYS_TTY_CONFIG(26),

  /** Make device nodes. */
  MKNOD(27),

  /** Take leases on files. */
  LEASE(28),

  /** Write audit records. */
  AUDIT_WRITE(29),

  /** Control auditing. */
  AUDIT_CONTROL(30),

  /** Set capabilities of files. */
  SETFCAP(31),

  /** Pass over mandatory access control. */
  MAC_OVERRIDE(32),

  /** Configure mandatory access control. */
  MAC_ADMIN(33),

  /** Read and clear the kernel's log. */
  SYSLOG(34),

  /** Wake the machine up. */
  WAKE_ALARM(35),

  /** Keep the machine awake. */
  BLOCK_SUSPEND(36),

  /** Read audit records. */
  AUDIT_READ(37),

  /** Observe performance. */
  PERFMON(38),

  /** Use privileged BPF. */
  BPF(39),

  /** Choose pids, among what restoring needs. */
  CHECKPOINT_RESTORE(40);

  /**
   * What a container has unless it asks for more or less: docker's default, from moby's {@code
   * oci/caps/defaults.go}.
   */
  public static final Set<Capability> DOCKER_DEFAULT =
      Collections.unmodifiableSet(
          EnumSet.of(
              CHOWN,
              DAC_OVERRIDE,
              FSETID,
              FOWNER,
              MKNOD,
              NET_RAW,
              SETGID,
              SETUID,
              SETFCAP,
              SETPCAP,
              NET_BIND_SERVICE,
              SYS_CHROOT,
              KILL,
              AUDIT_WRITE));

  private final int bit;

  Capability(final int bit) {
    this.bit = bit;
  }

  /**
   * The capability's bit number in the kernel's masks.
   *
   * @return 0 to 40.
   */
  public int bit() {
    return bit;
  }

  /**
   * The name, as capabilities(7) has it.
   *
   * @return for example {@code CAP_NET_ADMIN}.
   */
  public String capName() {
    return "CAP_" + name();
  }

  /**
   * The capabilities that a user means.
   *
   * @param text a name with or without CAP_, in any case, or {@code ALL}.
   * @return the capability, or all.
   * @throws InvalidRequestException if there is no such capability.
   */
  public static Set<Capability> parse(final String text) {
    final String upper = text.trim().toUpperCase(Locale.ROOT);
    if (upper.equals("ALL")) {
      return EnumSet.allOf(Capability.class);
    }
    final String name = upper.startsWith("CAP_") ? upper.substring("CAP_".length()) : upper;
    for (final Capability capability : values()) {
      if (capability.name().equals(name)) {
        return EnumSet.of(capability);
      }
    }
    throw new InvalidRequestException(
        "there is no capability '" + text + "'; expected is one such as NET_ADMIN, or ALL");
  }

  /**
   * A mask of the kernel as a set. Bits without a name here are left out.
   *
   * @param mask a bit for each capability, as /proc/PID/status shows it.
   * @return the capabilities whose bits are set.
   */
  public static Set<Capability> setOf(final long mask) {
    final Set<Capability> set = EnumSet.noneOf(Capability.class);
    for (final Capability capability : values()) {
      if (((mask >>> capability.bit) & 1) != 0) {
        set.add(capability);
      }
    }
    return set;
  }

  /**
   * A set as a mask of the kernel.
   *
   * @param capabilities any capabilities.
   * @return a mask with their bits set.
   */
  public static long maskOf(final Collection<Capability> capabilities) {
    long mask = 0;
    for (final Capability capability : capabilities) {
      mask |= 1L << capability.bit;
    }
    return mask;
  }
}
