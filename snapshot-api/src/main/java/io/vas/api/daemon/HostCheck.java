package io.vas.api.daemon;

import io.vas.api.v1.CheckReply;
import io.vas.api.v1.Finding;
import io.vas.core.linux.KernelFeatures;

/** What this host's kernel offers, as the service tells it. */
public final class HostCheck {
  private HostCheck() {}

  /**
   * Tries all that vas uses. Changes nothing.
   *
   * @return the findings.
   */
  public static CheckReply run() {
    final CheckReply.Builder reply =
        CheckReply.newBuilder().setUsable(true).setKernel(System.getProperty("os.version"));
    for (final io.vas.core.linux.Finding finding : KernelFeatures.probe()) {
      final Finding.Level level =
          switch (finding.status()) {
            case OK -> Finding.Level.OK;
            case DEGRADED -> Finding.Level.DEGRADED;
            case MISSING -> Finding.Level.REQUIRED;
          };
      reply.addFindings(
          Finding.newBuilder()
              .setName(finding.name())
              .setLevel(level)
              .setDetail(finding.detail())
              .setConsequence(finding.consequence()));
      reply.setUsable(reply.getUsable() && level != Finding.Level.REQUIRED);
    }
    return reply.build();
  }
}
