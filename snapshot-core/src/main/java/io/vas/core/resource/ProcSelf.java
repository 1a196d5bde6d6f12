package io.vas.core.resource;

import io.vas.core.linux.RawText;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;

/** Settings that are files below /proc/self. */
final class ProcSelf {
  private static final int AT_FDCWD = -100;
  private static final int O_WRONLY_CLOEXEC = 0x80001;

  private ProcSelf() {}

  /** Emit steps that write a file. */
  static void write(final String name, final String text, final Restore restore) {
    final ProgramBuilder program = restore.program();
    final Result file =
        program.call(
            restore.name("open"),
            SystemCall.OPENAT,
            AT_FDCWD,
            program.string("/proc/self/" + name),
            O_WRONLY_CLOEXEC,
            0);
    final byte[] bytes = RawText.encode(text);
    program.callExpecting(
        bytes.length,
        restore.name("write " + text),
        SystemCall.WRITE,
        file,
        program.data(bytes),
        bytes.length);
    program.call(restore.name("close"), SystemCall.CLOSE, file);
  }
}
