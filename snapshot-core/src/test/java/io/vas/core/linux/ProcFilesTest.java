package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import io.vas.core.VasException;
import io.vas.core.linux.Rlimit.Limit;
import java.util.List;
import java.util.Map;
import org.agrona.DirectBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;

class ProcFilesTest {
  private static final int OWN_PID = (int) ProcessHandle.current().pid();

  private static DirectBuffer text(final String text) {
    return new UnsafeBuffer(RawText.encode(text));
  }

  private static DirectBuffer own(final String file) {
    return new UnsafeBuffer(FileIo.readAll("/proc/self/" + file));
  }

  @Test
  void shouldReadItsOwnStatus() {
    final ProcStatus status = ProcStatus.parse(own("status"));
    assertThat(status.name()).isEqualTo("java");
    assertThat(status.state()).isIn('R', 'S');
    assertThat(status.pid()).isEqualTo(OWN_PID);
    assertThat(status.innermostPid()).isPositive();
    assertThat(status.uids().effective()).isEqualTo(Credentials.current().effectiveUid());
    assertThat(status.gids().real()).isEqualTo(Credentials.current().gid());
    assertThat(status.numbers("Groups")).isEqualTo(Credentials.current().groups());
    assertThat(status.number("Threads")).isGreaterThan(5);
    assertThat(status.bytes("RssAnon")).isGreaterThan(1 << 20);
    assertThat(status.mask("SigCgt") & 1L << 10).as("Java handles SIGSEGV").isNotZero();
    assertThat(status.has("VmLck")).isTrue();
    assertThat(status.has("VmNone")).isFalse();
    assertThat(status.bytes("VmNone")).isZero();
    assertThatExceptionOfType(VasException.class)
        .isThrownBy(() -> status.value("VmNone"))
        .withMessage("status: no line VmNone");
  }

  @Test
  void shouldReadAStatus() {
    final ProcStatus status =
        ProcStatus.parse(
            text(
                """
                Name:	 a:b\\n\040
                Umask:	0027
                State:	t (tracing stop)
                Pid:	26560
                Uid:	1000	0	4294967295	7
                Groups:	4 24\040
                NSpid:	26560	12	3
                VmPTE:	      48 kB
                SigIgn:	ffffffffffffffff
                CapBnd:	000001fffeffffff
                """));
    assertThat(status.name()).isEqualTo(" a:b\n ");
    assertThat(status.umask()).isEqualTo(027);
    assertThat(status.state()).isEqualTo('t');
    assertThat(status.uids()).isEqualTo(new ProcStatus.Ids(1000, 0, -1, 7));
    assertThat(status.numbers("Groups")).containsExactly(4, 24);
    assertThat(status.innermostPid()).isEqualTo(3);
    assertThat(status.bytes("VmPTE")).isEqualTo(48 * 1024);
    assertThat(status.mask("SigIgn")).isEqualTo(-1);
    assertThat(Capability.setOf(status.mask("CapBnd")))
        .hasSize(40)
        .doesNotContain(Capability.SYS_RESOURCE);
  }

  @Test
  void shouldReadItsOwnStat() {
    final ProcStat stat = ProcStat.parse(own("stat"));
    assertThat(stat.pid()).isEqualTo(OWN_PID);
    assertThat(stat.name()).isEqualTo("java");
    assertThat(stat.threads()).isGreaterThan(5);
    assertThat(stat.exitSignal()).isEqualTo(Signals.SIGCHLD);
    assertThat(stat.startTime()).isPositive();
    assertThat(stat.endCode()).isGreaterThan(stat.startCode());
    final List<Vma> maps = ProcMaps.parse(own("maps"));
    assertThat(maps)
        .anyMatch(vma -> vma.contains(stat.startStack()) && vma.name().equals("[stack]"));
    assertThat(maps).anyMatch(vma -> vma.contains(stat.environmentStart()));
  }

  @Test
  void shouldReadAStat() {
    final ProcStat stat =
        ProcStat.parse(
            text(
                "26561 (a) R (b\n) S 26529 26530 2534 34816 -1 4194304 101 0 0 0 1 2 0 0 20 -5 1 0"
                    + " 214573 3133440 417 18446744073709551615 93997183365120 93997183385001"
                    + " 140734335737264 0 0 0 0 0 0 0 0 0 17 3 99 1 0 0 0 93997183401008"
                    + " 93997183402624 93998247555072 140734335744540 140734335744560"
                    + " 140734335744561 140734335746027 256\n"));
    assertThat(stat.pid()).isEqualTo(26561);
    assertThat(stat.name()).isEqualTo("a) R (b\n");
    assertThat(stat.state()).isEqualTo('S');
    assertThat(stat.parent()).isEqualTo(26529);
    assertThat(stat.processGroup()).isEqualTo(26530);
    assertThat(stat.session()).isEqualTo(2534);
    assertThat(stat.terminal()).isEqualTo(34816);
    assertThat(stat.field(8)).isEqualTo(-1);
    assertThat(stat.flags()).isEqualTo(4194304);
    assertThat(stat.nice()).isEqualTo(-5);
    assertThat(stat.threads()).isEqualTo(1);
    assertThat(stat.startTime()).isEqualTo(214573);
    assertThat(stat.field(25)).isEqualTo(-1);
    assertThat(stat.startCode()).isEqualTo(93997183365120L);
    assertThat(stat.endCode()).isEqualTo(93997183385001L);
    assertThat(stat.startStack()).isEqualTo(140734335737264L);
    assertThat(stat.exitSignal()).isEqualTo(17);
    assertThat(stat.realTimePriority()).isEqualTo(99);
    assertThat(stat.policy()).isEqualTo(1);
    assertThat(stat.startData()).isEqualTo(93997183401008L);
    assertThat(stat.endData()).isEqualTo(93997183402624L);
    assertThat(stat.startBreak()).isEqualTo(93998247555072L);
    assertThat(stat.argumentsStart()).isEqualTo(140734335744540L);
    assertThat(stat.argumentsEnd()).isEqualTo(140734335744560L);
    assertThat(stat.environmentStart()).isEqualTo(140734335744561L);
    assertThat(stat.environmentEnd()).isEqualTo(140734335746027L);
    assertThat(stat.exitCode()).isEqualTo(256);
    assertThatIllegalArgumentException().isThrownBy(() -> stat.field(3));
    assertThatExceptionOfType(VasException.class)
        .isThrownBy(() -> ProcStat.parse(text("1 (a) S 1 2\n")));
  }

  @Test
  void shouldTellWhatChangesFromWhatCounts() {
    final String stat =
        "7 (a) b) t 1 7 7 0 -1 4194624 340 0 0 0 1 2 0 0 20 0 1 0 3648102 3723264 2 99 1 2 3 4 5 6"
            + " 7 8 9 10 11 12 17 0 0 0 0 0 0 20 21 22 23 24 25 26 0\n";
    assertThat(without(stat, ProcStat.counting(text(stat))))
        .isEqualTo(
            "7 (a) b) t 1 7 7 0 -1 4194624         20 0 1 0 3648102 3723264  99 1 2 3   6"
                + " 7 8 9  11 12 17  0 0    20 21 22 23 24 25 26 0\n");
    final String status = "Name:\tSigQ\nUmask:\t0022\nVmRSS:\t 9 kB\nSigQ:\t1/9\nSeccomp:\t0\n";
    assertThat(without(status, ProcStatus.counting(text(status))))
        .isEqualTo("Name:\tSigQ\nUmask:\t0022\nVmRSS:SigQ:Seccomp:\t0\n");
    final String info = "pos:\t12\nflags:\t0100002\nmnt_id:\t9\n";
    assertThat(without(info, FdInfo.position(text(info))))
        .isEqualTo("pos:flags:\t0100002\nmnt_id:\t9\n");
  }

  private static String without(final String text, final List<CountingPart> parts) {
    final StringBuilder rest = new StringBuilder();
    int at = 0;
    for (final CountingPart part : parts) {
      rest.append(text, at, part.from());
      at = part.to();
    }
    return rest.append(text.substring(at)).toString();
  }

  @Test
  void shouldReadItsOwnLimits() {
    final Map<Rlimit, Limit> limits = Rlimit.parse(own("limits"));
    assertThat(limits).hasSize(16).containsOnlyKeys(Rlimit.values());
    assertThat(limits.get(Rlimit.NOFILE).soft()).isPositive();
    assertThat(Rlimit.RTTIME.number()).isEqualTo(15);
  }

  @Test
  void shouldReadLimits() {
    final Map<Rlimit, Limit> limits =
        Rlimit.parse(
            text(
                """
                Limit                     Soft Limit           Hard Limit           Units    \040
                Max stack size            8388608              unlimited            bytes    \040
                Max nice priority         0                    7                   \040
                """));
    assertThat(limits)
        .containsOnly(
            Map.entry(Rlimit.STACK, new Limit(8388608, Rlimit.INFINITY)),
            Map.entry(Rlimit.NICE, new Limit(0, 7)));
    assertThatExceptionOfType(VasException.class)
        .isThrownBy(() -> Rlimit.parse(text("Limit  Soft\nMax luck   1 1 \n")));
  }

  @Test
  void shouldReadTimers() {
    assertThat(
            PosixTimer.parse(
                text(
                    """
                    ID: 2
                    signal: 0/0000000000000000
                    notify: none/pid.26580
                    ClockID: -6
                    ID: 1
                    signal: 14/00000000deadbeef
                    notify: signal/tid.26581
                    ClockID: 0
                    """)))
        .containsExactly(
            new PosixTimer(1, 14, 0xdeadbeefL, PosixTimer.SIGEV_SIGNAL, true, 26581, 0),
            new PosixTimer(2, 0, 0, PosixTimer.SIGEV_NONE, false, 26580, -6));
    assertThat(PosixTimer.parse(own("timers"))).isEmpty();
  }

  @Test
  void shouldReadItsOwnAuxiliaryVector() {
    final Auxv auxv = Auxv.own();
    assertThat(auxv.value(Auxv.AT_PAGESZ)).hasValue(4096);
    assertThat(auxv.value(12345)).isEmpty();
    final long vdso = auxv.value(Auxv.AT_SYSINFO_EHDR).orElseThrow();
    assertThat(ProcMaps.parse(own("maps")))
        .anyMatch(vma -> vma.start() == vdso && vma.name().equals("[vdso]"));
  }

  @Test
  void shouldReadCommandLines() {
    assertThat(ProcStrings.parse(own("cmdline")).get(0)).endsWith("java");
    assertThat(ProcStrings.parse(text("a\0\0b c\0"))).containsExactly("a", "", "b c");
    assertThat(ProcStrings.parse(text("a\0b"))).containsExactly("a", "b");
    assertThat(ProcStrings.parse(text(""))).isEmpty();
  }

  @Test
  void shouldReadMounts() {
    assertThat(
            MountInfo.parse(
                text(
                    """
                    36 35 98:1 /mnt1 /mnt\\0402 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue
                    22 27 0:21 / /proc rw,relatime - proc proc rw
                    """)))
        .containsExactly(
            new MountInfo(
                36,
                35,
                new DeviceNumber(98, 1),
                "/mnt1",
                "/mnt 2",
                "rw,noatime",
                "master:1 shared:7",
                "ext3",
                "/dev/root",
                "rw,errors=continue"),
            new MountInfo(
                22,
                27,
                new DeviceNumber(0, 21),
                "/",
                "/proc",
                "rw,relatime",
                "",
                "proc",
                "proc",
                "rw"));
    assertThat(MountInfo.parse(own("mountinfo")))
        .anyMatch(mount -> mount.mountPoint().equals("/proc") && mount.type().equals("proc"));
    assertThatExceptionOfType(VasException.class)
        .isThrownBy(() -> MountInfo.parse(text("22 27 0:21 / /proc rw,relatime proc\n")));
  }
}
