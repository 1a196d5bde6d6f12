package io.vas.api.daemon;

import com.google.protobuf.ByteString;
import io.grpc.Context;
import io.grpc.stub.StreamObserver;
import io.vas.api.v1.ExecInput;
import io.vas.api.v1.ExecOutput;
import io.vas.api.v1.ExecStart;
import io.vas.core.InvalidRequestException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.Executor;
import java.util.function.Function;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * One exec call: between the client's stream and a visitor's standard streams.
 *
 * <p>The visitor's input is written on the call's own thread: as long as a write blocks, gRPC takes
 * no more from the client.
 */
final class ExecCall implements StreamObserver<ExecInput> {
  private static final Logger LOG = LoggerFactory.getLogger(ExecCall.class);
  private static final int CHUNK_BYTES = 64 * 1024;

  private final Function<ExecStart, Visitor> exec;
  private final StreamSender<ExecOutput> sender;
  private final Executor executor;
  private Visitor visitor;
  private OutputStream stdin;

  ExecCall(
      final Function<ExecStart, Visitor> exec,
      final StreamSender<ExecOutput> sender,
      final Executor executor) {
    this.exec = exec;
    this.sender = sender;
    this.executor = executor;
  }

  @Override
  public void onNext(final ExecInput input) {
    try {
      switch (input.getInputCase()) {
        case START -> start(input.getStart());
        case STDIN -> write(input.getStdin());
        case STDIN_CLOSED -> closeInput();
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
    closeInput();
  }

  private void start(final ExecStart start) {
    if (visitor != null) {
      throw new InvalidRequestException("exec was started already");
    }
    RequestRules.check(start);
    visitor = exec.apply(start);
    stdin = visitor.stdin();
    if (!start.getStdin()) {
      closeInput();
    }
    // A context tells of a client that has gone also while this call's thread blocks in a write.
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
    if (stdin == null) {
      return;
    }
    try {
      data.writeTo(stdin);
      stdin.flush();
    } catch (final IOException e) {
      // EPIPE: the visitor does not read any more. That is its right, as in a shell's pipeline.
      LOG.debug("visitor's input: {}", e.toString());
      closeInput();
    }
  }

  private void closeInput() {
    if (stdin != null) {
      try {
        stdin.close();
      } catch (final IOException e) {
        LOG.debug("visitor's input: {}", e.toString());
      }
      stdin = null;
    }
  }

  private void pump(final InputStream in, final Function<ByteString, ExecOutput> message) {
    final byte[] chunk = new byte[CHUNK_BYTES];
    try {
      for (int n = in.read(chunk); n > 0; n = in.read(chunk)) {
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
