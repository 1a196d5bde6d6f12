package io.vas.api;

import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;

/** Why a file could not be used, in words: those of java.nio.file's exceptions are class names. */
public final class FileErrors {
  private FileErrors() {}

  /**
   * What is wrong.
   *
   * @param error of a call that names one file, which the message is about.
   * @return a few words, such as the kernel's for the errno.
   */
  public static String reason(final IOException error) {
    if (error instanceof FileSystemException e && e.getReason() != null) {
      return e.getReason();
    }
    if (error instanceof NoSuchFileException) {
      return "No such file or directory";
    }
    if (error instanceof AccessDeniedException) {
      return "Permission denied";
    }
    if (error instanceof FileAlreadyExistsException) {
      return "File exists";
    }
    return error.getMessage() == null ? error.toString() : error.getMessage();
  }
}
