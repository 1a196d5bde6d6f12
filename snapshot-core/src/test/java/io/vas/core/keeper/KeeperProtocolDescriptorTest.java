package io.vas.core.keeper;

import static java.util.Map.entry;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class KeeperProtocolDescriptorTest {
  private static final Map<String, String> MESSAGES =
      Map.ofEntries(
          entry("vas_message", "MESSAGE_"),
          entry("vas_hello", "HELLO_"),
          entry("vas_param", "PARAM_"),
          entry("vas_spawn", "SPAWN_"),
          entry("vas_file_ranges", "FILE_RANGES_"),
          entry("vas_file_range", "FILE_RANGE_"),
          entry("vas_spawned", "SPAWNED_"),
          entry("vas_ready", "READY_"),
          entry("vas_signal", "SIGNAL_"),
          entry("vas_exited", "EXITED_"),
          entry("vas_rename", "RENAME_"),
          entry("vas_listed", "LISTED_"),
          entry("vas_guard_counts", "GUARD_COUNTS_"),
          entry("vas_freeze", "FREEZE_"),
          entry("vas_frozen", "FROZEN_"),
          entry("vas_mend", "MEND_"),
          entry("vas_mend_task", "MEND_TASK_"),
          entry("vas_mend_end", "MEND_END_"),
          entry("vas_mend_run", "MEND_RUN_"),
          entry("vas_change", "CHANGE_"),
          entry("vas_mended", "MENDED_"),
          entry("vas_rollback", "ROLLBACK_"),
          entry("vas_rolled_back", "ROLLED_BACK_"));
  private static final Map<String, String> MESSAGE_CONSTANTS =
      Map.ofEntries(
          entry("VAS_PROTOCOL_VERSION", "PROTOCOL_VERSION"),
          entry("VAS_MESSAGE_", "MESSAGE_"),
          entry("VAS_HELLO", "HELLO"),
          entry("VAS_HOLD", "HOLD"),
          entry("VAS_DROP", "DROP"),
          entry("VAS_TAKE", "TAKE"),
          entry("VAS_SPAWN", "SPAWN"),
          entry("VAS_FREEZE", "FREEZE"),
          entry("VAS_SIGNAL", "SIGNAL"),
          entry("VAS_LIST", "LIST"),
          entry("VAS_SHUTDOWN", "SHUTDOWN"),
          entry("VAS_PAUSE", "PAUSE"),
          entry("VAS_RESUME", "RESUME"),
          entry("VAS_YIELD", "YIELD"),
          entry("VAS_RENAME", "RENAME"),
          entry("VAS_DROP_ALL", "DROP_ALL"),
          entry("VAS_MEND", "MEND"),
          entry("VAS_REPLACE", "REPLACE"),
          entry("VAS_SUCCEED", "SUCCEED"),
          entry("VAS_ROLLBACK", "ROLLBACK"),
          entry("VAS_EXITED", "EXITED"),
          entry("VAS_HELD_", "HELD_"),
          entry("VAS_PARAM_", "PARAM_"),
          entry("VAS_KEPT_", "KEPT_"),
          entry("VAS_CHANGE_", "CHANGE_"),
          entry("VAS_FAULT_", "FAULT_"));
  private static final Map<String, String> KNOWN =
      Map.of(
          "vas_known", "",
          "vas_known_entry", "ENTRY_",
          "vas_known_piece", "PIECE_",
          "vas_known_fact", "FACT_");
  private static final Map<String, String> KNOWN_CONSTANTS = Map.of("VAS_KNOWN_", "");
  private static final Map<String, String> PLAN =
      Map.of("vas_plan", "", "vas_descriptor_rule", "RULE_");
  private static final Map<String, String> PLAN_CONSTANTS = Map.of("VAS_PLAN_", "");
  private static final Map<String, String> RECORD =
      Map.of(
          "vas_entry", "ENTRY_",
          "vas_file_status", "FILE_STATUS_",
          "vas_descriptor", "DESCRIPTOR_",
          "vas_recorded_message", "RECORDED_MESSAGE_",
          "vas_stored_pages", "STORED_PAGES_",
          "vas_run", "RUN_",
          "vas_object", "OBJECT_");
  private static final Map<String, String> RECORD_CONSTANTS =
      Map.of(
          "VAS_ENTRY_", "ENTRY_",
          "VAS_ROOTS_", "ROOTS_",
          "VAS_PENDING_", "PENDING_",
          "VAS_REGION_", "REGION_",
          "VAS_PAGES_", "PAGES_",
          "VAS_RUN_", "RUN_");

  @Test
  void shouldLayOutMessagesAsTheKeeper() {
    assertThat(NativeLayout.actual(KeeperProtocolDescriptor.class))
        .isEqualTo(NativeLayout.expected(MESSAGES, MESSAGE_CONSTANTS));
  }

  @Test
  void shouldLayOutWhatIsKnownAsTheKeeper() {
    assertThat(NativeLayout.actual(KnownDescriptor.class))
        .isEqualTo(NativeLayout.expected(KNOWN, KNOWN_CONSTANTS));
  }

  @Test
  void shouldLayOutPlanAsTheKeeper() {
    assertThat(NativeLayout.actual(PlanDescriptor.class))
        .isEqualTo(NativeLayout.expected(PLAN, PLAN_CONSTANTS));
  }

  @Test
  void shouldLayOutRecordAsTheKeeper() {
    assertThat(NativeLayout.actual(RecordDescriptor.class))
        .isEqualTo(NativeLayout.expected(RECORD, RECORD_CONSTANTS));
  }

  @Test
  void shouldLeaveNothingThatIsSharedUncompared() {
    final List<String> structures = new ArrayList<>();
    structures.addAll(MESSAGES.keySet());
    structures.addAll(KNOWN.keySet());
    structures.addAll(PLAN.keySet());
    structures.addAll(RECORD.keySet());
    // io.vas.core.program.ProgramDescriptorTest
    structures.addAll(List.of("vas_program_header", "vas_op", "vas_report"));
    final List<String> constants = new ArrayList<>();
    constants.addAll(MESSAGE_CONSTANTS.keySet());
    constants.addAll(KNOWN_CONSTANTS.keySet());
    constants.addAll(PLAN_CONSTANTS.keySet());
    constants.addAll(RECORD_CONSTANTS.keySet());
    constants.addAll(
        List.of(
            "VAS_PROGRAM_", "VAS_OP_", "VAS_ARG_", "VAS_EXPECT_", "VAS_NO_RESULT", "VAS_REPORT_"));
    assertThat(NativeLayout.unclaimed(structures, constants)).isEmpty();
  }
}
