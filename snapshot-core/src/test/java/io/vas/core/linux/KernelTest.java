package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import jnr.ffi.LibraryLoader;
import org.junit.jupiter.api.Test;

class KernelTest {
  /**
   * What another user of jnr-ffi in the same Java process may do before vas makes its first call.
   */
  public static final class LoadsAnotherLibraryFirst {
    private LoadsAnotherLibraryFirst() {}

    /** Any library. */
    public interface AnotherLibrary {
      int getppid();
    }

    public static void main(final String[] arguments) {
      LibraryLoader.create(AnotherLibrary.class).load("c").getppid();
      System.out.println("uid " + Credentials.current().uid());
    }
  }

  @Test
  void shouldRefuseToWorkWithStubsThatPassArgumentsWrongly() throws Exception {
    assertThat(run("-Djnr.ffi.x86asm.enabled=true"))
        .contains("start Java with -Djnr.ffi.x86asm.enabled=false")
        .doesNotContain("uid ");
    assertThat(run("-Djnr.ffi.x86asm.enabled=false")).contains("uid ");
  }

  private static String run(final String option) throws Exception {
    final Process java =
        new ProcessBuilder(
                List.of(
                    Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                    option,
                    "--add-exports=java.base/jdk.internal.misc=ALL-UNNAMED",
                    "-cp",
                    System.getProperty("java.class.path"),
                    LoadsAnotherLibraryFirst.class.getName()))
            .redirectErrorStream(true)
            .start();
    try {
      return new String(java.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    } finally {
      java.waitFor();
    }
  }
}
