package io.vas.api.cli;

import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * A text that can't be empty. What a script passes from a variable that it has not set is not to be
 * taken for something that was left out.
 */
final class NotEmpty implements ITypeConverter<String> {
  @Override
  public String convert(final String value) {
    if (value.isEmpty()) {
      throw new TypeConversionException("it is empty");
    }
    return value;
  }
}
