package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import org.agrona.concurrent.UnsafeBuffer;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

class SeqPacketSocketTest {
  private final List<SeqPacketSocket> pair = SeqPacketSocket.pair();
  private final SeqPacketSocket left = pair.get(0);
  private final SeqPacketSocket right = pair.get(1);
  private final MappedMemory memory = MappedMemory.anonymous(1 << 16);
  private final UnsafeBuffer buffer = memory.buffer();

  @AfterEach
  void close() {
    left.close();
    right.close();
    memory.close();
  }

  @Test
  void shouldKeepMessagesApart() {
    buffer.putStringWithoutLengthAscii(0, "abcdef");
    left.send(buffer, 0, 2, List.of());
    left.send(buffer, 2, 4, List.of());
    assertThat(right.receive(buffer, 100, 50).length()).isEqualTo(2);
    assertThat(buffer.getStringWithoutLengthAscii(100, 2)).isEqualTo("ab");
    assertThat(right.receive(buffer, 100, 50).length()).isEqualTo(4);
    assertThat(buffer.getStringWithoutLengthAscii(100, 4)).isEqualTo("cdef");
  }

  @Test
  void shouldCarryAsManyDescriptorsAsTheKernelAllows() {
    try (Fd file = MemFd.create("carried", 4096, 0)) {
      left.send(buffer, 0, 1, Collections.nCopies(SeqPacketSocket.MAX_DESCRIPTORS, file));
      try (SeqPacketSocket.Received received = right.receive(buffer, 0, 1)) {
        assertThat(received.descriptors()).hasSize(SeqPacketSocket.MAX_DESCRIPTORS);
        for (final Fd fd : received.descriptors()) {
          assertThat(FileStatus.of(fd).inode()).isEqualTo(FileStatus.of(file).inode());
          assertThat(RawText.decode(FileIo.readAll("/proc/self/fdinfo/" + fd.value())))
              .contains("flags:\t02"); // closed by exec
        }
      }
      assertThatIllegalArgumentException()
          .isThrownBy(() -> left.send(buffer, 0, 1, Collections.nCopies(254, file)));
    }
  }

  @Test
  void shouldReportMessageThatIsTooLongAndCloseItsDescriptors() {
    try (Fd file = MemFd.create("carried", 0, 0)) {
      left.send(buffer, 0, 100, List.of(file));
      final int before = openDescriptors();
      assertThatExceptionOfType(LinuxException.class)
          .isThrownBy(() -> right.receive(buffer, 0, 99))
          .withMessageContaining("capacity=99): EMSGSIZE");
      assertThat(openDescriptors()).isEqualTo(before);
    }
  }

  @Test
  void shouldRecogniseTheEnd() {
    left.send(buffer, 0, 1, List.of());
    left.close();
    assertThat(right.receive(buffer, 0, 1).isEndOfStream()).isFalse();
    assertThat(right.receive(buffer, 0, 1).isEndOfStream()).isTrue();
    assertThatExceptionOfType(LinuxException.class)
        .isThrownBy(() -> right.send(buffer, 0, 1, List.of()))
        .satisfies(e -> assertThat(e.errno()).isEqualTo(Errno.EPIPE));
  }

  @Test
  void shouldTakeAResetForTheEnd() {
    right.send(buffer, 0, 1, List.of());
    left.close();
    assertThat(right.receive(buffer, 0, 1).isEndOfStream()).isTrue();
  }

  @Test
  void shouldWakeTheReceiverOnShutdown() throws Exception {
    final CompletableFuture<Boolean> ended =
        CompletableFuture.supplyAsync(() -> right.receive(buffer, 0, 1).isEndOfStream());
    TimeUnit.MILLISECONDS.sleep(50);
    right.shutdown();
    assertThat(ended.get(10, TimeUnit.SECONDS)).isTrue();
    right.shutdown();
  }

  @Test
  void shouldTakeMessagesOfManySenders() throws Exception {
    final int senders = 4;
    final int each = 500;
    final List<Thread> threads = new ArrayList<>();
    for (int sender = 0; sender < senders; sender++) {
      final int id = sender;
      final Thread thread =
          new Thread(
              () -> {
                try (MappedMemory own = MappedMemory.anonymous(4096);
                    Fd file = MemFd.create("sender", id + 1, 0)) {
                  for (int i = 0; i < each; i++) {
                    own.buffer().putInt(0, id);
                    own.buffer().putInt(4, i);
                    left.send(own.buffer(), 0, 8, i % 10 == 0 ? List.of(file) : List.of());
                  }
                }
              });
      thread.start();
      threads.add(thread);
    }
    final int[] next = new int[senders];
    for (int i = 0; i < senders * each; i++) {
      try (SeqPacketSocket.Received received = right.receive(buffer, 0, 8)) {
        final int sender = buffer.getInt(0);
        assertThat(buffer.getInt(4)).isEqualTo(next[sender]);
        assertThat(received.descriptors()).hasSize(next[sender] % 10 == 0 ? 1 : 0);
        for (final Fd fd : received.descriptors()) {
          assertThat(FileStatus.of(fd).size()).isEqualTo(sender + 1);
        }
        next[sender]++;
      }
    }
    for (final Thread thread : threads) {
      thread.join();
    }
  }

  @Test
  void shouldKnowThePeer() {
    assertThat(left.peer())
        .isEqualTo(new PeerCredentials((int) ProcessHandle.current().pid(), 0, 0));
  }

  @Test
  void shouldTellWhereNobodyListens() {
    assertThatExceptionOfType(LinuxException.class)
        .isThrownBy(() -> SeqPacketSocket.connect("/tmp/no-such-socket"))
        .withMessage("connect(path=/tmp/no-such-socket): ENOENT (No such file or directory)");
    assertThatIllegalArgumentException()
        .isThrownBy(() -> SeqPacketSocket.connect("/" + "x".repeat(107)));
  }

  @Test
  void shouldRefuseHeapMemoryAndEmptyMessages() {
    assertThatIllegalArgumentException()
        .isThrownBy(() -> left.send(new UnsafeBuffer(new byte[1]), 0, 1, List.of()));
    assertThatIllegalArgumentException().isThrownBy(() -> left.send(buffer, 0, 0, List.of()));
  }

  private static int openDescriptors() {
    return (int)
        IntStream.range(0, 1024)
            .filter(fd -> new java.io.File("/proc/self/fdinfo/" + fd).exists())
            .count();
  }
}
