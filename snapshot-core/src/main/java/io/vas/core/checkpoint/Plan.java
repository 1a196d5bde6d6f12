package io.vas.core.checkpoint;

import static java.nio.ByteOrder.LITTLE_ENDIAN;

import io.vas.core.keeper.KeeperProtocolDescriptor;
import io.vas.core.keeper.PlanDescriptor;
import io.vas.core.linux.DeviceNumber;
import io.vas.core.linux.Fd;
import io.vas.core.linux.MemFd;
import io.vas.core.linux.RawText;
import io.vas.core.program.Program;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.resource.DescriptorResource;
import io.vas.core.resource.PlanBuilder;
import io.vas.core.resource.ProcessResource;
import io.vas.core.resource.Resources;
import io.vas.core.resource.TaskResource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.agrona.BitUtil;
import org.agrona.ExpandableArrayBuffer;

/**
 * What the keeper is to record while an instance is frozen. Made once from all resources, and good
 * for every instance. Immutable.
 */
public final class Plan implements AutoCloseable {
  private final List<String> processFiles;
  private final List<String> taskFiles;
  private final List<String> runningFiles;
  private final List<String> processLinks;
  private final Program processProgram;
  private final Program taskProgram;
  private final Program instanceProgram;
  private final List<Rule> descriptorRules = new ArrayList<>();
  private final Fd file;

  /**
   * File systems by which files are recognised.
   *
   * @param sharedMemory of memfds and shared anonymous memory.
   * @param huge of regions with huge pages.
   * @param small of regions with small pages.
   */
  record Devices(DeviceNumber sharedMemory, DeviceNumber huge, DeviceNumber small) {}

  /**
   * A program for descriptors of some kind.
   *
   * @param linkPrefix their links begin with it.
   * @param program what is run on them.
   */
  record Rule(String linkPrefix, Program program) {}

  private Plan(final PlanBuilder builder, final Devices devices) {
    processFiles = builder.processFiles();
    taskFiles = builder.taskFiles();
    runningFiles = builder.runningFiles();
    processLinks = builder.processLinks();
    processProgram = build(builder.processProgram());
    taskProgram = build(builder.taskProgram());
    instanceProgram = build(builder.instanceProgram());
    for (final Map.Entry<String, ProgramBuilder> rule : builder.descriptorRules().entrySet()) {
      descriptorRules.add(new Rule(rule.getKey(), build(rule.getValue())));
    }
    file = MemFd.ofConstant("vas-plan", encode(devices));
  }

  /**
   * The plan of all resources.
   *
   * @param builder an empty one.
   * @param devices file systems of this machine.
   * @param more asks for what is recorded besides.
   * @return the plan.
   */
  static Plan ofAllResources(
      final PlanBuilder builder, final Devices devices, final Consumer<PlanBuilder> more) {
    for (final ProcessResource resource : Resources.process()) {
      builder.processProgram().resource(resource.kind());
      builder.instanceProgram().resource(resource.kind());
      resource.plan(builder);
    }
    for (final TaskResource resource : Resources.task()) {
      builder.taskProgram().resource(resource.kind());
      resource.plan(builder);
    }
    for (final DescriptorResource resource : Resources.descriptor()) {
      builder.instanceProgram().resource(resource.kind());
      resource.plan(builder);
    }
    more.accept(builder);
    return new Plan(builder, devices);
  }

  private static Program build(final ProgramBuilder builder) {
    builder.end();
    return builder.build();
  }

  List<String> processFiles() {
    return processFiles;
  }

  List<String> taskFiles() {
    return taskFiles;
  }

  List<String> runningFiles() {
    return runningFiles;
  }

  List<String> processLinks() {
    return processLinks;
  }

  Program processProgram() {
    return processProgram;
  }

  Program taskProgram() {
    return taskProgram;
  }

  Program instanceProgram() {
    return instanceProgram;
  }

  /** The rules whose programs run on a descriptor, in their order. */
  List<Rule> rulesFor(final String link) {
    return descriptorRules.stream().filter(rule -> link.startsWith(rule.linkPrefix())).toList();
  }

  /**
   * The plan as the keeper reads it. To make the file takes longer than to freeze a small instance.
   *
   * @return a file, which stays the plan's.
   */
  Fd file() {
    return file;
  }

  @Override
  public void close() {
    file.close();
  }

  private byte[] encode(final Devices devices) {
    final Encoder encoder = new Encoder();
    encoder.putLong(PlanDescriptor.MAGIC_OFFSET, PlanDescriptor.MAGIC);
    encoder.putInt(PlanDescriptor.VERSION_OFFSET, KeeperProtocolDescriptor.PROTOCOL_VERSION);
    encoder.putInt(PlanDescriptor.PROCESS_FILES_OFFSET_OFFSET, encoder.names(processFiles));
    encoder.putInt(PlanDescriptor.PROCESS_FILES_COUNT_OFFSET, processFiles.size());
    encoder.putInt(PlanDescriptor.TASK_FILES_OFFSET_OFFSET, encoder.names(taskFiles));
    encoder.putInt(PlanDescriptor.TASK_FILES_COUNT_OFFSET, taskFiles.size());
    encoder.putInt(PlanDescriptor.PROCESS_LINKS_OFFSET_OFFSET, encoder.names(processLinks));
    encoder.putInt(PlanDescriptor.PROCESS_LINKS_COUNT_OFFSET, processLinks.size());
    encoder.putInt(PlanDescriptor.PROCESS_PROGRAM_OFFSET, encoder.program(processProgram));
    encoder.putInt(PlanDescriptor.TASK_PROGRAM_OFFSET, encoder.program(taskProgram));
    encoder.putInt(PlanDescriptor.INSTANCE_PROGRAM_OFFSET, encoder.program(instanceProgram));
    final int rules = encoder.allocate(descriptorRules.size() * PlanDescriptor.RULE_LENGTH);
    for (int i = 0; i < descriptorRules.size(); i++) {
      final Rule rule = descriptorRules.get(i);
      final int offset = rules + i * PlanDescriptor.RULE_LENGTH;
      encoder.putInt(
          offset + PlanDescriptor.RULE_PREFIX_OFFSET_OFFSET,
          encoder.names(List.of(rule.linkPrefix())));
      encoder.putInt(offset + PlanDescriptor.RULE_PROGRAM_OFFSET, encoder.program(rule.program()));
    }
    encoder.putInt(PlanDescriptor.DESCRIPTOR_RULES_OFFSET_OFFSET, rules);
    encoder.putInt(PlanDescriptor.DESCRIPTOR_RULES_COUNT_OFFSET, descriptorRules.size());
    encoder.putInt(PlanDescriptor.RUNNING_FILES_OFFSET_OFFSET, encoder.names(runningFiles));
    encoder.putInt(PlanDescriptor.RUNNING_FILES_COUNT_OFFSET, runningFiles.size());
    encoder.putLong(PlanDescriptor.SHM_DEVICE_OFFSET, devices.sharedMemory().encoded());
    encoder.putLong(PlanDescriptor.REGION_DEVICE_OFFSET, devices.huge().encoded());
    encoder.putLong(PlanDescriptor.REGION_DEVICE_OFFSET + Long.BYTES, devices.small().encoded());
    return encoder.finish();
  }

  private static final class Encoder {
    private final ExpandableArrayBuffer buffer = new ExpandableArrayBuffer(16384);
    private int length = PlanDescriptor.LENGTH;

    int allocate(final int bytes) {
      final int offset = BitUtil.align(length, Long.BYTES);
      length = offset + bytes;
      buffer.checkLimit(length);
      return offset;
    }

    int names(final List<String> names) {
      int total = 0;
      for (final String name : names) {
        total += RawText.encode(name).length + 1;
      }
      final int start = allocate(total);
      int offset = start;
      for (final String name : names) {
        final byte[] encoded = RawText.encode(name);
        buffer.putBytes(offset, encoded);
        buffer.putByte(offset + encoded.length, (byte) 0);
        offset += encoded.length + 1;
      }
      return start;
    }

    int program(final Program program) {
      final int offset = allocate(program.length());
      program.writeTo(buffer, offset);
      return offset;
    }

    void putInt(final int offset, final int value) {
      buffer.putInt(offset, value, LITTLE_ENDIAN);
    }

    void putLong(final int offset, final long value) {
      buffer.putLong(offset, value, LITTLE_ENDIAN);
    }

    byte[] finish() {
      final byte[] bytes = new byte[BitUtil.align(length, Long.BYTES)];
      putInt(PlanDescriptor.LENGTH_OFFSET, bytes.length);
      buffer.getBytes(0, bytes, 0, length);
      return bytes;
    }
  }
}
