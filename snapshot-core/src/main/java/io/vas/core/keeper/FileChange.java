package io.vas.core.keeper;

/**
 * What makes a file of an instance what it is in a snapshot.
 *
 * @param kind what is to be done.
 * @param path of the file, without a slash at its beginning: the root's is empty.
 */
public record FileChange(Kind kind, String path) {
  /** What is to be done with a file. */
  public enum Kind {
    /** It is not there. What is below it is made, too. */
    MAKE(KeeperProtocolDescriptor.CHANGE_MAKE),
    /** It is not to be there. What is below it is removed, too. */
    REMOVE(KeeperProtocolDescriptor.CHANGE_REMOVE),
    /** It is a file of another type. */
    REPLACE(KeeperProtocolDescriptor.CHANGE_REPLACE),
    /** A regular file has other contents. It stays the same file. */
    CONTENTS(KeeperProtocolDescriptor.CHANGE_CONTENTS),
    /** Its mode, owner, extended attributes or times differ. */
    ATTRIBUTES(KeeperProtocolDescriptor.CHANGE_ATTRIBUTES);

    private final int number;

    Kind(final int number) {
      this.number = number;
    }

    int number() {
      return number;
    }

    /**
     * What a number stands for.
     *
     * @param number a {@code CHANGE_} constant.
     * @return the kind.
     * @throws IllegalArgumentException if it is none.
     */
    public static Kind of(final int number) {
      for (final Kind kind : values()) {
        if (kind.number == number) {
          return kind;
        }
      }
      throw new IllegalArgumentException("there is no kind " + number + " of change");
    }
  }
}
