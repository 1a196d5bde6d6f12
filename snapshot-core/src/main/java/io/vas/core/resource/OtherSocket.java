package io.vas.core.resource;

import com.google.protobuf.ByteString;
import io.vas.core.image.SocketImage;
import java.util.Map;

/** Sockets that no other kind recognises: refused by the name of their family. */
public final class OtherSocket implements DescriptorResource {
  private static final Map<Integer, String> FAMILIES =
      Map.of(
          2, "IPv4",
          10, "IPv6",
          17, "packet",
          29, "CAN",
          31, "bluetooth",
          38, "crypto",
          40, "vsock",
          44, "XDP");

  /** The kind. */
  public OtherSocket() {}

  @Override
  public String kind() {
    return "socket";
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor, final CaptureContext context) {
    return SocketFacts.of(descriptor).isPresent();
  }

  @Override
  public void plan(final PlanBuilder plan) {
    SocketFacts.plan(plan);
  }

  @Override
  public SocketImage capture(final DescriptorRecord descriptor, final CaptureContext context) {
    final SocketFacts facts = SocketFacts.of(descriptor).orElseThrow();
    throw context.unsupported(
        descriptor,
        kind(),
        "family "
            + FAMILIES.getOrDefault(facts.family(), Integer.toString(facts.family()))
            + ", type "
            + facts.type()
            + ", protocol "
            + facts.protocol()
            + " is not supported");
  }

  @Override
  public void restore(final ByteString state, final DescriptorRestore restore) {
    throw new IllegalStateException("no snapshot has a socket of a kind that is refused");
  }
}
