package io.vas.api.cli;

import io.vas.api.daemon.HostCheck;
import io.vas.api.v1.CheckReply;
import io.vas.api.v1.Finding;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine.Command;

@Command(
    name = "check",
    header = "Say what this kernel offers, what is missing, and what follows from it.",
    description =
        "Needs no daemon. Exit code 3 if something is missing without which vas can't work.",
    footer = {"", "Example:", "  vas check"})
final class CheckCommand extends Verb {
  private static final int UNUSABLE = 3;

  CheckCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    final CheckReply reply = HostCheck.run();
    if (json()) {
      printJson(view(reply));
    } else {
      print("kernel " + reply.getKernel());
      final Table table = new Table("", "FACILITY", "FOUND", "WHAT FOLLOWS");
      for (final Finding finding : reply.getFindingsList()) {
        table.add(
            mark(finding.getLevel()),
            finding.getName(),
            finding.getDetail(),
            finding.getConsequence());
      }
      table.print(console().out());
    }
    if (!reply.getUsable()) {
      console().err().println("vas check: this host lacks what vas needs; see the lines marked NO");
    }
    return reply.getUsable() ? 0 : UNUSABLE;
  }

  private static String mark(final Finding.Level level) {
    return switch (level) {
      case OK -> "ok";
      case DEGRADED -> "-";
      case REQUIRED, LEVEL_UNSPECIFIED, UNRECOGNIZED -> "NO";
    };
  }

  private static Object view(final CheckReply reply) {
    final List<Object> findings = new ArrayList<>();
    for (final Finding finding : reply.getFindingsList()) {
      findings.add(
          Json.object(
              "name", finding.getName(),
              "level", finding.getLevel().name().toLowerCase(Locale.ROOT),
              "detail", finding.getDetail(),
              "consequence", finding.getConsequence().isEmpty() ? null : finding.getConsequence()));
    }
    return Json.object(
        "usable", reply.getUsable(), "kernel", reply.getKernel(), "findings", findings);
  }
}
