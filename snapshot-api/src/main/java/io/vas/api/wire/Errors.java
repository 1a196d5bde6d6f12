package io.vas.api.wire;

import com.google.protobuf.InvalidProtocolBufferException;
import io.grpc.Metadata;
import io.grpc.Status;
import io.grpc.StatusException;
import io.grpc.StatusRuntimeException;
import io.vas.api.v1.ErrorDetail;
import io.vas.api.v1.ErrorKind;
import io.vas.core.ConflictException;
import io.vas.core.DeadlineException;
import io.vas.core.ForbiddenException;
import io.vas.core.InvalidRequestException;
import io.vas.core.NotFoundException;
import io.vas.core.StoreFullException;
import io.vas.core.UnsupportedException;
import io.vas.core.VasException;
import java.io.IOException;

/**
 * How an error travels: a {@link VasException} thrown in the daemon is thrown again in the client,
 * with the same class, message and exit code.
 */
public final class Errors {
  /** The trailer that holds the serialized {@link ErrorDetail}. */
  public static final Metadata.Key<byte[]> DETAIL =
      Metadata.Key.of("vas-error-bin", Metadata.BINARY_BYTE_MARSHALLER);

  private Errors() {}

  /**
   * What to end a call with. Its description and reason are {@linkplain OneLine one line}.
   *
   * @param error what went wrong; anything else than a {@link VasException} is an internal error.
   * @return the status, its description and the trailer.
   */
  public static StatusException toStatus(final Throwable error) {
    final ErrorDetail.Builder detail = ErrorDetail.newBuilder().setKind(kind(error));
    detail.setExitCode(error instanceof VasException e ? e.exitCode() : 1);
    if (error instanceof UnsupportedException e) {
      detail
          .setPid(e.pid())
          .setFd(e.descriptor())
          .setResourceKind(e.kind())
          .setReason(OneLine.of(e.reason()));
    }
    final String description =
        error instanceof VasException ? error.getMessage() : "internal error: " + error;
    final Metadata trailers = new Metadata();
    trailers.put(DETAIL, detail.build().toByteArray());
    return code(detail.getKind(), error)
        .toStatus()
        .withDescription(OneLine.of(description))
        .withCause(error)
        .asException(trailers);
  }

  /**
   * What the daemon threw, or what is wrong with the connection to it.
   *
   * @param error how the call ended.
   * @param what the request in words, e.g. "snapshot web"; for errors that the daemon did not word.
   * @return the exception to throw.
   */
  public static VasException toException(final StatusRuntimeException error, final String what) {
    final Status status = error.getStatus();
    final Metadata trailers = error.getTrailers();
    final byte[] bytes = trailers == null ? null : trailers.get(DETAIL);
    if (bytes == null) {
      return withoutDetail(status, what, error);
    }
    try {
      return fromDetail(ErrorDetail.parseFrom(bytes), String.valueOf(status.getDescription()));
    } catch (final InvalidProtocolBufferException e) {
      return withoutDetail(status, what, error);
    }
  }

  private static VasException fromDetail(final ErrorDetail detail, final String message) {
    return switch (detail.getKind()) {
      case INVALID_REQUEST -> new InvalidRequestException(message);
      case NOT_FOUND -> new NotFoundException(message);
      case CONFLICT -> new ConflictException(message);
      case DEADLINE -> new DeadlineException(message);
      case STORE_FULL -> new StoreFullException(message);
      case FORBIDDEN -> new ForbiddenException(message);
      case UNSUPPORTED ->
          detail.getResourceKind().isEmpty()
              ? new UnsupportedException(message)
              : new UnsupportedException(
                  message,
                  detail.getPid(),
                  detail.getFd(),
                  detail.getResourceKind(),
                  detail.getReason());
      case FAILED, UNRECOGNIZED -> new VasException(message);
    };
  }

  private static VasException withoutDetail(
      final Status status, final String what, final StatusRuntimeException cause) {
    final String description = String.valueOf(status.getDescription());
    // A call that is begun just when the connection ends has no better code.
    final Status.Code code =
        status.getCode() == Status.Code.UNKNOWN && status.getCause() instanceof IOException
            ? Status.Code.UNAVAILABLE
            : status.getCode();
    return switch (code) {
      case DEADLINE_EXCEEDED ->
          new DeadlineException(
              what + ": time ran out, and what was begun is undone; --timeout gives more", cause);
      case UNAVAILABLE ->
          new VasException(what + ": the daemon has gone (" + description + ")", cause);
      case CANCELLED -> new VasException(what + ": cancelled", cause);
      case UNIMPLEMENTED ->
          new VasException(
              what + ": the running daemon is of another version; vas daemon --stop ends it",
              cause);
      default -> new VasException(what + ": " + code + ": " + description, cause);
    };
  }

  private static ErrorKind kind(final Throwable error) {
    if (error instanceof InvalidRequestException) {
      return ErrorKind.INVALID_REQUEST;
    }
    if (error instanceof NotFoundException) {
      return ErrorKind.NOT_FOUND;
    }
    if (error instanceof ConflictException) {
      return ErrorKind.CONFLICT;
    }
    if (error instanceof UnsupportedException) {
      return ErrorKind.UNSUPPORTED;
    }
    if (error instanceof DeadlineException) {
      return ErrorKind.DEADLINE;
    }
    if (error instanceof ForbiddenException) {
      return ErrorKind.FORBIDDEN;
    }
    return error instanceof StoreFullException ? ErrorKind.STORE_FULL : ErrorKind.FAILED;
  }

  private static Status.Code code(final ErrorKind kind, final Throwable error) {
    return switch (kind) {
      case INVALID_REQUEST -> Status.Code.INVALID_ARGUMENT;
      case NOT_FOUND -> Status.Code.NOT_FOUND;
      case CONFLICT -> Status.Code.ALREADY_EXISTS;
      case UNSUPPORTED -> Status.Code.FAILED_PRECONDITION;
      case DEADLINE -> Status.Code.DEADLINE_EXCEEDED;
      case STORE_FULL -> Status.Code.RESOURCE_EXHAUSTED;
      case FORBIDDEN -> Status.Code.PERMISSION_DENIED;
      case FAILED, UNRECOGNIZED ->
          error instanceof VasException ? Status.Code.ABORTED : Status.Code.INTERNAL;
    };
  }
}
