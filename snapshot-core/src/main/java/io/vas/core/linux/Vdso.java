package io.vas.core.linux;

import io.vas.core.VasException;
import java.nio.ByteBuffer;
import java.util.List;
import org.agrona.concurrent.UnsafeBuffer;

/** The code that the kernel maps into every process. */
public final class Vdso {
  private static final String NAME = "[vdso]";

  private Vdso() {}

  /**
   * That of this process, which all have.
   *
   * @return its bytes.
   * @throws VasException if there is none.
   */
  public static byte[] bytes() {
    final List<Vma> vmas = ProcMaps.parse(new UnsafeBuffer(FileIo.readAll("/proc/self/maps")));
    final Vma vdso =
        vmas.stream()
            .filter(vma -> vma.name().equals(NAME))
            .findFirst()
            .orElseThrow(() -> new VasException("the kernel maps no vdso"));
    final ByteBuffer buffer = ByteBuffer.allocateDirect((int) vdso.length());
    try (Fd memory = Fd.open("/proc/self/mem", OpenFlags.O_RDONLY)) {
      FileIo.pread(memory, buffer, vdso.start());
    }
    final byte[] bytes = new byte[buffer.position()];
    buffer.flip().get(bytes);
    return bytes;
  }
}
