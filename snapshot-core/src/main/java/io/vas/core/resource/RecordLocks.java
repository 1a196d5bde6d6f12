package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.FileLockImage;
import io.vas.core.image.FileLockKind;
import io.vas.core.image.RecordLockImage;
import io.vas.core.image.RecordLocksImage;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.Optional;
import java.util.Set;

/**
 * Locks of ranges of files that belong to the process: fcntl(2), F_SETLK. The process loses them
 * when it closes any descriptor of the file, so they come back when all its descriptors are there.
 */
public final class RecordLocks implements ProcessResource {
  /** The kind's name. */
  public static final String KIND = "record locks";

  private static final int F_SETLK = 6;

  /** The kind. */
  public RecordLocks() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Phase phase() {
    return Phase.PROCESS;
  }

  @Override
  public Optional<RecordLocksImage> capture(
      final ProcessRecord process, final CaptureContext context) {
    final RecordLocksImage.Builder image = RecordLocksImage.newBuilder();
    final Set<Integer> files = new HashSet<>();
    for (final DescriptorRecord descriptor : process.descriptors()) {
      if (descriptor.info().contains("lock:") && files.add(descriptor.file())) {
        for (final FileLockImage lock :
            FileLocks.capture(descriptor, context, EnumSet.of(FileLockKind.POSIX))) {
          image.addLocks(RecordLockImage.newBuilder().setNumber(descriptor.number()).setLock(lock));
        }
      }
    }
    return image.getLocksCount() == 0 ? Optional.empty() : Optional.of(image.build());
  }

  @Override
  public void restore(final ByteString state, final ProcessRestore restore)
      throws InvalidProtocolBufferException {
    for (final RecordLockImage lock : RecordLocksImage.parseFrom(state).getLocksList()) {
      FileLocks.setRange(lock.getLock(), lock.getNumber(), F_SETLK, restore);
    }
  }
}
