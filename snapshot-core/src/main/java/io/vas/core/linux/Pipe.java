package io.vas.core.linux;

import static io.vas.core.linux.Kernel.LIBC;

import java.io.BufferedInputStream;
import java.io.FileInputStream;
import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * A pipe, both ends of which are closed on exec.
 *
 * @param reader the end to read from.
 * @param writer the end to write to.
 */
public record Pipe(Fd reader, Fd writer) implements AutoCloseable {
  /**
   * Make one.
   *
   * @return the pipe.
   * @throws LinuxException EMFILE if there are too many descriptors.
   */
  public static Pipe create() {
    final UnsafeBuffer pair = Scratch.zeroed(2 * Integer.BYTES);
    if (LIBC.pipe2(pair.addressOffset(), OpenFlags.O_CLOEXEC) < 0) {
      throw Kernel.failure("pipe2", "flags", "O_CLOEXEC");
    }
    return new Pipe(Fd.owning(pair.getInt(0)), Fd.owning(pair.getInt(Integer.BYTES)));
  }

  /**
   * A stream that reads from it, with a descriptor of its own. Both ends must be open.
   *
   * @return the stream, to be closed.
   */
  public InputStream input() {
    try {
      // A plain FileInputStream asks for its position in readAllBytes, which a pipe has not.
      return new BufferedInputStream(new FileInputStream(path(reader)));
    } catch (final FileNotFoundException e) {
      throw new LinuxException("open", path(reader), Errno.EMFILE.number());
    }
  }

  /**
   * A stream that writes to it, with a descriptor of its own. Both ends must be open.
   *
   * @return the stream, to be closed.
   */
  public OutputStream output() {
    try {
      return new FileOutputStream(path(writer));
    } catch (final FileNotFoundException e) {
      throw new LinuxException("open", path(writer), Errno.EMFILE.number());
    }
  }

  private static String path(final Fd end) {
    return "/proc/self/fd/" + end.value();
  }

  /** Close both ends. Streams stay open. Only the first call does something. */
  @Override
  public void close() {
    reader.close();
    writer.close();
  }
}
