package io.vas.api;

import io.vas.api.client.VasClient;
import io.vas.api.v1.LogsRequest;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** What instances have said. */
final class Logs {
  private Logs() {}

  /** All that an instance has written to its standard output and error. */
  static String of(final VasClient client, final String instance) {
    final ByteArrayOutputStream log = new ByteArrayOutputStream();
    try {
      client.logs(LogsRequest.newBuilder().setInstance(instance).build(), log);
    } catch (final IOException e) {
      throw new AssertionError(e);
    }
    return log.toString(StandardCharsets.UTF_8);
  }
}
