package io.vas.core.resource;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Message;
import io.vas.core.image.CredentialsState;
import io.vas.core.image.Piece;
import io.vas.core.image.ProcessImage;
import io.vas.core.image.TaskImage;
import io.vas.core.linux.Capability;
import io.vas.core.linux.ProcStatus;
import io.vas.core.program.Data;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;
import io.vas.core.program.Value;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.Optional;
import org.agrona.concurrent.UnsafeBuffer;

/**
 * What a task may do: users, groups, the five capability sets, securebits (keep-caps is one of
 * them) and no_new_privs. The kernel has these for each task, whatever the C library makes of it.
 * Keyrings are not kept.
 */
public final class Credentials implements TaskResource {
  private static final String KIND = "credentials";

  private static final int PR_CAPBSET_DROP = 24;
  private static final int PR_GET_SECUREBITS = 27;
  private static final int PR_SET_SECUREBITS = 28;
  private static final int PR_SET_NO_NEW_PRIVS = 38;
  private static final int PR_CAP_AMBIENT = 47;
  private static final int PR_CAP_AMBIENT_RAISE = 2;
  private static final int PR_CAP_AMBIENT_CLEAR_ALL = 4;
  private static final int SECBIT_NO_SETUID_FIXUP = 1 << 2;

  private static final int CAPABILITY_VERSION_3 = 0x20080522;
  private static final int CAPABILITY_HEADER_LENGTH = 8;

  // struct __user_cap_data_struct[2]: effective, permitted, inheritable, first the lower halves
  private static final int CAPABILITY_DATA_LENGTH = 24;
  private static final int INHERITABLE_OFFSET = 8;
  private static final int UPPER_OFFSET = 12;

  /** The kind. */
  public Credentials() {}

  /**
   * The capabilities that tasks of a process may have or hand on in some way.
   *
   * @param process its image.
   * @return the union of the tasks' bounding and inheritable sets.
   * @throws InvalidProtocolBufferException if the image is damaged.
   */
  static long bounds(final ProcessImage process) throws InvalidProtocolBufferException {
    long bounds = 0;
    for (final TaskImage task : process.getTasksList()) {
      for (final Piece piece : task.getPiecesList()) {
        if (piece.getKind().equals(KIND)) {
          final CredentialsState image = CredentialsState.parseFrom(piece.getState());
          bounds |= image.getBounding() | image.getInheritable();
        }
      }
    }
    return bounds;
  }

  /** Drop capabilities from the bounding set. */
  static void dropFromBounds(final Restore restore, final long capabilities) {
    for (final Capability capability : Capability.setOf(capabilities)) {
      restore
          .program()
          .call(
              restore.name("bound " + capability.capName()),
              SystemCall.PRCTL,
              PR_CAPBSET_DROP,
              capability.bit(),
              0,
              0,
              0);
    }
  }

  @Override
  public String kind() {
    return KIND;
  }

  @Override
  public Phase phase() {
    return Phase.CREDENTIALS;
  }

  @Override
  public void plan(final PlanBuilder plan) {
    plan.taskFile("status");
    plan.taskProgram()
        .callAny(KIND + ": securebits", SystemCall.PRCTL, PR_GET_SECUREBITS, 0, 0, 0, 0);
  }

  @Override
  public Optional<? extends Message> capture(final TaskRecord task, final CaptureContext context) {
    final ProcStatus status = ProcStatus.parse(task.file("status"));
    final ProcStatus.Ids uids = status.uids();
    final ProcStatus.Ids gids = status.gids();
    return Optional.of(
        CredentialsState.newBuilder()
            .addAllUids(List.of(uids.real(), uids.effective(), uids.saved(), uids.fileSystem()))
            .addAllGids(List.of(gids.real(), gids.effective(), gids.saved(), gids.fileSystem()))
            .addAllGroups(status.numbers("Groups"))
            .setInheritable(status.mask("CapInh"))
            .setPermitted(status.mask("CapPrm"))
            .setEffective(status.mask("CapEff"))
            .setBounding(status.mask("CapBnd"))
            .setAmbient(status.mask("CapAmb"))
            .setSecurebits((int) Recorded.result(task.program(), KIND + ": securebits"))
            .setNoNewPrivs(status.number("NoNewPrivs") != 0)
            .build());
  }

  @Override
  public void restore(final ByteString state, final TaskRestore restore)
      throws InvalidProtocolBufferException {
    final CredentialsState image = CredentialsState.parseFrom(state);
    final ProgramBuilder program = restore.program();
    restoreGroups(image, restore);
    // Otherwise the kernel takes the capabilities away when the last of the users is not root.
    program.call(
        restore.name("keep capabilities"),
        SystemCall.PRCTL,
        PR_SET_SECUREBITS,
        SECBIT_NO_SETUID_FIXUP,
        0,
        0,
        0);
    program.call(
        restore.name("setresuid"),
        SystemCall.SETRESUID,
        image.getUids(0),
        image.getUids(1),
        image.getUids(2));
    if (image.getUids(3) != image.getUids(1)) {
      program.callAny(restore.name("setfsuid"), SystemCall.SETFSUID, image.getUids(3));
    }
    final Data header = program.data(capabilityHeader());
    final boolean raises = (image.getInheritable() & image.getPermitted()) != 0;
    if (raises || (image.getInheritable() & ~image.getBounding()) != 0) {
      // Nothing that is not in the bounding set can become inheritable, but it can stay so.
      restoreInheritable(image, restore, header);
    }
    if (raises) {
      restoreAmbient(image, restore);
    }
    dropFromBounds(restore, bounds(restore.process()) & ~image.getBounding());
    program.call(
        restore.name("securebits"),
        SystemCall.PRCTL,
        PR_SET_SECUREBITS,
        image.getSecurebits(),
        0,
        0,
        0);
    program.call(restore.name("capset"), SystemCall.CAPSET, header, program.data(sets(image)));
    if (image.getNoNewPrivs()) {
      program.call(restore.name("no_new_privs"), SystemCall.PRCTL, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    }
  }

  private static void restoreGroups(final CredentialsState image, final TaskRestore restore) {
    final ProgramBuilder program = restore.program();
    final ByteBuffer groups =
        ByteBuffer.allocate(image.getGroupsCount() * Integer.BYTES).order(LITTLE_ENDIAN);
    image.getGroupsList().forEach(groups::putInt);
    program.call(
        restore.name("setgroups"),
        SystemCall.SETGROUPS,
        image.getGroupsCount(),
        program.data(groups.array()));
    program.call(
        restore.name("setresgid"),
        SystemCall.SETRESGID,
        image.getGids(0),
        image.getGids(1),
        image.getGids(2));
    if (image.getGids(3) != image.getGids(1)) {
      program.callAny(restore.name("setfsgid"), SystemCall.SETFSGID, image.getGids(3));
    }
  }

  private static void restoreInheritable(
      final CredentialsState image, final TaskRestore restore, final Data header) {
    final ProgramBuilder program = restore.program();
    final Data sets = program.data(restore.name("capabilities"), CAPABILITY_DATA_LENGTH);
    program.call(restore.name("capget"), SystemCall.CAPGET, header, sets);
    program.store(sets.plus(INHERITABLE_OFFSET), Value.of(image.getInheritable()), Integer.BYTES);
    program.store(
        sets.plus(UPPER_OFFSET + INHERITABLE_OFFSET),
        Value.of(image.getInheritable() >>> Integer.SIZE),
        Integer.BYTES);
    program.call(restore.name("inheritable"), SystemCall.CAPSET, header, sets);
  }

  private static void restoreAmbient(final CredentialsState image, final TaskRestore restore) {
    final ProgramBuilder program = restore.program();
    program.call(
        restore.name("clear ambient"),
        SystemCall.PRCTL,
        PR_CAP_AMBIENT,
        PR_CAP_AMBIENT_CLEAR_ALL,
        0,
        0,
        0);
    for (final Capability capability : Capability.setOf(image.getAmbient())) {
      program.call(
          restore.name("ambient " + capability.capName()),
          SystemCall.PRCTL,
          PR_CAP_AMBIENT,
          PR_CAP_AMBIENT_RAISE,
          capability.bit(),
          0,
          0);
    }
  }

  private static byte[] capabilityHeader() {
    final UnsafeBuffer header = new UnsafeBuffer(new byte[CAPABILITY_HEADER_LENGTH]);
    header.putInt(0, CAPABILITY_VERSION_3, LITTLE_ENDIAN);
    return header.byteArray();
  }

  private static byte[] sets(final CredentialsState image) {
    final ByteBuffer sets = ByteBuffer.allocate(CAPABILITY_DATA_LENGTH).order(LITTLE_ENDIAN);
    for (int shift = 0; shift < Long.SIZE; shift += Integer.SIZE) {
      sets.putInt((int) (image.getEffective() >>> shift))
          .putInt((int) (image.getPermitted() >>> shift))
          .putInt((int) (image.getInheritable() >>> shift));
    }
    return sets.array();
  }
}
