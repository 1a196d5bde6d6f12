package io.vas.core.resource;

/**
 * A symbolic link below /proc/PID, and the file it leads to.
 *
 * @param target what readlink(2) gave.
 * @param status of the file, all zero if it could not be opened.
 */
public record RecordedLink(String target, RecordedStatus status) {}
