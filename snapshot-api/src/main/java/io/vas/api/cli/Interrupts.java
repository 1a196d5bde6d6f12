package io.vas.api.cli;

import io.vas.core.VasException;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;

/**
 * Ctrl-C, taken by a handler instead of ending this process. A shutdown hook would not do: it runs
 * for the first Ctrl-C only, and the exit code is lost.
 *
 * <p>By reflection, since the compiler warns of {@code sun.misc.Signal} and can't be told not to;
 * the module jdk.unsupported promises it.
 */
final class Interrupts {
  private Interrupts() {}

  /**
   * Calls a handler for each SIGINT from now on.
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
      final Object sigint = signal.getConstructor(String.class).newInstance("INT");
      final Object previous =
          signal.getMethod("handle", signal, handlerType).invoke(null, sigint, adapter);
      assert previous != null;
    } catch (final ReflectiveOperationException e) {
      throw new VasException("cannot handle Ctrl-C: " + e, e);
    }
  }
}
