package io.vas.api.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.vas.core.ConflictException;
import io.vas.core.DeadlineException;
import io.vas.core.InvalidRequestException;
import io.vas.core.NotFoundException;
import io.vas.core.StoreFullException;
import io.vas.core.UnsupportedException;
import io.vas.core.VasException;
import java.nio.channels.ClosedChannelException;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class ErrorsTest {
  static Stream<VasException> errors() {
    return Stream.of(
        new VasException("instance web: no"),
        new InvalidRequestException("bad name"),
        new NotFoundException("no instance 'x'"),
        new ConflictException("name taken"),
        new DeadlineException("too late"),
        new StoreFullException("full"),
        new UnsupportedException("mode live"));
  }

  @ParameterizedTest
  @MethodSource("errors")
  void shouldThrowInTheClientWhatWasThrownInTheDaemon(final VasException error) {
    final VasException arrived = travel(error);

    assertThat(arrived).hasSameClassAs(error).hasMessage(error.getMessage());
    assertThat(arrived.exitCode()).isEqualTo(error.exitCode());
  }

  @Test
  void shouldCarryWhatIsRefused() {
    final VasException arrived = travel(new UnsupportedException(42, 7, "io_uring", "not there"));

    assertThat(arrived)
        .isInstanceOfSatisfying(
            UnsupportedException.class,
            refusal -> {
              assertThat(refusal.pid()).isEqualTo(42);
              assertThat(refusal.descriptor()).isEqualTo(7);
              assertThat(refusal.kind()).isEqualTo("io_uring");
              assertThat(refusal.reason()).isEqualTo("not there");
              assertThat(refusal).hasMessage("pid 42, descriptor 7, io_uring: not there");
              assertThat(refusal.exitCode()).isEqualTo(3);
            });
  }

  @Test
  void shouldCallAnythingElseAnInternalError() {
    assertThat(travel(new IllegalStateException("oops")))
        .isExactlyInstanceOf(VasException.class)
        .hasMessageContaining("internal error")
        .hasMessageContaining("oops");
  }

  @Test
  void shouldSendOneShortLineWhateverTheMessageRepeats() {
    final VasException arrived =
        travel(new NotFoundException("there is no '" + "x\n".repeat(10_000) + "' in /srv"));

    assertThat(arrived.getMessage())
        .startsWith("there is no 'x\\nx\\n")
        .endsWith("x\\n' in /srv")
        .hasSizeLessThanOrEqualTo(OneLine.LENGTH_MAX);
    assertThat(OneLine.of("a\tb\r\u0085\u202ec")).isEqualTo("a\\tb\\r\\u0085\\u202ec");
    assertThat(OneLine.of("snapshot 'Ä:1'")).isEqualTo("snapshot 'Ä:1'");
  }

  @Test
  void shouldWordErrorsThatTheDaemonDidNotSend() {
    final VasException late =
        Errors.toException(Status.DEADLINE_EXCEEDED.asRuntimeException(), "snapshot web");
    final VasException gone =
        Errors.toException(Status.UNAVAILABLE.withDescription("closed").asRuntimeException(), "ps");

    assertThat(late).isInstanceOf(DeadlineException.class).hasMessageStartingWith("snapshot web: ");
    final VasException cut =
        Errors.toException(
            Status.UNKNOWN.withCause(new ClosedChannelException()).asRuntimeException(), "ps");
    final VasException other =
        Errors.toException(Status.UNKNOWN.withDescription("odd").asRuntimeException(), "ps");

    assertThat(gone).hasMessageContaining("the daemon has gone");
    assertThat(cut).hasMessageContaining("the daemon has gone");
    assertThat(other).hasMessage("ps: UNKNOWN: odd");
  }

  private static VasException travel(final Throwable error) {
    final StatusException status = Errors.toStatus(error);
    return Errors.toException(
        new StatusRuntimeException(status.getStatus(), status.getTrailers()), "test");
  }
}
