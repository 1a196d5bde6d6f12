package io.vas.core.resource;

import io.vas.core.VasException;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** The kinds of resources, each list in the order in which they are captured and restored. */
public final class Resources {
  private static final List<ProcessResource> PROCESS =
      List.of(
          new Namespaces(),
          new SystemVIpc(),
          new Session(),
          new HostNames(),
          new Umask(),
          new OomScore(),
          new CoreDumpFilter(),
          new BoundingSet(),
          new SignalActions(),
          new SharedPendingSignals(),
          new PosixTimers(),
          new IntervalTimers(),
          new ProcessControls(),
          new LockFuture(),
          new Directories(),
          new WriteSeals(),
          new InotifyWatches(),
          new RecordLocks(),
          new Limits());

  private static final List<TaskResource> TASK =
      List.of(
          new Sharing(),
          new Registers(),
          new SignalStack(),
          new RobustList(),
          new TidAddress(),
          new Rseq(),
          new TaskName(),
          new PendingSignals(),
          new Scheduling(),
          new MemoryPolicy(),
          new TaskControls(),
          new Credentials(),
          new ParentDeathSignal(),
          new Dumpable());

  private static final List<DescriptorResource> DESCRIPTOR =
      List.of(
          new RemovedFile(),
          new PathOnly(),
          new InstanceLog(),
          new MemFd(),
          new UnnamedFile(),
          new RegularFile(),
          new Directory(),
          new CharacterDevice(),
          new Pipe(),
          new Fifo(),
          new EventFd(),
          new Epoll(),
          new TimerFd(),
          new SignalFd(),
          new Inotify(),
          new TcpSocket(),
          new UdpSocket(),
          new UnixSocket(),
          new NetlinkSocket(),
          new OtherSocket());

  private static final Map<String, DescriptorResource> BY_KIND =
      DESCRIPTOR.stream().collect(Collectors.toMap(DescriptorResource::kind, kind -> kind));

  private Resources() {}

  /**
   * What a process has once.
   *
   * @return all kinds.
   */
  public static List<ProcessResource> process() {
    return PROCESS;
  }

  /**
   * What every task has.
   *
   * @return all kinds.
   */
  public static List<TaskResource> task() {
    return TASK;
  }

  /**
   * What descriptors refer to.
   *
   * @return all kinds, the more special before the more general.
   */
  public static List<DescriptorResource> descriptor() {
    return DESCRIPTOR;
  }

  /**
   * One kind of what descriptors refer to.
   *
   * @param kind its name, as a snapshot's image has it.
   * @return the kind.
   * @throws VasException if there is no such kind.
   */
  public static DescriptorResource descriptor(final String kind) {
    final DescriptorResource found = BY_KIND.get(kind);
    if (found == null) {
      throw new VasException("the snapshot has a file of unknown kind " + kind);
    }
    return found;
  }
}
