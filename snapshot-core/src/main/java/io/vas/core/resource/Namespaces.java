package io.vas.core.resource;

import io.vas.core.linux.FileIo;
import io.vas.core.linux.LinuxException;
import io.vas.core.linux.RawText;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Namespaces other than those that every instance is given, which are refused: user and time
 * namespaces, threads that have left the namespaces of their process, and processes whose children
 * would be in others than themselves.
 *
 * <p>Looked at after the freeze, which so gets no longer: nobody goes back from where it would be
 * refused.
 */
public final class Namespaces extends Refusal.OfProcess {
  private static final Path SELF = Path.of("/proc/self");

  /** Those that an instance shares with us. */
  private static final List<String> SHARED = List.of("user", "time");

  /** Those that a thread can leave. */
  private static final List<String> OF_THREADS =
      List.of("mnt", "net", "ipc", "uts", "cgroup", "pid_for_children", "time_for_children");

  /** Those that unshare(2) changes for children only. */
  private static final List<String> OF_CHILDREN = List.of("pid", "time");

  /** What the links of ours say, which never change. */
  private static final Map<String, Optional<String>> OURS = new ConcurrentHashMap<>();

  /** The kind. */
  public Namespaces() {}

  @Override
  public String kind() {
    return "namespaces";
  }

  @Override
  void refuse(final ProcessRecord process, final CaptureContext context) {
    final Path first = Path.of("/proc", Integer.toString(process.outerPid()));
    for (final String name : SHARED) {
      if (differ(context.host(), first, name, SELF, name)
          && !(name.equals("time") && hasGivenClocks(first, context))) {
        throw context.unsupported(process, name + " namespace", "the process has one of its own");
      }
    }
    try (DirectoryStream<Path> tasks = Files.newDirectoryStream(first.resolve("task"))) {
      for (final Path task : tasks) {
        refuse(first, task, process, context);
      }
    } catch (final IOException e) {
      return; // it has ended meanwhile, and can be forked all the same
    }
  }

  /** Whether its time namespace is like the one that it was given, which a fork is given, too. */
  private static boolean hasGivenClocks(final Path process, final CaptureContext context) {
    try {
      return !context.clocks().isNone()
          && context
              .clocks()
              .matches(
                  RawText.decode(FileIo.readAll(process.resolve("timens_offsets").toString())));
    } catch (final LinuxException e) {
      return true; // it has ended meanwhile
    }
  }

  private static void refuse(
      final Path first,
      final Path task,
      final ProcessRecord process,
      final CaptureContext context) {
    for (final String name : OF_CHILDREN) {
      if (differ(context.host(), task, name, task, name + "_for_children")) {
        throw context.unsupported(
            process, name + " namespace", "the process has made a new one for its children");
      }
    }
    if (task.getFileName().equals(first.getFileName())) {
      return;
    }
    for (final String name : OF_THREADS) {
      if (differ(context.host(), task, name, first, name)) {
        throw context.unsupported(process, name + " namespace", "a thread has one of its own");
      }
    }
  }

  /** Whether both are there and are not the same. */
  private static boolean differ(
      final HostFacts host,
      final Path task,
      final String name,
      final Path other,
      final String otherName) {
    final Path link = task.resolve("ns").resolve(name);
    final Path otherLink = other.resolve("ns").resolve(otherName);
    final Optional<String> here = host.link(link.toString());
    final Optional<String> there =
        other.equals(SELF)
            ? OURS.computeIfAbsent(otherName, ours -> new HostFacts().link(otherLink.toString()))
            : host.link(otherLink.toString());
    if (here.isPresent() && there.isPresent()) {
      return !here.equals(there);
    }
    // No such link: an older kernel. A link that leads nowhere: a new pid namespace that has no
    // process yet, or any of a task that has ended.
    return Files.exists(link, LinkOption.NOFOLLOW_LINKS)
        && Files.exists(otherLink, LinkOption.NOFOLLOW_LINKS)
        && !hasEnded(task)
        && !hasEnded(other);
  }

  private static boolean hasEnded(final Path task) {
    try {
      FileIo.readLink(task.resolve("ns").resolve("mnt").toString());
      return false;
    } catch (final LinuxException e) {
      return true;
    }
  }
}
