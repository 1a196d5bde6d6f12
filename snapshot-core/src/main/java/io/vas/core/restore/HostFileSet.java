package io.vas.core.restore;

import com.google.protobuf.ByteString;
import io.vas.core.UnsupportedException;
import io.vas.core.VasException;
import io.vas.core.image.FileDigest;
import io.vas.core.image.Image;
import io.vas.core.image.MappedFile;
import io.vas.core.image.ProcessImage;
import io.vas.core.image.RelianceState;
import io.vas.core.image.VmaImage;
import io.vas.core.linux.FileStatus;
import io.vas.core.linux.LinuxException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * The files of the host that a snapshot maps, and whether they are what they were.
 *
 * <p>While the machine runs a file is known by its device, inode, size and last change. A device
 * may have another number when the machine is started again, and a file that was copied or
 * installed once more has other numbers altogether: then it is the same if its bytes are.
 */
final class HostFileSet {
  private final Map<String, MappedFile> files = new LinkedHashMap<>();

  /**
   * Those of a snapshot.
   *
   * @param image of the snapshot.
   */
  HostFileSet(final Image image) {
    for (final ProcessImage process : image.getProcessesList()) {
      add(process.getMemory().getLayout().getExecutable());
      process.getMemory().getVmasList().forEach(vma -> add(vma.getFile()));
    }
  }

  private void add(final MappedFile file) {
    if (!file.getHostPath().isEmpty()) {
      files.put(file.getHostPath(), file);
    }
  }

  Collection<MappedFile> files() {
    return files.values();
  }

  /**
   * Check that all are what they were.
   *
   * @throws VasException naming one that is not.
   */
  void check() {
    for (final MappedFile expected : files.values()) {
      final FileStatus status = status(expected);
      if (status.device().encoded() != expected.getDevice() || !isSame(status, expected)) {
        throw new VasException(changed(expected));
      }
    }
  }

  private static FileStatus status(final MappedFile file) {
    try {
      return FileStatus.ofLink(file.getHostPath());
    } catch (final LinuxException e) {
      throw new VasException(
          file.getHostPath() + ", which the snapshot maps, can not be found any more", e);
    }
  }

  private static String changed(final MappedFile file) {
    return file.getHostPath() + ", which the snapshot maps, has changed since";
  }

  /** Two devices do not have the same numbers of a file by chance, nor times in nanoseconds. */
  private static boolean isSame(final FileStatus status, final MappedFile file) {
    return status.inode() == file.getInode()
        && status.size() == file.getSize()
        && status.changedNanos() == file.getChangedNanos();
  }

  // ---- across starts of the machine

  /**
   * Sum up what is in the files.
   *
   * @param known sums by path, to which those that are missing are added.
   * @return a sum for each.
   * @throws VasException naming one that is not what it was.
   */
  RelianceState digests(final Map<String, ByteString> known) {
    check();
    final RelianceState.Builder state = RelianceState.newBuilder();
    for (final String path : files.keySet()) {
      state.addFiles(
          FileDigest.newBuilder()
              .setHostPath(path)
              .setSha256(known.computeIfAbsent(path, HostFileSet::digest)));
    }
    return state.build();
  }

  /**
   * Find the files again.
   *
   * @param image of the snapshot.
   * @param state what {@link #digests} told.
   * @param known sums by path as they are now, to which those that are needed are added.
   * @return the image, where the files have the numbers that they have now.
   * @throws UnsupportedException naming one that is not what it was.
   */
  Image find(final Image image, final RelianceState state, final Map<String, ByteString> known) {
    final Map<String, ByteString> digests = new HashMap<>();
    state.getFilesList().forEach(file -> digests.put(file.getHostPath(), file.getSha256()));
    final Map<String, MappedFile> found = new HashMap<>();
    files.forEach((path, file) -> found.put(path, find(file, digests.get(path), known)));
    final Image.Builder copy = image.toBuilder();
    for (final ProcessImage.Builder process : copy.getProcessesBuilderList()) {
      final MappedFile executable = process.getMemory().getLayout().getExecutable();
      if (found.containsKey(executable.getHostPath())) {
        process
            .getMemoryBuilder()
            .getLayoutBuilder()
            .setExecutable(numbered(executable, found.get(executable.getHostPath())));
      }
      for (final VmaImage.Builder vma : process.getMemoryBuilder().getVmasBuilderList()) {
        final MappedFile now = found.get(vma.getFile().getHostPath());
        if (now != null) {
          vma.setFile(numbered(vma.getFile(), now));
        }
      }
    }
    return copy.build();
  }

  private static MappedFile numbered(final MappedFile file, final MappedFile now) {
    return file.toBuilder()
        .setDevice(now.getDevice())
        .setInode(now.getInode())
        .setChangedNanos(now.getChangedNanos())
        .build();
  }

  private static MappedFile find(
      final MappedFile file, final ByteString digest, final Map<String, ByteString> known) {
    final FileStatus status;
    try {
      status = status(file);
    } catch (final VasException e) {
      throw new UnsupportedException(e.getMessage());
    }
    if (!isSame(status, file)
        && (status.type() != FileStatus.S_IFREG
            || status.size() != file.getSize()
            || !known.computeIfAbsent(file.getHostPath(), HostFileSet::digest).equals(digest))) {
      throw new UnsupportedException(changed(file));
    }
    return file.toBuilder()
        .setDevice(status.device().encoded())
        .setInode(status.inode())
        .setChangedNanos(status.changedNanos())
        .build();
  }

  private static ByteString digest(final String path) {
    try (InputStream file = Files.newInputStream(Path.of(path));
        DigestInputStream in = new DigestInputStream(file, MessageDigest.getInstance("SHA-256"))) {
      in.transferTo(OutputStream.nullOutputStream());
      return ByteString.copyFrom(in.getMessageDigest().digest());
    } catch (final IOException e) {
      throw new VasException(path + ", which the snapshot maps, can not be read: " + e, e);
    } catch (final NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }
}
