package io.vas.api.daemon;

import io.vas.api.v1.CheckReply;
import io.vas.api.v1.Finding;
import io.vas.core.linux.Credentials;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.Mounts;
import io.vas.core.linux.TmpfsMount;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Looks at this host: what the kernel offers, what is missing, and what follows from it. What can
 * be tried without a trace is tried; the rest is read in /proc and /sys.
 */
public final class HostCheck {
  private static final int CAP_SYS_PTRACE = 19;
  private static final int CAP_SYS_ADMIN = 21;
  private static final int CAP_SYS_RESOURCE = 24;

  private final CheckReply.Builder reply = CheckReply.newBuilder().setUsable(true);

  private HostCheck() {}

  /**
   * Looks.
   *
   * @return the findings.
   */
  public static CheckReply run() {
    final HostCheck check = new HostCheck();
    check.architecture();
    check.kernel();
    check.privileges();
    check.namespaces();
    check.overlay();
    check.regions();
    check.userfaultfd();
    check.hugePages();
    check.overcommit();
    check.cgroups();
    check.memory();
    return check.reply.build();
  }

  private void architecture() {
    final String found = System.getProperty("os.arch");
    require(
        "x86-64",
        found.equals("amd64"),
        found,
        "the executor is built for x86-64 only: nothing runs");
  }

  private void kernel() {
    final String release = System.getProperty("os.version");
    reply.setKernel(release);
    final Matcher version = Pattern.compile("([0-9]+)\\.([0-9]+).*").matcher(release);
    // 6.7 brought PAGEMAP_SCAN and asynchronous write protection; without a way to ask, the
    // version tells.
    final boolean scan =
        version.matches()
            && Integer.parseInt(version.group(1)) * 1000 + Integer.parseInt(version.group(2))
                >= 6007;
    require(
        "PAGEMAP_SCAN (Linux 6.7)",
        scan,
        "Linux " + release,
        "written pages can't be found: no snapshots");
  }

  private void privileges() {
    final boolean root = Credentials.current().isRoot();
    require("root", root, root ? "yes" : "no", "namespaces, mounts and ptrace are refused");
    final long capabilities = capabilities();
    require(
        "CAP_SYS_ADMIN, CAP_SYS_PTRACE",
        has(capabilities, CAP_SYS_ADMIN) && has(capabilities, CAP_SYS_PTRACE),
        Long.toHexString(capabilities),
        "namespaces, mounts and ptrace are refused");
    prefer(
        "CAP_SYS_RESOURCE",
        has(capabilities, CAP_SYS_RESOURCE),
        has(capabilities, CAP_SYS_RESOURCE) ? "yes" : "no",
        "hard limits can't be raised: a fork has at most the daemon's");
  }

  private void namespaces() {
    final List<String> missing = new ArrayList<>();
    for (final String name : List.of("pid", "mnt", "net", "ipc", "uts")) {
      if (!Files.exists(Path.of("/proc/self/ns", name))) {
        missing.add(name);
      }
    }
    require(
        "namespaces",
        missing.isEmpty(),
        missing.isEmpty() ? "pid mnt net ipc uts" : "without " + String.join(" ", missing),
        "instances can't be set apart");
  }

  private void overlay() {
    final String found = tried(() -> Mounts.isSupported("overlay") ? "yes" : "no");
    require("overlayfs", found.equals("yes"), found, "instances have no root to write to");
  }

  private void regions() {
    final String found =
        tried(
            () -> {
              TmpfsMount.create(1 << 21, TmpfsMount.HugePages.ALWAYS).close();
              return "detached tmpfs with huge pages";
            });
    require(
        "regions", found.startsWith("detached"), found, "there is no place for snapshots' pages");
  }

  private void userfaultfd() {
    final boolean found = Files.exists(Path.of("/proc/sys/vm/unprivileged_userfaultfd"));
    require(
        "userfaultfd",
        found,
        found ? "yes" : "not built in",
        "a fork's memory can't be guarded: no forks by map");
  }

  private void hugePages() {
    final String found = selected("/sys/kernel/mm/transparent_hugepage/enabled");
    prefer(
        "transparent huge pages",
        found.equals("always") || found.equals("madvise"),
        found,
        "regions have pages of 4 KiB: forks of large snapshots start slower");
  }

  private void overcommit() {
    final String found = read("/proc/sys/vm/overcommit_memory");
    prefer(
        "overcommit",
        !found.equals("2"),
        "vm.overcommit_memory=" + found,
        "each fork counts with the whole size of its snapshot against the commit limit");
  }

  private void cgroups() {
    final boolean unified = Files.exists(Path.of("/sys/fs/cgroup/cgroup.controllers"));
    final boolean legacy = Files.isDirectory(Path.of("/sys/fs/cgroup/memory"));
    prefer(
        "cgroups",
        unified || legacy,
        unified ? "v2" : legacy ? "v1" : "none",
        "instances share the daemon's limits");
  }

  private void memory() {
    final Matcher available =
        Pattern.compile("(?s).*MemAvailable: +([0-9]+) kB.*").matcher(read("/proc/meminfo"));
    final long mebibytes = available.matches() ? Long.parseLong(available.group(1)) / 1024 : 0;
    prefer(
        "memory",
        mebibytes >= 1024,
        mebibytes + " MiB available",
        "there is room for small snapshots only");
  }

  private void require(
      final String name, final boolean ok, final String detail, final String consequence) {
    add(name, ok, Finding.Level.REQUIRED, detail, consequence);
    reply.setUsable(reply.getUsable() && ok);
  }

  private void prefer(
      final String name, final boolean ok, final String detail, final String consequence) {
    add(name, ok, Finding.Level.DEGRADED, detail, consequence);
  }

  private void add(
      final String name,
      final boolean ok,
      final Finding.Level otherwise,
      final String detail,
      final String consequence) {
    reply.addFindings(
        Finding.newBuilder()
            .setName(name)
            .setLevel(ok ? Finding.Level.OK : otherwise)
            .setDetail(detail)
            .setConsequence(ok ? "" : consequence));
  }

  private interface Attempt {
    String make();
  }

  private static String tried(final Attempt attempt) {
    try {
      return attempt.make();
    } catch (final LinuxException e) {
      return e.getMessage();
    }
  }

  private static long capabilities() {
    final Matcher effective =
        Pattern.compile("(?s).*CapEff:\\s+([0-9a-f]+).*").matcher(read("/proc/self/status"));
    return effective.matches() ? Long.parseUnsignedLong(effective.group(1), 16) : 0;
  }

  private static boolean has(final long capabilities, final int capability) {
    return (capabilities >>> capability & 1) != 0;
  }

  /** The word in brackets. */
  private static String selected(final String file) {
    final Matcher matcher = Pattern.compile(".*\\[(\\w+)].*").matcher(read(file));
    return matcher.matches() ? matcher.group(1) : "none";
  }

  private static String read(final String file) {
    try {
      return Files.readString(Path.of(file)).strip();
    } catch (final IOException e) {
      return "";
    }
  }
}
