package io.vas.api.cli;

import io.vas.core.VasException;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.List;

/**
 * Ctrl-C and its kin, SIGTERM and SIGHUP, taken by a handler instead of ending this process. A
 * shutdown hook would not do: it runs for the first Ctrl-C only, and the exit code is lost.
 *
 * <p>By reflection, since the compiler warns of {@code sun.misc.Signal} and can't be told not to;
 * the module jdk.unsupported promises it.
 */
final class Interrupts {
  private Interrupts() {}

  /**
   * Calls a handler for each of these signals from now on.
   *
   * @param handler called by a thread of its own each time.
   */
  static void handle(final Runnable handler) {
    try {
      final Class<?> signal = Class.forName("sun.misc.Signal");
      final Class<?> handlerType = Class.forName("sun.misc.SignalHandler");
      final InvocationHandler invoked =
          (proxy, method, args) -> {
            switch (method.getName()) {
              case "handle" -> handler.run();
              case "hashCode" -> {
                return System.identityHashCode(proxy);
              }
              case "equals" -> {
                return proxy == args[0];
              }
              default -> {
                return method.getName();
              }
            }
            return null;
          };
      final Object adapter =
          Proxy.newProxyInstance(
              Interrupts.class.getClassLoader(), new Class<?>[] {handlerType}, invoked);
      for (final String name : List.of("INT", "TERM", "HUP")) {
        final Object taken = signal.getConstructor(String.class).newInstance(name);
        final Object previous =
            signal.getMethod("handle", signal, handlerType).invoke(null, taken, adapter);
        assert previous != null;
      }
    } catch (final ReflectiveOperationException e) {
      throw new VasException("cannot handle Ctrl-C: " + e, e);
    }
  }
}
