package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.HostNamesState;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import java.util.Optional;
import org.agrona.DirectBuffer;

/** The names that the instance has for its host: state of its UTS namespace. */
public final class HostNames implements ProcessResource {
  private static final String KIND = "host names";

  /** Bytes of each of the six names in struct utsname. */
  private static final int NAME_LENGTH = 65;

  private static final int NAMES = 6;
  private static final int HOST = 1;
  private static final int DOMAIN = 5;

  /** The kind. */
  public HostNames() {}

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Phase phase() {
    return Phase.PROCESS;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    final ProgramBuilder program = plan.processProgram();
    program.callAny(KIND + ": read", SystemCall.UNAME, program.data(KIND, NAMES * NAME_LENGTH));
  }

  @Override
  public Optional<? extends Message> capture(
      final ProcessRecord process, final CaptureContext context) {
    Recorded.result(process.program(), KIND + ": read");
    final DirectBuffer names = process.program().data(KIND);
    return Optional.of(
        HostNamesState.newBuilder()
            .setHost(name(names, HOST))
            .setDomain(name(names, DOMAIN))
            .build());
  }

  private static ByteString name(final DirectBuffer names, final int index) {
    final int start = index * NAME_LENGTH;
    int length = 0;
    while (length < NAME_LENGTH && names.getByte(start + length) != 0) {
      length++;
    }
    return ByteString.copyFrom(Recorded.bytes(names, start, length));
  }

  @Override
  public void restore(final ByteString state, final ProcessRestore restore)
      throws InvalidProtocolBufferException {
    final HostNamesState image = HostNamesState.parseFrom(state);
    final ProgramBuilder program = restore.program();
    program.call(
        restore.name("sethostname"),
        SystemCall.SETHOSTNAME,
        program.data(image.getHost().toByteArray()),
        image.getHost().size());
    program.call(
        restore.name("setdomainname"),
        SystemCall.SETDOMAINNAME,
        program.data(image.getDomain().toByteArray()),
        image.getDomain().size());
  }
}
