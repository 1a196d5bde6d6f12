package io.vas.benchmarks;

import java.util.List;

/** Something to measure. */
interface Benchmark {
  /** What users call it by. */
  String name();

  /** What it measures, in a line. */
  String description();

  /**
   * Measures.
   *
   * @param session the daemon to measure, and what is there already.
   * @return the rows.
   * @throws Exception if it can not be measured.
   */
  List<Row> run(Session session) throws Exception;
}
