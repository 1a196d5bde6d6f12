package io.vas.core.linux;

import jnr.ffi.LastError;
import jnr.ffi.LibraryLoader;
import jnr.ffi.Runtime;

/** Loads {@link LibC}, and is the one place where its failures become exceptions. */
final class Kernel {
  private static final long PAGE = 4096;
  static final LibC.Calls LIBC;
  private static final Runtime RUNTIME;

  static {
    // The stubs that jnr-ffi compiles for x86-64 pass the sixth integer argument wrongly. This is
    // read once, when the first library is loaded.
    System.setProperty("jnr.ffi.x86asm.enabled", "false");
    LIBC = LibraryLoader.create(LibC.Calls.class).load("c");
    RUNTIME = Runtime.getRuntime(LIBC);
    checkSixthArgument();
  }

  private Kernel() {}

  /**
   * The error of the call just made by this thread.
   *
   * @param call name of the call.
   * @param arguments names and values in turn.
   */
  static LinuxException failure(final String call, final Object... arguments) {
    return failureOf(lastError(), call, arguments);
  }

  static LinuxException failureOf(final int number, final String call, final Object... arguments) {
    final StringBuilder text = new StringBuilder();
    for (int i = 0; i < arguments.length; i += 2) {
      text.append(i == 0 ? "" : ", ").append(arguments[i]).append('=').append(arguments[i + 1]);
    }
    return new LinuxException(call, text.toString(), number);
  }

  /** The positive error number of the call just made by this thread. */
  static int lastError() {
    return LastError.getLastError(RUNTIME);
  }

  /** Whether the call just made by this thread was only interrupted by a signal. */
  static boolean wasInterrupted() {
    return lastError() == Errno.EINTR.number();
  }

  /**
   * If something else loaded a library through jnr-ffi first, the property above came too late: say
   * so, rather than map the wrong bytes.
   */
  private static void checkSixthArgument() {
    if (acceptsOffset(1) || !acceptsOffset(PAGE)) {
      throw new ExceptionInInitializerError(
          "jnr-ffi passes the sixth argument of calls wrongly: start Java with"
              + " -Djnr.ffi.x86asm.enabled=false");
    }
  }

  /** Whether the offset is seen to be a multiple of the page size; nothing is mapped there. */
  private static boolean acceptsOffset(final long offset) {
    final int flags = MappedMemory.MAP_PRIVATE | MappedMemory.MAP_ANONYMOUS;
    final long address = LIBC.mmap(0, PAGE, MappedMemory.PROT_NONE, flags, -1, offset);
    return address != -1 && LIBC.munmap(address, PAGE) == 0;
  }
}
