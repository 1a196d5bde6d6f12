package io.vas.core.resource;

import java.util.List;

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
   * @param kind its name.
   * @return the kind.
   * @throws java.util.NoSuchElementException if there is no such kind.
   */
  public static DescriptorResource descriptor(final String kind) {
    return DESCRIPTOR.stream()
        .filter(resource -> resource.kind().equals(kind))
        .findFirst()
        .orElseThrow();
  }
}
