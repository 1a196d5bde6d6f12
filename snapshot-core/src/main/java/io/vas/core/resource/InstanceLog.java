package io.vas.core.resource;

import static io.vas.core.linux.OpenFlags.AT_FDCWD;
import static io.vas.core.linux.OpenFlags.O_CLOEXEC;
import static io.vas.core.linux.OpenFlags.O_PATH;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import io.vas.core.image.PathFileImage;
import io.vas.core.program.ProgramBuilder;
import io.vas.core.program.SystemCall;

/** Standard output and error as the instance was given them: a fork has a log of its own. */
public final class InstanceLog implements DescriptorResource {
  /** The kind. */
  public InstanceLog() {}

  @Override
  public String kind() {
    return "log";
  }

  @Override
  public boolean recognises(final DescriptorRecord descriptor) {
    // Whether it is the log only the context knows; a file outside of the instance's tree has that in
    // common with it.
    return false;
  }
}
