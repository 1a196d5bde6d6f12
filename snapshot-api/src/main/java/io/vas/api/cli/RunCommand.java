package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.v1.InstanceInfo;
import io.vas.api.v1.LogsRequest;
import io.vas.api.v1.RunRequest;
import io.vas.core.UnsupportedException;
import io.vas.core.VasException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(
    name = "run",
    header = "Start a command in an instance of its own.",
    description = {
      "The instance has its own pid, mount, net (loopback only), ipc and uts namespaces. Its root is"
          + " the host's, with a writable layer in memory on top that ends with it.",
      "Who is not root runs it as oneself, without capabilities.",
      "Without -d its output is shown until it ends, and its exit code is returned. Ctrl-C stops it,"
          + " a second Ctrl-C kills it."
    },
    footer = {
      "",
      "Example:",
      "  vas run -d --name cache -- redis-server --save ''",
      "  vas run -- sh -c 'echo I am pid $$$$'"
    })
final class RunCommand extends Verb {
  private static final Duration GRACE = Duration.ofSeconds(10);

  @Option(
      names = "--name",
      converter = NotEmpty.class,
      paramLabel = "NAME",
      description = "Name of the instance; made up by default.")
  private String name = "";

  @Option(
      names = {"-d", "--detach"},
      description = "Print the instance's id and return.")
  private boolean detach;

  @Option(
      names = {"-e", "--env"},
      paramLabel = "K=V",
      description = "Set an environment variable; K alone takes it from here.")
  private List<String> environment = List.of();

  @Option(
      names = {"-w", "--workdir"},
      converter = NotEmpty.class,
      paramLabel = "DIR",
      description = "Working directory in the instance; / by default.")
  private String directory = "";

  @Option(
      names = "--cap-add",
      paramLabel = "CAP",
      split = ",",
      description = "Add a capability to docker's default ones: NET_ADMIN, for example.")
  private List<String> capabilities = List.of();

  @Option(names = "--privileged", description = "All capabilities, and nothing masked in /proc.")
  private boolean privileged;

  @Option(
      names = {"--rootfs", "-p", "--publish", "-m", "--memory", "--cpus"},
      hidden = true,
      paramLabel = "VALUE")
  private List<String> later = List.of();

  @Parameters(arity = "0..*", paramLabel = "CMD", description = "The command and its arguments.")
  private List<String> command = List.of();

  RunCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() throws IOException {
    if (!later.isEmpty()) {
      throw new UnsupportedException(
          "--rootfs, -p, -m and --cpus are not there yet; the instance's root is the host's, it has"
              + " a loopback interface only, and no limits");
    }
    if (command.isEmpty()) {
      throw usage("no command to run");
    }
    final RunRequest request =
        RunRequest.newBuilder()
            .setName(name)
            .addAllCommand(command)
            .putAllEnvironment(Environment.parse(environment))
            .setWorkingDirectory(directory)
            .addAllAddCapabilities(capabilities)
            .setPrivileged(privileged)
            .build();
    try (Telling telling = new Telling(console());
        VasClient client = connect()) {
      final InstanceInfo instance = client.run(request);
      if (!detach) {
        return follow(client, instance);
      }
      telling.begin();
      if (json()) {
        printJson(JsonViews.instance(instance));
      } else {
        print(instance.getId());
      }
      return 0;
    }
  }

  private int follow(final VasClient client, final InstanceInfo instance) throws IOException {
    final AtomicInteger interrupts = new AtomicInteger();
    Interrupts.handle(
        () ->
            end(
                client,
                instance.getId(),
                interrupts.incrementAndGet() == 1 ? GRACE : Duration.ZERO));
    final ByteArrayOutputStream kept = new ByteArrayOutputStream();
    final OutputStream out = json() ? kept : console().out();
    try {
      client.logs(
          LogsRequest.newBuilder().setInstance(instance.getId()).setFollow(true).build(), out);
    } catch (final UncheckedIOException e) {
      // Nobody reads on: as SIGPIPE would end a command that is not in an instance.
      end(client, instance.getId(), GRACE);
      throw e;
    }
    final int exitCode = client.waitFor(instance.getId());
    if (json()) {
      final Map<String, Object> result =
          new LinkedHashMap<>(Json.object("id", instance.getId(), "name", instance.getName()));
      result.put("exit_code", exitCode);
      result.put("output", kept.toString(StandardCharsets.UTF_8));
      printJson(result);
    }
    return exitCode;
  }

  private void end(final VasClient client, final String id, final Duration grace) {
    try {
      final InstanceInfo ended = client.stop(id, grace);
      assert ended.getId().equals(id);
    } catch (final VasException e) {
      console().err().println("vas run: " + e.getMessage());
      console().err().flush();
      Runtime.getRuntime().halt(INTERRUPTED);
    }
  }
}
