package io.vas.core.resource;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.SessionState;
import io.vas.core.linux.ProcStat;
import io.vas.core.linux.ProcStatus;
import io.vas.core.program.SystemCall;
import java.util.List;
import java.util.Optional;

/** The session and process group of a process. */
public final class Session implements ProcessResource {
  private static final String KIND = "session";

  /** The kind. */
  public Session() {}

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
    plan.taskFile("status");
    plan.processFile("stat");
  }

  @Override
  public Optional<? extends Message> capture(
      final ProcessRecord process, final CaptureContext context) {
    final ProcStatus status = ProcStatus.parse(process.tasks().get(0).file("status"));
    final int session = innermost(status.numbers("NSsid"));
    final int group = innermost(status.numbers("NSpgid"));
    if (ProcStat.parse(process.file("stat")).terminal() != 0) {
      throw context.unsupported(process, "controlling terminal", "terminals are not supported");
    }
    if ((session != 0 && session != process.pid()) || (group != 0 && group != process.pid())) {
      throw context.unsupported(
          process,
          KIND,
          "it is in session " + session + " and process group " + group + " of other processes");
    }
    return Optional.of(SessionState.newBuilder().setSession(session).setGroup(group).build());
  }

  /** In the task's own pid namespace; 0 for one from outside of it. */
  private static int innermost(final List<Integer> numbers) {
    return numbers.get(numbers.size() - 1);
  }

  @Override
  public void restore(final ByteString state, final ProcessRestore restore)
      throws InvalidProtocolBufferException {
    final SessionState image = SessionState.parseFrom(state);
    if (image.getSession() != 0) {
      restore
          .program()
          .callExpecting(image.getSession(), restore.name("setsid"), SystemCall.SETSID);
    } else if (image.getGroup() != 0) {
      restore.program().call(restore.name("setpgid"), SystemCall.SETPGID, 0, 0);
    }
  }
}
