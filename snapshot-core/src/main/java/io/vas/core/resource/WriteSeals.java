package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.VasException;
import io.vas.core.image.WriteSealImage;
import io.vas.core.image.WriteSealsImage;
import io.vas.core.program.ProgramResults;
import io.vas.core.program.SystemCall;
import java.util.LinkedHashSet;
import java.util.Optional;
import java.util.Set;

/**
 * Seals that keep a {@link MemFd} from being written to: F_SEAL_WRITE. Once such a file is mapped
 * as shared, be it only to be read, it can not be sealed any more, so these seals come before
 * memory.
 */
public final class WriteSeals implements ProcessResource {
  private static final int F_SEAL_WRITE = 8;

  /** The kind. */
  public WriteSeals() {}

  @Override
  public String kind() {
    return "write seals";
  }

  @Override
  public Phase phase() {
    return Phase.OBJECTS;
  }

  @Override
  public Optional<WriteSealsImage> capture(
      final ProcessRecord process, final CaptureContext context) {
    final Set<WriteSealImage> seals = new LinkedHashSet<>();
    for (final DescriptorRecord descriptor : process.descriptors()) {
      if (descriptor
          .program(MemFd.LINK)
          .filter(results -> !results.failed(MemFd.SEALS) && isSealed(results))
          .isPresent()) {
        seals.add(
            WriteSealImage.newBuilder()
                .setDevice(descriptor.status().device().encoded())
                .setInode(descriptor.status().inode())
                .build());
      }
    }
    return seals.isEmpty()
        ? Optional.empty()
        : Optional.of(WriteSealsImage.newBuilder().addAllSeals(seals).build());
  }

  private static boolean isSealed(final ProgramResults results) {
    return (results.result(MemFd.SEALS) & F_SEAL_WRITE) != 0;
  }

  @Override
  public void restore(final ByteString state, final ProcessRestore restore)
      throws InvalidProtocolBufferException {
    for (final WriteSealImage seal : WriteSealsImage.parseFrom(state).getSealsList()) {
      final int number =
          restore
              .object(seal.getDevice(), seal.getInode())
              .orElseThrow(
                  () -> new VasException("the snapshot has no memfd of inode " + seal.getInode()));
      restore
          .program()
          .call(
              restore.name("inode " + seal.getInode()),
              SystemCall.FCNTL,
              number,
              MemFd.F_ADD_SEALS,
              F_SEAL_WRITE);
    }
  }
}
