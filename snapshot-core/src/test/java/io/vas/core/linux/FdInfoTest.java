package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.vas.core.VasException;
import java.nio.ByteBuffer;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;

class FdInfoTest {
  private static FdInfo parse(final String text) {
    return FdInfo.parse(new UnsafeBuffer(RawText.encode(text)));
  }

  @Test
  void shouldReadThatOfAnyFile() {
    try (Fd fd = MemFd.create("file", 0, 0)) {
      FileIo.write(fd, ByteBuffer.allocateDirect(123));
      final FdInfo info =
          FdInfo.parse(new UnsafeBuffer(FileIo.readAll("/proc/self/fdinfo/" + fd.value())));
      assertThat(info.position()).isEqualTo(123);
      assertThat(info.flags())
          .isEqualTo(OpenFlags.O_RDWR | OpenFlags.O_LARGEFILE | OpenFlags.O_CLOEXEC);
      assertThat(info.inode()).isEqualTo(FileStatus.of(fd).inode());
      assertThat(info.epollTargets()).isEmpty();
      assertThat(info.timer()).isEmpty();
      assertThat(info.event()).isEmpty();
      assertThat(info.signalMask()).isEmpty();
      assertThat(info.value("Pid")).isEmpty();
    }
  }

  @Test
  void shouldReadAnEpoll() {
    final FdInfo info =
        parse(
            """
            pos:	0
            flags:	02000002
            mnt_id:	17
            ino:	1039
            tfd:        5 events:       1c data:                5  pos:0 ino:bac8 sdev:f
            tfd:        4 events: 80000019 data: fffffffff0000001  pos:-1 ino:bac8 sdev:fe00001
            """);
    assertThat(info.mountId()).isEqualTo(17);
    assertThat(info.epollTargets())
        .containsExactly(
            new FdInfo.EpollTarget(5, 0x1c, 5, 0xbac8, new DeviceNumber(0, 15)),
            new FdInfo.EpollTarget(
                4, 0x80000019, 0xfffffffff0000001L, 0xbac8, new DeviceNumber(0xfe, 1)));
  }

  @Test
  void shouldReadAnInotify() {
    final FdInfo info =
        parse(
            """
            pos:	0
            flags:	00
            inotify wd:a ino:224009 sdev:fe00000 mask:2 ignored_mask:0 fhandle-bytes:8 fhandle-type:1 f_handle:094022004604a6a9
            inotify wd:1 ino:3f7e8 sdev:15 mask:100 ignored_mask:0\040
            """);
    assertThat(info.inotifyWatches())
        .containsExactly(
            new FdInfo.InotifyWatch(
                10, 0x224009, new DeviceNumber(0xfe, 0), 2, 1, "094022004604a6a9"),
            new FdInfo.InotifyWatch(1, 0x3f7e8, new DeviceNumber(0, 0x15), 0x100, -1, ""));
    assertThat(info.inotifyWatches().get(0).handleBytes())
        .containsExactly(9, 0x40, 0x22, 0, 0x46, 4, 0xa6, 0xa9);
  }

  @Test
  void shouldReadATimerfd() {
    assertThat(
            parse(
                    """
                    pos:	0
                    clockid: 1
                    ticks: 3
                    settime flags: 01
                    it_value: (99, 999964544)
                    it_interval: (10, 5)
                    """)
                .timer())
        .contains(new FdInfo.Timer(1, 3, 1, 99_999_964_544L, 10_000_000_005L));
  }

  @Test
  void shouldReadAnEventfd() {
    assertThat(
            parse(
                    """
                    eventfd-count: fffffffffffffffe
                    eventfd-id: 1
                    eventfd-semaphore: 1
                    """)
                .event())
        .contains(new FdInfo.Event(-2, true));
    assertThat(parse("eventfd-count:               1f\n").event())
        .contains(new FdInfo.Event(0x1f, false));
  }

  @Test
  void shouldReadASignalfd() {
    assertThat(parse("sigmask:	8000000000004200\n").signalMask()).contains(0x8000000000004200L);
  }

  @Test
  void shouldReadLocksAndOtherLines() {
    final FdInfo info =
        parse(
            """
            lock:	1: FLOCK  ADVISORY  WRITE 26580 fe:00:2147936 0 EOF
            Pid:	26580
            API:	aa:0:80000000000001ff
            """);
    assertThat(info.locks()).containsExactly("1: FLOCK  ADVISORY  WRITE 26580 fe:00:2147936 0 EOF");
    assertThat(info.value("Pid")).contains("26580");
    assertThat(info.value("API")).contains("aa:0:80000000000001ff");
  }

  @Test
  void shouldRefuseOtherText() {
    assertThatExceptionOfType(VasException.class)
        .isThrownBy(() -> parse("tfd: five events: 1\n"))
        .withMessageStartingWith("fdinfo: a number expected in column 5");
  }
}
