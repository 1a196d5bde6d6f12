package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.AT_FDCWD;

import com.google.protobuf.ByteString;
import io.vas.core.image.UnixSocketImage;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;

/**
 * An address of a unix socket.
 *
 * @param bytes struct sockaddr_un, as long as the kernel told.
 */
record UnixAddress(ByteString bytes) {
  private static final int NAME_OFFSET = 2;
  private static final int PERMISSIONS = 07777;
  private static final String ASIDE = ".vas";

  boolean isNamed() {
    return bytes.size() > NAME_OFFSET;
  }

  boolean isPath() {
    return isNamed() && bytes.byteAt(NAME_OFFSET) != 0;
  }

  /** Where it is in the file system. */
  String path() {
    int end = NAME_OFFSET;
    while (end < bytes.size() && bytes.byteAt(end) != 0) {
      end++;
    }
    return OpenFiles.textOf(bytes.substring(NAME_OFFSET, end));
  }

  /** Binds a socket to it; its file comes back if it was there. */
  void bind(
      final String step,
      final Value socket,
      final UnixSocketImage image,
      final DescriptorRestore restore) {
    if (!isPath() || !image.getNamed()) {
      bindWithoutFile(step, socket, restore, () -> {});
      return;
    }
    final ProgramBuilder program = restore.program();
    final Data path = program.string(path());
    // The file is in the snapshot's layer, but it leads to no socket.
    program.callAny(restore.name(step + ": remove former"), SystemCall.UNLINKAT, AT_FDCWD, path, 0);
    call(step, SystemCall.BIND, socket, restore);
    program.call(
        restore.name(step + ": mode"),
        SystemCall.FCHMODAT,
        AT_FDCWD,
        path,
        image.getMode() & PERMISSIONS);
    program.call(
        restore.name(step + ": owner"),
        SystemCall.FCHOWNAT,
        AT_FDCWD,
        path,
        image.getUid(),
        image.getGid(),
        0);
  }

  /**
   * Binds a socket to it, and leaves what the file system has there.
   *
   * @param whileBound adds steps that need the address to lead to the socket.
   */
  void bindWithoutFile(
      final String step,
      final Value socket,
      final DescriptorRestore restore,
      final Runnable whileBound) {
    final ProgramBuilder program = restore.program();
    if (!isPath()) {
      call(step, SystemCall.BIND, socket, restore);
      whileBound.run();
      return;
    }
    final Data path = program.string(path());
    final Data aside = program.string(path() + ASIDE);
    program.callAny(
        restore.name(step + ": put aside"), SystemCall.RENAMEAT, AT_FDCWD, path, AT_FDCWD, aside);
    call(step, SystemCall.BIND, socket, restore);
    whileBound.run();
    program.call(restore.name(step + ": remove"), SystemCall.UNLINKAT, AT_FDCWD, path, 0);
    program.callAny(
        restore.name(step + ": put back"), SystemCall.RENAMEAT, AT_FDCWD, aside, AT_FDCWD, path);
  }

  /** A call that takes an address. */
  void call(
      final String step, final int call, final Value socket, final DescriptorRestore restore) {
    restore
        .program()
        .call(
            restore.name(step),
            call,
            socket,
            restore.program().data(bytes.toByteArray()),
            bytes.size());
  }
}
