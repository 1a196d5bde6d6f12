package io.vas.api;

/** Which vas this is. */
public final class Version {
  /** As the packed jar's manifest says; "development" where the classes are not packed. */
  public static final String TEXT = text();

  private Version() {}

  private static String text() {
    final String version = Version.class.getPackage().getImplementationVersion();
    return version == null ? "development" : version;
  }
}
