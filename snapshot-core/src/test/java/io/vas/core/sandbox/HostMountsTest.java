package io.vas.core.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import io.vas.core.linux.MountInfo;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.Test;

class HostMountsTest {
  private static final String STATE = "/run/vas";
  private static final String ROOT = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n";

  private static HostMounts of(final String mountinfo) {
    return HostMounts.of(
        MountInfo.parse(new UnsafeBuffer(mountinfo.getBytes(StandardCharsets.US_ASCII))), STATE);
  }

  @Test
  void shouldHideTheStateDirectoryWhereItIsOnTheRoot() {
    assertThat(of(ROOT)).isEqualTo(new HostMounts(List.of(), List.of(STATE)));
  }

  @Test
  void shouldNotHideTheStateDirectoryWhereNobodySeesIt() {
    assertThat(of(ROOT + "30 27 0:20 / /run rw - tmpfs tmpfs rw\n"))
        .isEqualTo(new HostMounts(List.of(), List.of()));
  }

  @Test
  void shouldHideTheStateDirectoryOnAMountThatIsShown() {
    assertThat(of(ROOT + "30 27 254:9 / /run rw - ext4 /dev/vdb rw\n"))
        .isEqualTo(new HostMounts(List.of("/run"), List.of(STATE)));
  }

  @Test
  void shouldShowFileSystemsThatHoldFiles() {
    assertThat(
            of(ROOT
                    + "30 27 254:1 / /home rw - ext4 /dev/vdb rw\n"
                    + "31 30 254:2 / /home/data rw - xfs /dev/vdc rw\n"
                    + "32 27 0:40 / /snap/core/1 ro - squashfs /dev/loop1 ro\n")
                .mountPoints())
        .containsExactly("/home", "/home/data", "/snap/core/1");
  }

  @Test
  void shouldNotShowWhatIsTheKernelsOrAnotherContainers() {
    assertThat(
            of(ROOT
                    + "30 27 0:20 / /proc rw - proc proc rw\n"
                    + "31 27 0:21 / /sys rw - sysfs sysfs rw\n"
                    + "32 31 0:22 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
                    + "33 27 0:23 / /dev rw - devtmpfs devtmpfs rw\n"
                    + "34 27 0:24 / /tmp rw - tmpfs tmpfs rw\n"
                    + "35 27 0:25 / /var/lib/docker/overlay2/x/merged rw - overlay overlay rw\n"
                    + "36 27 0:26 / /mnt/remote rw - fuse.sshfs host: rw\n")
                .mountPoints())
        .isEmpty();
  }

  @Test
  void shouldNotShowWhatIsMountedOnSomethingThatIsNotShown() {
    assertThat(
            of(ROOT
                    + "30 27 0:20 / /tmp rw - tmpfs tmpfs rw\n"
                    + "31 30 254:1 / /tmp/disk rw - ext4 /dev/vdb rw\n")
                .mountPoints())
        .isEmpty();
  }

  @Test
  void shouldLookAtTheUppermostOfSeveralMountsAtOnePlace() {
    assertThat(
            of(ROOT
                    + "30 27 254:1 / /data rw - ext4 /dev/vdb rw\n"
                    + "31 30 0:20 / /data rw - tmpfs tmpfs rw\n")
                .mountPoints())
        .isEmpty();
  }
}
