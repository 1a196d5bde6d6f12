package io.vas.api.daemon;

import io.vas.api.v1.RecorderInfo;
import io.vas.core.instance.Instance;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a daemon that is started again must know of a recorder. It is beside what it must know of
 * the instance, and goes with that.
 */
final class RecorderFile {
  private static final Logger LOG = LoggerFactory.getLogger(RecorderFile.class);

  private final Path path;

  RecorderFile(final Instance instance) {
    path = instance.file("recorder");
  }

  void write(final RecorderInfo info) {
    final Path part = path.resolveSibling(path.getFileName() + ".part");
    try {
      Files.write(part, info.toByteArray());
      Files.move(part, path, StandardCopyOption.ATOMIC_MOVE);
    } catch (final NoSuchFileException e) {
      LOG.debug("the instance of {} was removed", path);
    } catch (final IOException e) {
      // It records all the same; only a daemon that is started again will not know it.
      LOG.warn("cannot write {}: {}", path, e.toString());
    }
  }

  /** Empty if there is none, or none that can be read. */
  Optional<RecorderInfo> read() {
    try {
      return Optional.of(RecorderInfo.parseFrom(Files.readAllBytes(path)));
    } catch (final NoSuchFileException e) {
      return Optional.empty();
    } catch (final IOException e) {
      LOG.warn("cannot read {}: {}", path, e.toString());
      return Optional.empty();
    }
  }
}
