package io.vas.api.client;

import com.google.protobuf.ByteString;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.ClientCallStreamObserver;
import io.grpc.stub.ClientResponseObserver;
import io.vas.api.v1.ExecInput;
import io.vas.api.v1.ExecOutput;
import io.vas.api.v1.ExecStart;
import io.vas.api.v1.VasGrpc;
import io.vas.core.VasException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.function.Function;

/**
 * The client's side of one exec call. What comes is asked for one message at a time, and what goes
 * waits until it can: neither side fills the other's memory.
 */
final class ExecStream implements ClientResponseObserver<ExecInput, ExecOutput> {
  private static final int CHUNK_BYTES = 64 * 1024;

  /** Ends the queue. */
  private record End(Throwable error) {}

  private final LinkedBlockingQueue<Object> arrived = new LinkedBlockingQueue<>();
  private final Object ready = new Object();
  private ClientCallStreamObserver<ExecInput> call;
  private boolean ended;
  private int pid;

  /**
   * Runs a visitor to its end.
   *
   * @param stub to call.
   * @param start what to run.
   * @param in the visitor's standard input; null: none.
   * @param out takes its standard output.
   * @param err takes its standard error.
   * @param translate words for errors.
   * @return its exit code.
   */
  int run(
      final VasGrpc.VasStub stub,
      final ExecStart start,
      final InputStream in,
      final OutputStream out,
      final OutputStream err,
      final Function<StatusRuntimeException, VasException> translate) {
    stub.exec(this);
    call.onNext(ExecInput.newBuilder().setStart(start.toBuilder().setStdin(in != null)).build());
    if (in != null) {
      final Thread feeder = new Thread(() -> feed(in), "vas-stdin");
      feeder.setDaemon(true);
      feeder.start();
    }
    try {
      return receive(out, err, translate);
    } catch (final IOException e) {
      call.cancel("output closed", e);
      throw new VasException("cannot write what the command wrote: " + e.getMessage(), e);
    } catch (final InterruptedException e) {
      call.cancel("interrupted", e);
      Thread.currentThread().interrupt();
      throw new VasException("interrupted", e);
    }
  }

  /**
   * The visitor's pid.
   *
   * @return its pid in the instance, 0 when it was not started.
   */
  int pid() {
    return pid;
  }

  private int receive(
      final OutputStream out,
      final OutputStream err,
      final Function<StatusRuntimeException, VasException> translate)
      throws IOException, InterruptedException {
    int exitCode = -1;
    while (true) {
      final Object next = arrived.take();
      if (next instanceof ExecOutput output) {
        switch (output.getOutputCase()) {
          case STARTED_PID -> pid = output.getStartedPid();
          case STDOUT -> write(output.getStdout(), out);
          case STDERR -> write(output.getStderr(), err);
          case EXIT_CODE -> exitCode = output.getExitCode();
          case OUTPUT_NOT_SET -> throw new VasException("the daemon sent an empty message");
        }
        call.request(1);
      } else if (next instanceof End end) {
        if (end.error() instanceof StatusRuntimeException e) {
          throw translate.apply(e);
        }
        if (end.error() != null || exitCode < 0) {
          throw new VasException("the daemon did not tell how the command ended", end.error());
        }
        return exitCode;
      }
    }
  }

  private static void write(final ByteString data, final OutputStream to) throws IOException {
    data.writeTo(to);
    to.flush();
  }

  private void feed(final InputStream in) {
    final byte[] chunk = new byte[CHUNK_BYTES];
    try {
      for (int n = in.read(chunk); n >= 0; n = in.read(chunk)) {
        if (!send(ExecInput.newBuilder().setStdin(ByteString.copyFrom(chunk, 0, n)).build())) {
          return;
        }
      }
      send(ExecInput.newBuilder().setStdinClosed(true).build());
    } catch (final IOException e) {
      call.cancel("cannot read standard input", e);
    } catch (final InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private boolean send(final ExecInput input) throws InterruptedException {
    synchronized (ready) {
      while (!ended && !call.isReady()) {
        ready.wait();
      }
      if (!ended) {
        call.onNext(input);
      }
      return !ended;
    }
  }

  @Override
  public void beforeStart(final ClientCallStreamObserver<ExecInput> stream) {
    call = stream;
    call.disableAutoRequestWithInitial(1);
    call.setOnReadyHandler(this::wake);
  }

  @Override
  public void onNext(final ExecOutput output) {
    arrived.add(output);
  }

  @Override
  public void onError(final Throwable error) {
    end(error);
  }

  @Override
  public void onCompleted() {
    end(null);
  }

  private void end(final Throwable error) {
    synchronized (ready) {
      ended = true;
      ready.notifyAll();
    }
    arrived.add(new End(error));
  }

  private void wake() {
    synchronized (ready) {
      ready.notifyAll();
    }
  }
}
