package io.vas.api.cli;

import io.vas.core.InvalidRequestException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Environment variables as given to {@code -e}. */
final class Environment {
  private Environment() {}

  /**
   * Reads them.
   *
   * @param settings {@code K=V}, or {@code K} for the value that this process has; where it has
   *     none, K is left out, as docker does.
   * @return names and values; the last setting of a name counts.
   */
  static Map<String, String> parse(final List<String> settings) {
    final Map<String, String> variables = new LinkedHashMap<>();
    for (final String setting : settings) {
      final int equals = setting.indexOf('=');
      if (equals == 0 || setting.isEmpty()) {
        throw new InvalidRequestException("'" + setting + "' is not K=V");
      }
      final String name = equals < 0 ? setting : setting.substring(0, equals);
      final String value = equals < 0 ? System.getenv(name) : setting.substring(equals + 1);
      if (value != null) {
        variables.put(name, value);
      }
    }
    return variables;
  }
}
