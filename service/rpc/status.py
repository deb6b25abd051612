"""From errors to what gRPC carries: kinds to status codes, the only mapping there is, and the details beside the text."""

import grpc

from service.errors import InvalidRequestError, Kind, ServiceError
from service.rpc._pb import status_pb2 as pb

__all__ = ["CODES", "DOMAIN", "code_of", "trailers"]

DOMAIN = "hornbeam"
_MAX_TEXT = 1024  # characters in the details; gRPC takes 8 KiB of trailers in all, and the text is in grpc-message too
CODES: dict[Kind, grpc.StatusCode] = {
    Kind.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Kind.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Kind.EXISTS: grpc.StatusCode.ALREADY_EXISTS,
    Kind.UNSUPPORTED: grpc.StatusCode.UNIMPLEMENTED,
    Kind.PRECONDITION: grpc.StatusCode.FAILED_PRECONDITION,
    Kind.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Kind.EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Kind.EXPIRED: grpc.StatusCode.DEADLINE_EXCEEDED,
    Kind.CANCELLED: grpc.StatusCode.CANCELLED,
    Kind.INTERNAL: grpc.StatusCode.INTERNAL,
}


def code_of(error: ServiceError) -> grpc.StatusCode:
    """The code that a caller sees for an error."""
    return CODES[error.kind]


def trailers(error: ServiceError, model: str, version: str) -> tuple[tuple[str, str | bytes], ...]:
    """The trailing metadata of a refusal: google.rpc.Status with its details, and for a refusal that will pass, when to retry.

    `grpc-retry-pushback-ms` is what gRPC's own retries obey (gRFC A6); the same delay is in the details as RetryInfo.
    """
    details = [_reason(error, model, version)]
    if isinstance(error, InvalidRequestError) and error.field:
        details.append(_violation(error))
    given: tuple[tuple[str, str | bytes], ...] = ()
    if error.retry_after is not None:
        details.append(_retry(error.retry_after))
        given = (("grpc-retry-pushback-ms", str(round(error.retry_after * 1000))),)
    status = pb.Status(code=code_of(error).value[0], message=str(error)[:_MAX_TEXT], details=details)
    return (("grpc-status-details-bin", status.SerializeToString()), *given)


def _reason(error: ServiceError, model: str, version: str) -> pb.Any:
    metadata = {name: value for name, value in (("model", model), ("version", version)) if value}
    return _any("ErrorInfo", pb.ErrorInfo(reason=error.reason.upper(), domain=DOMAIN, metadata=metadata))


def _violation(error: InvalidRequestError) -> pb.Any:
    return _any(
        "BadRequest", pb.BadRequest(field_violations=[pb.BadRequest.FieldViolation(field=error.field, description=str(error)[:_MAX_TEXT])])
    )


def _retry(seconds: float) -> pb.Any:
    whole, part = divmod(seconds, 1)
    return _any("RetryInfo", pb.RetryInfo(retry_delay=pb.Duration(seconds=int(whole), nanos=round(part * 1e9))))


def _any(name: str, message: pb.ErrorInfo | pb.BadRequest | pb.RetryInfo) -> pb.Any:
    return pb.Any(type_url=f"type.googleapis.com/google.rpc.{name}", value=message.SerializeToString())
