package io.vas.api.cli;

import picocli.CommandLine.Command;

@Command(name = "demo")
final class DemoCommand extends Verb {
  DemoCommand(final Console console) {
    super(console);
  }

  @Override
  int execute() {
    return 0;
  }
}
