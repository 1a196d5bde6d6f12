package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.O_ACCMODE;
import static io.vas.core.linux.OpenFlags.O_CLOEXEC;
import static io.vas.core.linux.OpenFlags.O_DIRECT;
import static io.vas.core.linux.OpenFlags.O_NONBLOCK;
import static io.vas.core.linux.OpenFlags.O_WRONLY;
import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import io.vas.core.image.PipeImage;
import io.vas.core.linux.Errno;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.ProgramResults;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import java.util.ArrayList;
import java.util.List;
import org.agrona.DirectBuffer;

/** What is in a pipe or FIFO: read through a second pipe, so that nothing is taken out of it. */
final class PipeContents {
  static final int F_SETPIPE_SZ = 1031;
  static final int F_GETPIPE_SZ = 1032;
  private static final int FIONREAD = 0x541B;
  private static final int SPLICE_F_NONBLOCK = 2;
  private static final int PACKET_MAX = 4096;
  private static final int PACKETS_MAX = 64;
  private static final int CONTENTS_MAX = Integer.MAX_VALUE;
  private static final String SIZE = "pipe size";
  private static final String QUEUED = "pipe queued";

  private PipeContents() {}

  /** Adds the steps to a rule's program; files that are not pipes pass them by. */
  static void plan(final ProgramBuilder program, final Value descriptor, final boolean packets) {
    final Result size = program.callAny(SIZE, SystemCall.FCNTL, descriptor, F_GETPIPE_SZ);
    Branch.unless(
        program,
        descriptor,
        size,
        -Errno.EBADF.number(),
        (p, d) -> {
          final Data queued = p.data(QUEUED, Integer.BYTES);
          p.callAny("pipe FIONREAD", SystemCall.IOCTL, d, FIONREAD, queued);
          Branch.unless(
              p,
              d,
              p.load(QUEUED, queued, Integer.BYTES),
              0,
              (inner, pipe) -> look(inner, pipe, packets));
        });
  }

  private static void look(
      final ProgramBuilder program, final Value descriptor, final boolean packets) {
    final Data ends = program.data("pipe ends", 2 * Integer.BYTES);
    program.callAny("pipe second", SystemCall.PIPE2, ends, O_NONBLOCK | O_CLOEXEC);
    final Result read = program.load("pipe read end", ends, Integer.BYTES);
    final Result write = program.load("pipe write end", ends.plus(Integer.BYTES), Integer.BYTES);
    final Result size =
        program.callAny("pipe size again", SystemCall.FCNTL, descriptor, F_GETPIPE_SZ);
    program.callAny("pipe same size", SystemCall.FCNTL, write, F_SETPIPE_SZ, size);
    tee(program, "pipe tee", descriptor, write);
    program.recordBytes("pipe contents", read, CONTENTS_MAX);
    if (packets) {
      // Once more, to see where they end.
      tee(program, "pipe tee again", descriptor, write);
      measure(program, read);
    }
    program.callAny("pipe close read end", SystemCall.CLOSE, read);
    program.callAny("pipe close write end", SystemCall.CLOSE, write);
  }

  /** A read returns one packet, or a full page of a stream. */
  private static void measure(final ProgramBuilder program, final Value read) {
    final Data packet = program.data("pipe packet", PACKET_MAX);
    for (int i = 0; i < PACKETS_MAX; i++) {
      final Result length =
          program.callAny("pipe packet " + i, SystemCall.READ, read, packet, PACKET_MAX);
      // Each is a read and a skip, but for the last, behind which there is nothing to skip.
      final int rest = 2 * (PACKETS_MAX - 1 - i) - 1;
      if (rest > 0) {
        program.skipIfEqual(length, Value.of(-Errno.EAGAIN.number()), rest);
      }
    }
  }

  private static void tee(
      final ProgramBuilder program, final String name, final Value from, final Value to) {
    program.callAny(name, SystemCall.TEE, from, to, CONTENTS_MAX, SPLICE_F_NONBLOCK);
  }

  /** What the steps found. */
  static PipeImage.Builder capture(
      final DescriptorRecord descriptor,
      final CaptureContext context,
      final String kind,
      final String linkPrefix) {
    final PipeImage.Builder image =
        PipeImage.newBuilder()
            .setFlags(OpenFiles.flags(descriptor, context, kind))
            .setInode(descriptor.status().inode());
    final ProgramResults results =
        descriptor
            .program(linkPrefix)
            .filter(r -> !r.failed(SIZE))
            .orElseThrow(() -> context.unsupported(descriptor, kind, "its size is not known"));
    image.setCapacity((int) results.result(SIZE));
    final int queued = results.data(QUEUED).getInt(0, LITTLE_ENDIAN);
    if ((descriptor.flags() & O_ACCMODE) == O_WRONLY || queued == 0) {
      return image;
    }
    final DirectBuffer contents = descriptor.bytes().get(0);
    if (contents.capacity() != queued) {
      throw context.unsupported(descriptor, kind, "what is in it could not be read");
    }
    image.setContents(OpenFiles.copyOf(contents));
    if (linkPrefix.equals(Pipe.LINK)) {
      image.addAllPackets(packets(results, descriptor, context, kind));
    } else if (isPacketMode(descriptor)) {
      throw context.unsupported(descriptor, kind, "packets (O_DIRECT) are in it");
    }
    return image;
  }

  /** Whether an end is open for packets. */
  private static boolean isPacketMode(final DescriptorRecord descriptor) {
    return descriptor.process().descriptors().stream()
        .anyMatch(d -> d.link().equals(descriptor.link()) && (d.flags() & O_DIRECT) == O_DIRECT);
  }

  /** Lengths of the packets; none if the contents are a stream, which reads in full pages. */
  private static List<Integer> packets(
      final ProgramResults results,
      final DescriptorRecord descriptor,
      final CaptureContext context,
      final String kind) {
    final List<Integer> lengths = new ArrayList<>();
    boolean arePackets = isPacketMode(descriptor);
    while (lengths.size() < PACKETS_MAX && results.result("pipe packet " + lengths.size()) > 0) {
      if (!lengths.isEmpty() && lengths.get(lengths.size() - 1) < PACKET_MAX) {
        arePackets = true;
      }
      lengths.add((int) results.result("pipe packet " + lengths.size()));
    }
    if (!arePackets) {
      return List.of();
    }
    if (lengths.stream().mapToInt(Integer::intValue).sum()
        != descriptor.bytes().get(0).capacity()) {
      throw context.unsupported(
          descriptor, kind, "more than " + PACKETS_MAX + " packets (O_DIRECT) are in it");
    }
    return lengths;
  }

  /** Fills a new pipe. Its flags are to be set afterwards. */
  static void restore(
      final DescriptorRestore restore,
      final Value writeEnd,
      final int capacity,
      final ByteString contents,
      final List<Integer> packets) {
    final ProgramBuilder program = restore.program();
    program.call(restore.name("capacity"), SystemCall.FCNTL, writeEnd, F_SETPIPE_SZ, capacity);
    if (contents.isEmpty()) {
      return;
    }
    // What does not fit fails, and does not block.
    program.call(
        restore.name("fcntl write end"),
        SystemCall.FCNTL,
        writeEnd,
        OpenFiles.F_SETFL,
        O_NONBLOCK | (packets.isEmpty() ? 0 : O_DIRECT));
    final Data data = program.data(contents.toByteArray());
    int offset = 0;
    for (final int length : packets.isEmpty() ? List.of(contents.size()) : packets) {
      program.callExpecting(
          length,
          restore.name("contents from " + offset),
          SystemCall.WRITE,
          writeEnd,
          data.plus(offset),
          length);
      offset += length;
    }
    program.call(
        restore.name("fcntl write end again"), SystemCall.FCNTL, writeEnd, OpenFiles.F_SETFL, 0);
  }
}
