"""Every error that Frontdesk raises on purpose.

An error's docstring is its default message, ``code`` is stable (people and programs may rely on it), and ``retryable``
says whether the same call can succeed later. Only ``web`` knows what HTTP status an error becomes.
"""

from dataclasses import dataclass
from typing import ClassVar


class FrontdeskError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "error"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str | None = None) -> None:
        self.detail = detail or (type(self).__doc__ or "").strip().splitlines()[0]
        super().__init__(self.detail)


@dataclass(frozen=True, kw_only=True)
class FieldProblem:
    """What is wrong with one field: a JSON pointer to it, and why."""

    pointer: str
    detail: str


class InvalidInputError(FrontdeskError):
    """The request does not fit the contract."""

    code = "invalid_input"

    def __init__(self, detail: str | None = None, problems: tuple[FieldProblem, ...] = ()) -> None:
        super().__init__(detail)
        self.problems = problems


class NotJsonError(FrontdeskError):
    """The body is not JSON."""

    code = "not_json"


class UnsupportedEncodingError(FrontdeskError):
    """The body must be JSON in UTF-8, plain or gzip-compressed."""

    code = "unsupported_encoding"


class BodyTooLargeError(FrontdeskError):
    """The body is larger than this server accepts."""

    code = "body_too_large"


class UnauthenticatedError(FrontdeskError):
    """The request is neither signed nor does it carry a valid token."""

    code = "unauthenticated"


class ForbiddenError(FrontdeskError):
    """The caller is known and may not do this."""

    code = "forbidden"


class TooManyError(FrontdeskError):
    """Too many attempts; wait before the next one."""

    code = "too_many"
    retryable = True

    def __init__(self, detail: str | None = None, *, retry_after_s: int = 60) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class NotFoundError(FrontdeskError):
    """There is nothing at this address."""

    code = "not_found"


class UnavailableError(FrontdeskError):
    """The desk cannot take messages at the moment; try again soon."""

    code = "unavailable"
    retryable = True


class StorageFullError(FrontdeskError):
    """There is no room for this file."""

    code = "storage_full"
    retryable = True


class ConfigurationError(FrontdeskError):
    """A setting is missing or wrong."""

    code = "configuration"


class AnalyserError(FrontdeskError):
    """The model's provider gave no usable answer.

    ``retry_after_s`` is the provider's own wish, in seconds, where it named one.
    """

    code = "analyser_failed"
    retryable = True

    def __init__(self, detail: str | None = None, *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class OverBudgetError(AnalyserError):
    """The message is too long for what its judgement may cost."""

    code = "over_budget"
    retryable = False


class AgentError(FrontdeskError):
    """An agent gave no usable answer."""

    code = "agent_failed"
    retryable = True


class AgentRejectedError(AgentError):
    """An agent refused the request for good."""

    code = "agent_rejected"
    retryable = False


class BreakerOpenError(AgentError):
    """A service that kept failing is left alone for a while."""

    code = "breaker_open"


class LeaseLostError(FrontdeskError):
    """Somebody else has taken over what was being worked on."""

    code = "lease_lost"


class ConflictError(FrontdeskError):
    """The same key was used for something else before."""

    code = "conflict"


class ChannelError(FrontdeskError):
    """The channel did not take the message; it was not sent.

    ``retry_after_s`` is the channel's own wish, in seconds, where it named one.
    """

    code = "channel_failed"
    retryable = True

    def __init__(self, detail: str | None = None, *, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class ChannelRejectedError(ChannelError):
    """The channel refused the message for good."""

    code = "channel_rejected"
    retryable = False


class UnknownOutcomeError(ChannelError):
    """Nobody knows whether the message was sent."""

    code = "unknown_outcome"
