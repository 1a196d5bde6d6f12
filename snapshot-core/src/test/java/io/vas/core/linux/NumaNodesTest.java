package io.vas.core.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class NumaNodesTest {
  @ParameterizedTest
  @CsvSource({"0,1", "3,1", "0-1,2", "'0,2',2", "'0-1,4,6-7',5", "'0-127',128"})
  void shouldCountTheNodesOfAList(final String list, final int count) {
    assertThat(NumaNodes.parse(list)).isEqualTo(new NumaNodes(list, count));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a", "1-", "-1", "2-1", "0,,1", "0-1-2", "0, 1"})
  void shouldRefuseWhatIsNoList(final String list) {
    assertThatExceptionOfType(IllegalArgumentException.class)
        .isThrownBy(() -> NumaNodes.parse(list))
        .withMessage("'" + list + "' is no list of nodes");
  }

  @Test
  void shouldSpreadOverAllNodesIfThereAreSeveral() {
    assertThat(NumaNodes.parse("0").spread()).isEmpty();
    assertThat(NumaNodes.parse("0-1,3").spread()).isEqualTo(Optional.of("interleave:0-1,3"));
  }

  @Test
  void shouldFindTheNodesOfThisMachine() {
    final NumaNodes nodes = NumaNodes.withMemory();
    assertThat(nodes.count()).isPositive();
    assertThat(NumaNodes.parse(nodes.list())).isEqualTo(nodes);
  }
}
