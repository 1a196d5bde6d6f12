package io.vas.api.daemon;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.rolling.FixedWindowRollingPolicy;
import ch.qos.logback.core.rolling.RollingFileAppender;
import ch.qos.logback.core.rolling.SizeBasedTriggeringPolicy;
import ch.qos.logback.core.util.FileSize;
import io.vas.api.StateDirectory;
import java.io.IOException;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Where the daemon's log goes. By code, not by a logback.xml: that would be found, too, by programs
 * that use the client.
 */
final class DaemonLog {
  /** Environment variable that sets the level: {@code debug}, for example. */
  static final String LEVEL_VARIABLE = "VAS_LOG";

  private static final String FILE_SIZE_MAX = "10MB";

  private DaemonLog() {}

  /** Whose files, those after a roll included, nobody else can read. */
  private static final class PrivateAppender extends RollingFileAppender<ILoggingEvent> {
    @Override
    public void openFile(final String name) throws IOException {
      StateDirectory.makePrivate(Path.of(name));
      super.openFile(name);
    }
  }

  /**
   * Sends all that is logged in this process to a file, which is rolled when it is large.
   *
   * @param file is appended to.
   */
  static void open(final Path file) {
    final LoggerContext context = (LoggerContext) LoggerFactory.getILoggerFactory();
    context.reset();

    final PatternLayoutEncoder encoder = new PatternLayoutEncoder();
    encoder.setContext(context);
    encoder.setPattern("%d{yyyy-MM-dd HH:mm:ss.SSS} %-5level [%thread] %logger{20}: %msg%n");
    encoder.start();

    final RollingFileAppender<ILoggingEvent> appender = new PrivateAppender();
    appender.setContext(context);
    appender.setFile(file.toString());
    appender.setEncoder(encoder);

    final FixedWindowRollingPolicy rolling = new FixedWindowRollingPolicy();
    rolling.setContext(context);
    rolling.setParent(appender);
    rolling.setFileNamePattern(file + ".%i");
    rolling.setMinIndex(1);
    rolling.setMaxIndex(1);
    rolling.start();

    final SizeBasedTriggeringPolicy<ILoggingEvent> trigger = new SizeBasedTriggeringPolicy<>();
    trigger.setContext(context);
    trigger.setMaxFileSize(FileSize.valueOf(FILE_SIZE_MAX));
    trigger.start();

    appender.setRollingPolicy(rolling);
    appender.setTriggeringPolicy(trigger);
    appender.start();

    final ch.qos.logback.classic.Logger root = context.getLogger(Logger.ROOT_LOGGER_NAME);
    root.addAppender(appender);
    root.setLevel(Level.toLevel(System.getenv(LEVEL_VARIABLE), Level.INFO));
    context.getLogger("io.grpc").setLevel(Level.WARN);
    context.getLogger("net.openhft").setLevel(Level.WARN);
    // gRPC sets SO_KEEPALIVE, netty warns of it for each connection that is not TCP.
    context.getLogger("io.grpc.netty.shaded.io.netty.bootstrap").setLevel(Level.ERROR);
  }
}
