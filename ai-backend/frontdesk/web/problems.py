"""Errors as HTTP: the only place that knows which status an error is (RFC 9457)."""

from collections.abc import Awaitable, Callable

import structlog
from aiohttp import web

from frontdesk.domain import errors
from frontdesk.web.documents import ProblemDocument

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

STATUSES: dict[type[errors.FrontdeskError], int] = {
    errors.InvalidInputError: 422,
    errors.NotJsonError: 400,
    errors.UnsupportedEncodingError: 415,
    errors.BodyTooLargeError: 413,
    errors.UnauthenticatedError: 401,
    errors.ForbiddenError: 403,
    errors.NotFoundError: 404,
    errors.ConflictError: 409,
    errors.TooManyError: 429,
    errors.ChannelError: 502,
    errors.AgentError: 502,
    errors.UnavailableError: 503,
    errors.StorageFullError: 507,
}
RETRY_AFTER_S = 5


def problem(error: errors.FrontdeskError, status: int | None = None) -> web.Response:
    """The response that an error becomes."""
    status = status or next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)
    fields = error.problems if isinstance(error, errors.InvalidInputError) else ()
    document = ProblemDocument(
        title=(type(error).__doc__ or "").strip().splitlines()[0].rstrip("."),
        status=status,
        code=error.code,
        detail=error.detail,
        errors=[{"pointer": item.pointer, "detail": item.detail} for item in fields],
    )
    headers = {}
    if status in {503, 507}:
        headers["Retry-After"] = str(RETRY_AFTER_S)
    if isinstance(error, errors.TooManyError):
        headers["Retry-After"] = str(error.retry_after_s)
    if status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="frontdesk"'
    return web.json_response(
        text=document.model_dump_json(), status=status, content_type="application/problem+json", headers=headers
    )


@web.middleware
async def problems_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into a problem document."""
    try:
        return await handler(request)
    except errors.FrontdeskError as error:
        return problem(error)
    except web.HTTPRequestEntityTooLarge:
        return problem(errors.BodyTooLargeError())
    except web.HTTPException as error:
        if error.status < 400:
            raise
        named = errors.NotFoundError if error.status == 404 else errors.InvalidInputError
        response = problem(named(error.reason), error.status)
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response
    except (ConnectionError, TimeoutError):
        raise
    except Exception:
        log.exception("request_failed", path=request.path)
        return problem(errors.FrontdeskError("something went wrong here; it has been logged"))
