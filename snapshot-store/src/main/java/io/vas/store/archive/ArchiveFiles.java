package io.vas.store.archive;

import com.github.luben.zstd.Zstd;
import com.github.luben.zstd.ZstdException;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.vas.core.ConflictException;
import io.vas.core.DamagedException;
import io.vas.core.NotFoundException;
import io.vas.core.UnsupportedException;
import io.vas.core.VasException;
import io.vas.store.archive.format.Manifest;
import io.vas.store.archive.format.SavedFile;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** The directory of an archive and its files. What it holds is its reader's only, as memory is. */
final class ArchiveFiles {
  private static final Logger LOG = LoggerFactory.getLogger(ArchiveFiles.class);

  /** Raised when an older reader would misunderstand an archive. */
  private static final int VERSION = 1;

  /*
   * The manifest:
   *
   *   0                8         12        16                24
   *  +----------------+---------+---------+-----------------+----------
   *  | "VASSAVED"     | version | CRC-32C |  length         | message
   *  +----------------+---------+---------+-----------------+----------
   *
   * The checksum is of the message, all numbers are little-endian.
   */
  private static final long MAGIC = 0x4445564153534156L;

  private static final int VERSION_OFFSET = 8;
  private static final int CHECKSUM_OFFSET = 12;
  private static final int LENGTH_OFFSET = 16;
  private static final int HEADER_LENGTH = 24;

  private static final String MANIFEST = "manifest";
  private static final FileAttribute<Set<PosixFilePermission>> PRIVATE_FILE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));
  private static final FileAttribute<Set<PosixFilePermission>> PRIVATE_DIRECTORY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  private final Path directory;
  private final List<Path> created = new ArrayList<>();
  private boolean madeDirectory;

  ArchiveFiles(final Path directory) {
    this.directory = directory;
  }

  static String pages(final long snapshot) {
    return name(snapshot) + ".pages";
  }

  static String layer(final long owner) {
    return name(owner) + ".layer";
  }

  static String description(final long snapshot) {
    return name(snapshot) + ".snapshot";
  }

  /** An id as it is shown. */
  static String name(final long id) {
    return String.format(Locale.ROOT, "%012x", id);
  }

  Path path(final String file) {
    return directory.resolve(file);
  }

  // ---- writing

  /**
   * Begin a new archive.
   *
   * @throws ConflictException if there is something in the directory.
   */
  void begin() throws IOException {
    if (!Files.isDirectory(directory)) {
      Files.createDirectory(directory, PRIVATE_DIRECTORY);
      madeDirectory = true;
      return;
    }
    if (Files.exists(path(MANIFEST))) {
      throw new ConflictException(directory + " holds saved snapshots already");
    }
    try (Stream<Path> files = Files.list(directory)) {
      if (files.anyMatch(file -> !file.getFileName().toString().equals("lost+found"))) {
        throw new ConflictException(
            directory + " is not empty, and has no manifest of a save that was completed");
      }
    }
  }

  FileChannel create(final String file) throws IOException {
    final Path path = path(file);
    final FileChannel channel =
        FileChannel.open(
            path, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), PRIVATE_FILE);
    created.add(path);
    return channel;
  }

  /** Write a message as a file of its own. */
  SavedFile write(final String file, final MessageLite message) throws IOException {
    final byte[] bytes = message.toByteArray();
    final byte[] compressed = Zstd.compress(bytes);
    write(file, compressed);
    return SavedFile.newBuilder()
        .setLength(compressed.length)
        .setChecksum(checksum(compressed))
        .setMessageLength(bytes.length)
        .build();
  }

  private void write(final String file, final byte[] bytes) throws IOException {
    try (FileChannel channel = create(file)) {
      writeAll(channel, ByteBuffer.wrap(bytes));
      channel.force(true);
    }
  }

  /** From here on there is an archive. All other files are on the disk. */
  void complete(final Manifest manifest) throws IOException {
    final byte[] message = manifest.toByteArray();
    final ByteBuffer bytes =
        ByteBuffer.allocate(HEADER_LENGTH + message.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes
        .putLong(MAGIC)
        .putInt(VERSION)
        .putInt(checksum(message))
        .putLong(message.length)
        .put(message);
    sync(directory);
    final String part = MANIFEST + ".part";
    write(part, bytes.array());
    Files.move(path(part), path(MANIFEST), StandardCopyOption.ATOMIC_MOVE);
    created.add(path(MANIFEST));
    sync(directory);
    if (madeDirectory) {
      sync(directory.toAbsolutePath().getParent());
    }
  }

  private static void sync(final Path directory) throws IOException {
    try (FileChannel channel = FileChannel.open(directory, StandardOpenOption.READ)) {
      channel.force(true);
    }
  }

  static void writeAll(final FileChannel channel, final ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      channel.write(bytes);
    }
  }

  /** Remove what was written, and the directory if it was made. */
  void removeAll() {
    try {
      for (int i = created.size() - 1; i >= 0; i--) {
        Files.deleteIfExists(created.get(i));
      }
      if (madeDirectory) {
        Files.deleteIfExists(directory);
      }
    } catch (final IOException e) {
      LOG.warn("what was saved to {} so far is not removed: {}", directory, e.toString());
    }
  }

  // ---- reading

  Manifest manifest() throws IOException {
    final byte[] file;
    try {
      file = Files.readAllBytes(path(MANIFEST));
    } catch (final NoSuchFileException e) {
      throw new NotFoundException(
          "there are no saved snapshots in " + directory + ": it has no manifest", e);
    }
    final ByteBuffer bytes = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN);
    if (file.length < HEADER_LENGTH || bytes.getLong(0) != MAGIC) {
      throw new DamagedException(path(MANIFEST) + " is not the manifest of saved snapshots");
    }
    if (bytes.getInt(VERSION_OFFSET) != VERSION) {
      throw new UnsupportedException(
          path(MANIFEST)
              + " has version "
              + bytes.getInt(VERSION_OFFSET)
              + ", this reads version "
              + VERSION);
    }
    final byte[] message = new byte[file.length - HEADER_LENGTH];
    bytes.get(HEADER_LENGTH, message);
    if (bytes.getLong(LENGTH_OFFSET) != message.length
        || bytes.getInt(CHECKSUM_OFFSET) != checksum(message)) {
      throw damaged(MANIFEST);
    }
    return parse(Manifest.parser(), message, MANIFEST);
  }

  /** Read a file that a manifest tells of. */
  <T extends MessageLite> T read(
      final String file, final SavedFile expected, final Parser<T> parser) throws IOException {
    final byte[] bytes;
    try {
      bytes = Files.readAllBytes(path(file));
    } catch (final NoSuchFileException e) {
      throw new DamagedException(path(file) + " is missing");
    }
    if (bytes.length != expected.getLength() || checksum(bytes) != expected.getChecksum()) {
      throw damaged(file);
    }
    try {
      return parse(parser, Zstd.decompress(bytes, expected.getMessageLength()), file);
    } catch (final ZstdException e) {
      throw damaged(file);
    }
  }

  private <T extends MessageLite> T parse(
      final Parser<T> parser, final byte[] bytes, final String file) {
    try {
      return parser.parseFrom(bytes);
    } catch (final InvalidProtocolBufferException e) {
      throw damaged(file);
    }
  }

  private DamagedException damaged(final String file) {
    return new DamagedException(path(file) + " is damaged: it is not what was saved");
  }

  static int checksum(final byte[] bytes) {
    final CRC32C crc = new CRC32C();
    crc.update(bytes);
    return (int) crc.getValue();
  }

  /** What to throw in place of an error of a disk. */
  VasException failure(final IOException e) {
    return new VasException(directory + ": " + e, e);
  }
}
