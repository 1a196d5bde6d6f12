package io.vas.core.resource;

import io.vas.core.linux.FileIo;
import java.util.List;
import java.util.Optional;

/**
 * Namespaces other than those that every instance is given, which are refused: a process in a user
 * or time namespace of its own, or whose children would be in another namespace than itself.
 */
public final class Namespaces extends Refusal.OfProcess {
  /** Those that an instance shares with us. */
  private static final List<String> SHARED = List.of("user", "time");

  private static final String SUFFIX = "_for_children";

  /** Those that unshare(2) changes for children only. */
  private static final List<String> OF_CHILDREN = List.of("pid", "time");

  /** The kind. */
  public Namespaces() {}

  @Override
  public String kind() {
    return "namespaces";
  }

  @Override
  public void plan(final PlanBuilder plan) {
    SHARED.forEach(name -> plan.processLink("ns/" + name));
    OF_CHILDREN.forEach(
        name -> {
          plan.processLink("ns/" + name);
          plan.processLink("ns/" + name + SUFFIX);
        });
  }

  @Override
  void refuse(final ProcessRecord process, final CaptureContext context) {
    for (final String name : SHARED) {
      final Optional<RecordedLink> link = process.link("ns/" + name);
      if (link.isPresent()
          && !link.get().target().equals(FileIo.readLink("/proc/self/ns/" + name))) {
        throw context.unsupported(process, name + " namespace", "the process has one of its own");
      }
    }
    for (final String name : OF_CHILDREN) {
      final Optional<RecordedLink> own = process.link("ns/" + name);
      final Optional<RecordedLink> children = process.link("ns/" + name + SUFFIX);
      if (own.isPresent()
          && children.isPresent()
          && !own.get().target().equals(children.get().target())) {
        throw context.unsupported(
            process, name + " namespace", "the process has made a new one for its children");
      }
    }
  }
}
