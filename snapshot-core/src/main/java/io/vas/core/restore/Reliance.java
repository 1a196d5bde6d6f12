package io.vas.core.restore;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.DamagedException;
import io.vas.core.UnsupportedException;
import io.vas.core.VasException;
import io.vas.core.checkpoint.Checkpointer;
import io.vas.core.checkpoint.SandboxPiece;
import io.vas.core.image.HostState;
import io.vas.core.image.Image;
import io.vas.core.image.RelianceState;
import io.vas.core.linux.Clocks;
import io.vas.core.linux.Machine;
import io.vas.core.linux.Vdso;
import io.vas.core.sandbox.ClockOffsets;
import io.vas.core.sandbox.SandboxSpec;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeSet;
import java.util.regex.Pattern;

/**
 * What snapshots rely on besides their image, pages and files, when they are to be forked after the
 * machine was started again, or on another one.
 *
 * <p>For one saving or loading: what was found out about a file is not looked for twice.
 */
public final class Reliance {
  /**
   * Flags of /proc/cpuinfo that stand for instructions, or registers, that a program may use once
   * it has seen them. The others are the kernel's matter.
   */
  private static final Pattern INSTRUCTIONS =
      Pattern.compile(
          "s?sse.*|pni|avx.*|fma4?|f16c|xop|tbm|mmx.*|3dnow.*|bmi[12]|abm|popcnt|movbe|adx|aes|vaes"
              + "|v?pclmulqdq|sha_ni|sha512|sm[34]|gfni|rdrand|rdseed|rdpid|rdtscp|tsc|cx8|cx16|cmov"
              + "|fxsr.*|xsave.*|xgetbv1|clflush.*|clwb|clzero|cldemote|movdir.*|enqcmd|serialize"
              + "|waitpkg|monitorx|fsgsbase|lahf_lm|pku|ospke|rtm|hle|erms|fsrm|fzrm|fsrs|fsrc"
              + "|user_shstk|amx.*|la57|prefetchi?|prefetchwt1|3dnowprefetch|cmpccxadd|raoint|fpu");

  private static final Path OFFSETS = Path.of("/proc/self/timens_offsets");

  private final Map<String, ByteString> digests = new HashMap<>();
  private final HostState here = current();

  /** For one saving or loading. */
  public Reliance() {}

  /**
   * This machine, now.
   *
   * @return what {@link #accept} compares.
   */
  public HostState host() {
    return here;
  }

  private static HostState current() {
    final Machine machine = Machine.current();
    final Clocks clocks = Clocks.now();
    return HostState.newBuilder()
        .setKernel(machine.kernelRelease())
        .setPageSize(machine.pageSize())
        .addAllProcessorFlags(
            machine.processorFlags().stream()
                .filter(flag -> INSTRUCTIONS.matcher(flag).matches())
                .sorted()
                .toList())
        .setXstateComponents(machine.xstateComponents())
        .setSignalStackBytes(machine.minSignalStackBytes())
        .setVdso(ByteString.copyFrom(sha256(Vdso.bytes())))
        .setBootId(machine.bootId())
        .setMonotonicNanos(clocks.monotonicNanos())
        .setBoottimeNanos(clocks.boottimeNanos())
        .build();
  }

  private static byte[] sha256(final byte[] bytes) {
    try {
      return MessageDigest.getInstance("SHA-256").digest(bytes);
    } catch (final NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * What a snapshot relies on besides the machine.
   *
   * @param image of the snapshot.
   * @return what {@link #accept} compares.
   * @throws UnsupportedException if a file that it maps has changed: it can be forked neither now
   *     nor later.
   */
  public RelianceState of(final byte[] image) {
    final HostFileSet files = new HostFileSet(parse(image));
    try {
      return files.digests(digests);
    } catch (final VasException e) {
      throw new UnsupportedException(e.getMessage());
    }
  }

  /**
   * Check that a snapshot can be forked here.
   *
   * @param image of the snapshot as it was saved.
   * @param state what {@link #of} told of it.
   * @param host what {@link #host} told when it was saved.
   * @return the image that it is to have here.
   * @throws UnsupportedException naming what it relies on that is not here, or is another.
   */
  public Image accept(final byte[] image, final RelianceState state, final HostState host) {
    check(host, here);
    final Image saved = parse(image);
    if (saved.getVersion() != Checkpointer.IMAGE_VERSION) {
      throw new UnsupportedException(
          "its image has version "
              + saved.getVersion()
              + ", this is version "
              + Checkpointer.IMAGE_VERSION);
    }
    return withClocks(new HostFileSet(saved).find(saved, state, digests), host, here);
  }

  private static Image parse(final byte[] image) {
    try {
      return Image.parseFrom(image);
    } catch (final InvalidProtocolBufferException e) {
      throw new DamagedException("its image can not be read");
    }
  }

  // ---- the machine

  static void check(final HostState saved, final HostState here) {
    if (!saved.getKernel().equals(here.getKernel())) {
      throw new UnsupportedException(
          "it was saved on Linux "
              + saved.getKernel()
              + ", this is "
              + here.getKernel()
              + ": forks need the same kernel");
    }
    if (saved.getPageSize() != here.getPageSize()) {
      throw new UnsupportedException(
          "it has pages of "
              + saved.getPageSize()
              + " bytes, those of this machine have "
              + here.getPageSize());
    }
    final TreeSet<String> missing = new TreeSet<>(saved.getProcessorFlagsList());
    here.getProcessorFlagsList().forEach(missing::remove);
    if (!missing.isEmpty()) {
      throw new UnsupportedException(
          "it may use instructions that this processor does not have: "
              + String.join(", ", missing));
    }
    final long lost = saved.getXstateComponents() & ~here.getXstateComponents();
    if (lost != 0) {
      throw new UnsupportedException(
          String.format(
              "it has registers that are not saved here: components 0x%x of XSAVE", lost));
    }
    if (saved.getSignalStackBytes() != here.getSignalStackBytes()) {
      throw new UnsupportedException(
          "the area that XSAVE saves registers in has another size here: a signal takes "
              + here.getSignalStackBytes()
              + " bytes of stack, where it was saved "
              + saved.getSignalStackBytes());
    }
    if (!saved.getVdso().equals(here.getVdso())) {
      throw new UnsupportedException("the kernel's vdso is another one here");
    }
  }

  // ---- clocks

  /** Since the machine was started again its clocks may be behind. */
  private static Image withClocks(final Image image, final HostState saved, final HostState here) {
    final SandboxSpec sandbox = SandboxPiece.read(image);
    final ClockOffsets offsets = offsets(sandbox.clocks(), saved, here);
    if (!offsets.isNone() && !Files.exists(OFFSETS)) {
      throw new UnsupportedException(
          "its clocks would run backwards, and this kernel has no time namespaces");
    }
    return offsets.equals(sandbox.clocks())
        ? image
        : SandboxPiece.replace(image, sandbox.withClocks(offsets));
  }

  /**
   * How far clocks must be ahead so that they do not go back.
   *
   * @param before how far they were ahead where the snapshot was saved.
   * @param saved the machine then.
   * @param here the machine now.
   * @return not less than needed; no more than that, unless nothing changes.
   */
  static ClockOffsets offsets(
      final ClockOffsets before, final HostState saved, final HostState here) {
    if (saved.getBootId().equals(here.getBootId())) {
      return before;
    }
    return new ClockOffsets(
        Math.max(0, saved.getMonotonicNanos() + before.monotonicNanos() - here.getMonotonicNanos()),
        Math.max(0, saved.getBoottimeNanos() + before.boottimeNanos() - here.getBoottimeNanos()));
  }
}
