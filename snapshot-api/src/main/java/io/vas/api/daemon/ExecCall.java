package io.vas.api.daemon;

import com.google.protobuf.ByteString;
import io.grpc.Context;
import io.grpc.stub.ServerCallStreamObserver;
import io.grpc.stub.StreamObserver;
import io.vas.api.v1.ExecInput;
import io.vas.api.v1.ExecOutput;
import io.vas.api.v1.ExecStart;
import io.vas.core.InvalidRequestException;
import java.io.IOException;
import java.io.InputStream;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One exec call: between the client's stream and a visitor's standard streams.
 *
 * <p>The visitor's input is written by the executor, one message after the other, and the next is
 * asked for when one is written. The call's own thread must not wait for a visitor: it is the one
 * that learns that the client takes output again, without which the visitor may never read on.
 */
final class ExecCall implements StreamObserver<ExecInput> {
  private static final Logger LOG = LoggerFactory.getLogger(ExecCall.class);
  private static final int CHUNK_BYTES = 64 * 1024;

  private final Function<ExecStart, Visitor> exec;
  private final ServerCallStreamObserver<ExecOutput> call;
  private final StreamSender<ExecOutput> sender;
  private final Executor executor;
  private CompletableFuture<Void> input = CompletableFuture.completedFuture(null);
  private Visitor visitor;

  /**
   * The call; to be made in the service's method.
   *
   * @param exec starts a visitor.
   * @param call to answer.
   * @param executor for what waits.
   */
  ExecCall(
      final Function<ExecStart, Visitor> exec,
      final ServerCallStreamObserver<ExecOutput> call,
      final Executor executor) {
    this.exec = exec;
    this.call = call;
    this.sender = new StreamSender<>(call);
    this.executor = executor;
    call.disableAutoRequest();
    call.request(1);
  }

  @Override
  public void onNext(final ExecInput message) {
    try {
      switch (message.getInputCase()) {
        case START -> start(message.getStart());
        case STDIN -> then(() -> write(message.getStdin()));
        case STDIN_CLOSED -> then(this::closeInput);
        case INPUT_NOT_SET -> throw new InvalidRequestException("an empty message to exec");
      }
    } catch (final RuntimeException e) {
      end();
      sender.fail(e);
    }
  }

  @Override
  public void onError(final Throwable error) {
    end();
  }

  @Override
  public void onCompleted() {
    if (visitor != null) {
      then(this::closeInput);
    }
  }

  private void start(final ExecStart start) {
    if (visitor != null) {
      throw new InvalidRequestException("exec was started already");
    }
    RequestRules.check(start);
    visitor = exec.apply(start);
    if (start.getStdin()) {
      call.request(1);
    } else {
      then(this::closeInput);
    }
    final Visitor started = visitor;
    Context.current().addListener(context -> started.close(), executor);
    final ExecOutput first = ExecOutput.newBuilder().setStartedPid(started.pid()).build();
    final CompletableFuture<Void> begun =
        CompletableFuture.runAsync(() -> sender.send(first), executor);
    final CompletableFuture<Void> out =
        begun.thenRunAsync(() -> pump(started.stdout(), ExecCall::stdoutMessage), executor);
    final CompletableFuture<Void> err =
        begun.thenRunAsync(() -> pump(started.stderr(), ExecCall::stderrMessage), executor);
    final var unused =
        CompletableFuture.allOf(out, err)
            .thenCombine(started.exit(), (nothing, code) -> exitMessage(code))
            .whenCompleteAsync((last, error) -> finish(started, last, error), executor);
  }

  private void then(final Runnable action) {
    if (visitor == null) {
      throw new InvalidRequestException("exec was not started yet");
    }
    input = input.thenRunAsync(action, executor);
  }

  private void finish(final Visitor ended, final ExecOutput last, final Throwable error) {
    if (error == null) {
      sender.send(last);
      sender.complete();
    } else {
      sender.fail(error instanceof CompletionException e ? e.getCause() : error);
    }
    ended.close();
  }

  private void write(final ByteString data) {
    try {
      data.writeTo(visitor.stdin());
      visitor.stdin().flush();
    } catch (final IOException e) {
      // EPIPE: the visitor does not read any more. That is its right, as in a shell's pipeline.
      LOG.debug("visitor's input: {}", e.toString());
    }
    call.request(1);
  }

  private void closeInput() {
    try {
      visitor.stdin().close();
    } catch (final IOException e) {
      LOG.debug("visitor's input: {}", e.toString());
    }
  }

  private void pump(final InputStream in, final Function<ByteString, ExecOutput> message) {
    final byte[] chunk = new byte[CHUNK_BYTES];
    try (in) {
      // When the client has gone the pipe is closed, so that SIGPIPE ends what the visitor started:
      // its descendants hold the other end, and nobody else ends them.
      for (int n = in.read(chunk); n > 0 && !sender.isCancelled(); n = in.read(chunk)) {
        sender.send(message.apply(ByteString.copyFrom(chunk, 0, n)));
      }
    } catch (final IOException e) {
      LOG.debug("visitor's output: {}", e.toString());
    }
  }

  private static ExecOutput stdoutMessage(final ByteString data) {
    return ExecOutput.newBuilder().setStdout(data).build();
  }

  private static ExecOutput stderrMessage(final ByteString data) {
    return ExecOutput.newBuilder().setStderr(data).build();
  }

  private static ExecOutput exitMessage(final int code) {
    return ExecOutput.newBuilder().setExitCode(code).build();
  }

  private void end() {
    if (visitor != null) {
      visitor.close();
    }
  }
}
