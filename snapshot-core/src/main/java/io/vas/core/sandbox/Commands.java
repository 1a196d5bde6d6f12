package io.vas.core.sandbox;

import static io.vas.core.linux.OpenFlags.AT_FDCWD;
import static io.vas.core.linux.OpenFlags.O_CLOEXEC;
import static io.vas.core.linux.OpenFlags.O_CREAT;
import static io.vas.core.linux.OpenFlags.O_TRUNC;
import static io.vas.core.linux.OpenFlags.O_WRONLY;

import io.vas.core.NotFoundException;
import io.vas.core.VasException;
import io.vas.core.keeper.ReadyMessage;
import io.vas.core.keeper.SpawnException;
import io.vas.core.linux.Errno;
import io.vas.core.program.Program;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.Result;
import io.vas.core.program.SystemCall;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The programs that end in a command: a new instance's and a visitor's. */
public final class Commands {
  /** Parameter of both: the child's end of its socket to the keeper. */
  public static final String CONTROL = "control";

  /** Parameter of an instance's program: the file that takes its output. */
  public static final String LOG = "log";

  /** Parameter of a visitor's program: a pidfd of the instance's first task. */
  public static final String PIDFD = "pidfd";

  /** Parameter of a visitor's program: its standard input. */
  public static final String STDIN = "stdin";

  /** Parameter of a visitor's program: its standard output. */
  public static final String STDOUT = "stdout";

  /** Parameter of a visitor's program: its standard error. */
  public static final String STDERR = "stderr";

  /** The PATH of every instance unless it is given another: docker's. */
  public static final String DEFAULT_PATH =
      "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

  /** Mount, net, ipc and uts; the keeper has put the visitor into the pid namespace. */
  private static final long ENTERED_NAMESPACES =
      0x00020000L | 0x40000000L | 0x08000000L | 0x04000000L;

  private Commands() {}

  /**
   * The program of a new instance.
   *
   * @param spec what is to run.
   * @param sandbox what it lives in.
   * @return a program with the parameters {@link #CONTROL} and {@link #LOG}, for {@link
   *     SandboxBase#request}.
   * @throws io.vas.core.InvalidRequestException if a capability was asked for that vas does not
   *     have itself.
   */
  public static Program run(final RunSpec spec, final SandboxSpec sandbox) {
    final ProgramBuilder b = new ProgramBuilder();
    final Result control = b.parameter(CONTROL);
    final Result log = b.parameter(LOG);
    final Sandbox.Entered entered = Sandbox.enter(b, control, sandbox, List.of());
    names(b, sandbox.hostname());
    b.resource("standard streams");
    final Result input =
        b.call("open /dev/null", SystemCall.OPENAT, AT_FDCWD, b.string("/dev/null"), 0, 0);
    b.call("standard input", SystemCall.DUP2, input, 0);
    b.call("close /dev/null", SystemCall.CLOSE, input);
    b.call("standard output", SystemCall.DUP2, log, 1);
    b.call("standard error", SystemCall.DUP2, log, 2);
    CommandSteps.prepare(b);
    CommandSteps.limit(b, spec);
    CommandSteps.enter(b, spec.workingDirectory());
    b.resource("hand-over");
    ReadyMessage.send(b, control, entered.kept());
    CommandSteps.execute(b, spec.command(), environment(spec, sandbox.hostname(), Map.of()));
    return b.build();
  }

  /** The files by which the instance finds its own name, as docker has them. Forks inherit them. */
  private static void names(final ProgramBuilder b, final String hostname) {
    b.resource("names");
    write(b, "/etc/hostname", hostname + "\n");
    write(
        b,
        "/etc/hosts",
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n127.0.0.1\t"
            + hostname
            + "\n");
  }

  /** Where /etc can't be written, names are not found, and that is all. */
  private static void write(final ProgramBuilder b, final String path, final String text) {
    final byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    final Result file =
        b.callAny(
            "open " + path,
            SystemCall.OPENAT,
            AT_FDCWD,
            b.string(path),
            O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
            0644);
    b.callAny("write " + path, SystemCall.WRITE, file, b.data(bytes), bytes.length);
  }

  /**
   * The program of a visitor.
   *
   * @param visit what is to run.
   * @param host how the instance was started.
   * @param sandbox of the instance.
   * @return a program with the parameters {@link #CONTROL}, {@link #PIDFD}, {@link #STDIN}, {@link
   *     #STDOUT} and {@link #STDERR}.
   */
  public static Program visit(
      final VisitSpec visit, final RunSpec host, final SandboxSpec sandbox) {
    final ProgramBuilder b = new ProgramBuilder();
    final Result control = b.parameter(CONTROL);
    final Result pidfd = b.parameter(PIDFD);
    final Result stdin = b.parameter(STDIN);
    final Result stdout = b.parameter(STDOUT);
    final Result stderr = b.parameter(STDERR);
    b.resource("instance");
    b.call(
        "enter it",
        SystemCall.SETNS,
        pidfd,
        ENTERED_NAMESPACES | (sandbox.clocks().isNone() ? 0 : Sandbox.CLONE_NEWTIME));
    b.resource("standard streams");
    b.call("standard input", SystemCall.DUP2, stdin, 0);
    b.call("standard output", SystemCall.DUP2, stdout, 1);
    b.call("standard error", SystemCall.DUP2, stderr, 2);
    CommandSteps.prepare(b);
    CommandSteps.limit(b, host);
    CommandSteps.enter(
        b, visit.workingDirectory().isEmpty() ? host.workingDirectory() : visit.workingDirectory());
    b.resource("hand-over");
    ReadyMessage.send(b, control, List.of());
    CommandSteps.execute(b, visit.command(), environment(host, sandbox.hostname(), visit.env()));
    return b.build();
  }

  /**
   * What to tell a user whose command could not be started.
   *
   * @param e what the keeper said.
   * @param command the program and its arguments.
   * @param directory where it was to start.
   * @return an exception to be thrown.
   */
  public static VasException failure(
      final SpawnException e, final List<String> command, final String directory) {
    final String program = command.get(0);
    final String reason = Errno.of((int) -e.failedResult()).text();
    if (e.stepName().equals(CommandSteps.EXECUTE)) {
      if (e.errno() == Errno.ENOENT) {
        return new NotFoundException(
            program + ": " + (program.indexOf('/') < 0 ? "command not found" : reason), e);
      }
      return new VasException(program + ": " + reason, e);
    }
    if (e.stepName().equals(CommandSteps.DIRECTORY)) {
      return new NotFoundException("working directory " + directory + ": " + reason, e);
    }
    return e;
  }

  private static Map<String, String> environment(
      final RunSpec spec, final String hostname, final Map<String, String> more) {
    final Map<String, String> environment = new LinkedHashMap<>();
    environment.put("PATH", DEFAULT_PATH);
    environment.put("HOSTNAME", hostname);
    environment.put("HOME", spec.runAs().map(RunAs::home).orElse("/root"));
    environment.putAll(spec.env());
    environment.putAll(more);
    return environment;
  }
}
