package io.vas.store;

import com.google.protobuf.ByteString;
import io.vas.core.VasException;
import io.vas.store.journal.ImageRecord;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import java.util.zip.DataFormatException;
import java.util.zip.Deflater;
import java.util.zip.Inflater;

/**
 * Images as they are kept: in few bytes, since there are many that hardly differ. For any number of
 * threads.
 */
final class Images {
  /** Bases that are likely to be needed again: of instances of which snapshots are being taken. */
  private static final int CACHED = 16;

  /** What differs by more than that part is kept whole. */
  private static final int WORTHWHILE = 4;

  private static final int SMALLEST_BUFFER = 256;

  private final Function<SharedImage, ImageRecord> reader;
  private final Deflater deflater = new Deflater(Deflater.BEST_SPEED, true);
  private boolean closed;

  private final Map<Long, ImageDelta> bases =
      new LinkedHashMap<>(CACHED, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(final Map.Entry<Long, ImageDelta> eldest) {
          return size() > CACHED;
        }
      };

  /**
   * Images.
   *
   * @param reader gets one that is kept whole from the journal.
   */
  Images(final Function<SharedImage, ImageRecord> reader) {
    this.reader = reader;
  }

  /**
   * Make an image small.
   *
   * @param bytes the image as it is.
   * @param base a whole image that it may be described by, held by the caller.
   * @return how to keep it; its base is 0 if it is whole.
   */
  ImageRecord pack(final byte[] bytes, final Optional<SharedImage> base) {
    final ImageRecord.Builder record = ImageRecord.newBuilder().setLength(bytes.length);
    if (base.isPresent() && base.get().position() >= 0) {
      final byte[] delta = base(base.get()).encode(bytes);
      if (delta.length < bytes.length / WORTHWHILE) {
        return record
            .setBase(base.get().owner().value())
            .setDeltaLength(delta.length)
            .setDeflated(ByteString.copyFrom(deflate(delta)))
            .build();
      }
    }
    return record.setDeflated(ByteString.copyFrom(deflate(bytes))).build();
  }

  /**
   * An image as it was.
   *
   * @param record how it is kept.
   * @param base the whole image that it is described by, or itself, held by the caller.
   * @return its bytes.
   * @throws VasException if it is damaged.
   */
  byte[] unpack(final ImageRecord record, final SharedImage base) {
    if (record.getBase() == 0) {
      return inflate(record, record.getLength());
    }
    final byte[] delta = inflate(record, record.getDeltaLength());
    return base(base).decode(delta, record.getLength());
  }

  private ImageDelta base(final SharedImage image) {
    final long id = image.owner().value();
    synchronized (bases) {
      final ImageDelta known = bases.get(id);
      if (known != null) {
        return known;
      }
    }
    final ImageRecord record = reader.apply(image);
    final ImageDelta made = new ImageDelta(inflate(record, record.getLength()));
    synchronized (bases) {
      bases.put(id, made);
    }
    return made;
  }

  /** Nobody needs a whole image any more, and its id may come again. */
  void forget(final SharedImage image) {
    synchronized (bases) {
      bases.remove(image.owner().value());
    }
  }

  private byte[] deflate(final byte[] bytes) {
    synchronized (deflater) {
      if (closed) {
        throw new IllegalStateException("the store is closed");
      }
      deflater.reset();
      deflater.setInput(bytes);
      deflater.finish();
      byte[] buffer = new byte[Math.max(SMALLEST_BUFFER, bytes.length / 4)];
      int length = 0;
      while (!deflater.finished()) {
        if (length == buffer.length) {
          buffer = Arrays.copyOf(buffer, 2 * buffer.length);
        }
        length += deflater.deflate(buffer, length, buffer.length - length);
      }
      return Arrays.copyOf(buffer, length);
    }
  }

  private static byte[] inflate(final ImageRecord record, final int expected) {
    final byte[] bytes = new byte[expected];
    final Inflater inflater = new Inflater(true);
    try {
      inflater.setInput(record.getDeflated().toByteArray());
      int length = 0;
      while (length < bytes.length) {
        final int more = inflater.inflate(bytes, length, bytes.length - length);
        if (more == 0) {
          throw new DataFormatException(length + " bytes of " + bytes.length);
        }
        length += more;
      }
      return bytes;
    } catch (final DataFormatException e) {
      throw new VasException("an image is damaged: " + e.getMessage(), e);
    } finally {
      inflater.end();
    }
  }

  /** Let go of what is outside of the Java heap. */
  void close() {
    synchronized (deflater) {
      closed = true;
      deflater.end();
    }
  }
}
