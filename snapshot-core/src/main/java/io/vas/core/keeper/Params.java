package io.vas.core.keeper;

import io.vas.core.linux.Fd;
import io.vas.core.program.Program;
import java.util.ArrayList;
import java.util.List;

/**
 * The values of a program's parameters, by the names that {@link
 * io.vas.core.program.ProgramBuilder#parameter} gave them, and the descriptors that travel along.
 */
public final class Params {
  private final Program program;
  private final List<Param> list = new ArrayList<>();
  private final List<Fd> attached = new ArrayList<>();
  private final int firstAttached;

  /**
   * No values yet.
   *
   * @param program whose parameters they are for.
   * @param firstAttached how many descriptors the message carries before these.
   */
  Params(final Program program, final int firstAttached) {
    this.program = program;
    this.firstAttached = firstAttached;
  }

  /**
   * For the program of a new child.
   *
   * @param program whose parameters the values are for.
   * @return no values yet.
   */
  public static Params forSpawn(final Program program) {
    return new Params(program, 1);
  }

  /**
   * For the instance program of a freeze's plan.
   *
   * @param program whose parameters the values are for.
   * @return no values yet.
   */
  public static Params forFreeze(final Program program) {
    return new Params(program, 4);
  }

  /**
   * A number.
   *
   * @param name of the parameter.
   * @param value any 64 bits.
   * @return this.
   */
  public Params immediate(final String name, final long value) {
    return add(name, KeeperProtocolDescriptor.PARAM_IMMEDIATE, value);
  }

  /**
   * The number of a descriptor that the keeper holds.
   *
   * @param name of the parameter.
   * @param id under which it holds it.
   * @return this.
   */
  public Params held(final String name, final long id) {
    return add(name, KeeperProtocolDescriptor.PARAM_HELD, id);
  }

  /**
   * The number of a descriptor that is sent along.
   *
   * @param name of the parameter.
   * @param fd the descriptor, which stays the caller's.
   * @return this.
   */
  public Params attached(final String name, final Fd fd) {
    attached.add(fd);
    return add(
        name, KeeperProtocolDescriptor.PARAM_ATTACHED, (long) firstAttached + attached.size() - 1);
  }

  /**
   * The number of the new child's socket to the keeper.
   *
   * @param name of the parameter.
   * @return this.
   */
  public Params control(final String name) {
    return add(name, KeeperProtocolDescriptor.PARAM_CONTROL, 0);
  }

  /**
   * Where the vdso and its data are mapped in a new child.
   *
   * @param name of the parameter.
   * @return this.
   */
  public Params vdsoStart(final String name) {
    return add(name, KeeperProtocolDescriptor.PARAM_VDSO_START, 0);
  }

  /**
   * How long the vdso and its data are in a new child, in bytes.
   *
   * @param name of the parameter.
   * @return this.
   */
  public Params vdsoLength(final String name) {
    return add(name, KeeperProtocolDescriptor.PARAM_VDSO_LENGTH, 0);
  }

  /**
   * The number of a descriptor that the instance, or a visitor's host, sent when it was ready.
   *
   * @param name of the parameter.
   * @param index in which order.
   * @return this.
   */
  public Params kept(final String name, final int index) {
    return add(name, KeeperProtocolDescriptor.PARAM_KEPT, index);
  }

  /**
   * The number of a pidfd of the instance's first task, or of that of a visitor's host.
   *
   * @param name of the parameter.
   * @return this.
   */
  public Params pidfd(final String name) {
    return add(name, KeeperProtocolDescriptor.PARAM_PIDFD, 0);
  }

  List<Param> list() {
    return list;
  }

  List<Fd> attached() {
    return attached;
  }

  private Params add(final String name, final int kind, final long value) {
    list.add(new Param(program.parameterSlot(name), kind, value));
    return this;
  }
}
