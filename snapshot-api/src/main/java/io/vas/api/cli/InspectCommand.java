package io.vas.api.cli;

import io.vas.api.client.VasClient;
import io.vas.api.v1.InspectReply;
import java.util.Collection;
import java.util.Map;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

@Command(
    name = "inspect",
    header = "Show all there is to know about an instance or a snapshot.",
    description =
        "Of a fork: how long it took, and which ranges of its memory came back by another strategy"
            + " than the one asked for, and why.",
    footer = {"", "Example:", "  vas inspect cache", "  vas inspect cache:warm --json"})
final class InspectCommand extends Verb {
  @Parameters(paramLabel = "INSTANCE|SNAPSHOT", description = "Id, beginning of an id, or name.")
  private String reference;

  InspectCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    final InspectReply reply;
    try (VasClient client = connect()) {
      reply = client.inspect(reference);
    }
    final Map<String, Object> details =
        reply.hasInstance()
            ? JsonViews.details(reply.getInstance())
            : JsonViews.details(reply.getSnapshot());
    if (json()) {
      printJson(details);
    } else {
      print("", details);
    }
    return 0;
  }

  /** The same names as in JSON: who reads the one can write scripts for the other. */
  private void print(final String indent, final Map<?, ?> fields) {
    int width = 0;
    for (final Object name : fields.keySet()) {
      width = Math.max(width, name.toString().length());
    }
    for (final Map.Entry<?, ?> field : fields.entrySet()) {
      final String name = field.getKey().toString();
      final Object value = field.getValue();
      final String padded = indent + name + " ".repeat(width - name.length()) + "  ";
      if (value instanceof Map<?, ?> map && !map.isEmpty()) {
        print(indent + name);
        print(indent + "  ", map);
      } else if (value instanceof Collection<?> items && isNested(items)) {
        print(indent + name);
        items.forEach(item -> print(indent + "  " + flat(item)));
      } else {
        print(padded + (name.equals("command") ? command(value) : flat(value)) + unit(name, value));
      }
    }
  }

  private static boolean isNested(final Collection<?> items) {
    return !items.isEmpty() && items.iterator().next() instanceof Map<?, ?>;
  }

  private static String command(final Object words) {
    return Texts.command(((Collection<?>) words).stream().map(String::valueOf).toList());
  }

  private static String flat(final Object value) {
    if (value == null) {
      return "-";
    }
    if (value instanceof Collection<?> items) {
      return items.isEmpty() ? "-" : String.join(" ", items.stream().map(String::valueOf).toList());
    }
    if (value instanceof Map<?, ?> map) {
      final StringBuilder text = new StringBuilder();
      map.forEach((name, item) -> text.append(name).append(' ').append(flat(item)).append("  "));
      return text.length() == 0 ? "-" : text.toString().stripTrailing();
    }
    return value.toString();
  }

  private static String unit(final String name, final Object value) {
    if (!(value instanceof Number number)) {
      return "";
    }
    if (name.endsWith("_us")) {
      return "  (" + Texts.duration(number.longValue()) + ")";
    }
    return name.endsWith("bytes") ? "  (" + Texts.size(number.longValue()) + ")" : "";
  }
}
