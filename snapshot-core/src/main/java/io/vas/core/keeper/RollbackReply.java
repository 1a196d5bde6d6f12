package io.vas.core.keeper;

import java.util.Optional;

/**
 * An instance that was frozen, and put back if it was found as it was known.
 *
 * @param frozen what was found.
 * @param mended what was done; empty if it was found otherwise: then it stands still.
 */
public record RollbackReply(FreezeReply frozen, Optional<MendReply> mended) {}
