package io.vas.api.stats;

/** Times that the daemon measures, in microseconds, each with how often, sum, maximum, buckets. */
public enum Latency {
  /** Of a fork: from the request's arrival until the instance's tasks are released. */
  FORK("fork", 0),

  /** How long an instance stood still for a snapshot. */
  FROZEN("frozen", 1),

  /** Of a snapshot: from the request's arrival until it is in the store. */
  SNAPSHOT("snapshot", 2),

  /** How long an instance stood still for a rollback. */
  ROLLBACK_FROZEN("rollback_frozen", 3);

  private static final int FIRST_TYPE_ID = 101;

  private final String field;
  private final int number;

  Latency(final String field, final int number) {
    this.field = field;
    this.number = number;
  }

  /**
   * The how manieth it is in the file.
   *
   * @return counted from 0.
   */
  public int number() {
    return number;
  }

  /**
   * What it is.
   *
   * @return its name in JSON.
   */
  public String field() {
    return field;
  }

  /**
   * By which its count is found in the file.
   *
   * @return the type id of Agrona's counter.
   */
  public int countTypeId() {
    return FIRST_TYPE_ID + 3 * number;
  }

  /**
   * By which its sum is found in the file.
   *
   * @return the type id of Agrona's counter, which is in microseconds.
   */
  public int sumTypeId() {
    return countTypeId() + 1;
  }

  /**
   * By which its maximum is found in the file.
   *
   * @return the type id of Agrona's counter, which is in microseconds.
   */
  public int maxTypeId() {
    return countTypeId() + 2;
  }
}
