package io.vas.core.keeper;

import io.vas.core.linux.Fd;
import io.vas.core.linux.FileIo;
import io.vas.core.linux.MemFd;
import io.vas.core.program.Program;
import io.vas.natives.NativeBinaries;
import java.nio.ByteBuffer;
import org.agrona.BitUtil;

/**
 * A program with the executor's code before it, in a file that new children map: code and program
 * begin on a page each. Made once for any number of children.
 */
public final class ProgramFile implements AutoCloseable {
  private static final int PAGE = 4096;

  private final Program program;
  private final Fd fd;
  private final int codeLength;
  private final int programLength;

  private ProgramFile(
      final Program program, final Fd fd, final int codeLength, final int programLength) {
    this.program = program;
    this.fd = fd;
    this.codeLength = codeLength;
    this.programLength = programLength;
  }

  /**
   * Write a program to a file in memory.
   *
   * @param program the program.
   * @return the file.
   * @throws io.vas.core.linux.LinuxException if it cannot be written.
   */
  public static ProgramFile of(final Program program) {
    final byte[] code = Executor.CODE;
    final int codeLength = BitUtil.align(code.length, PAGE);
    final int programLength = BitUtil.align(program.length(), PAGE);
    // Without this flag a host with vm.memfd_noexec=2 would refuse to map the code executable.
    final Fd fd = MemFd.create("vas-program", (long) codeLength + programLength, MemFd.MFD_EXEC);
    try {
      write(fd, code, 0);
      write(fd, program.bytes(), codeLength);
      return new ProgramFile(program, fd, codeLength, programLength);
    } catch (final RuntimeException e) {
      fd.close();
      throw e;
    }
  }

  private static void write(final Fd fd, final byte[] bytes, final long offset) {
    final ByteBuffer buffer = ByteBuffer.allocateDirect(bytes.length);
    buffer.put(bytes).flip();
    FileIo.pwrite(fd, buffer, offset);
  }

  /**
   * The program.
   *
   * @return the program.
   */
  public Program program() {
    return program;
  }

  /**
   * The file.
   *
   * @return a descriptor that belongs to this object.
   */
  public Fd fd() {
    return fd;
  }

  /**
   * How much of the file is code.
   *
   * @return bytes, a multiple of the page size.
   */
  public int codeLength() {
    return codeLength;
  }

  /**
   * How much of the file is the program.
   *
   * @return bytes, a multiple of the page size.
   */
  public int programLength() {
    return programLength;
  }

  /** Close the file; children that run keep their mappings. */
  @Override
  public void close() {
    fd.close();
  }

  private static final class Executor {
    static final byte[] CODE = NativeBinaries.executor();
  }
}
