"""Signatures by the Standard Webhooks scheme: an HMAC-SHA256 over id, timestamp and the raw body."""

import base64
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime

from standardwebhooks import Webhook, WebhookVerificationError

from frontdesk.domain.errors import UnauthenticatedError, UnsupportedEncodingError


def new_secret() -> str:
    """A fresh signing secret: ``whsec_`` and 24 random bytes in base64."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(24)).decode()


def sign(secret: str, body: bytes, *, message_id: str, now: datetime | None = None) -> dict[str, str]:
    """The headers that prove who sent ``body`` and when."""
    moment = now or datetime.now(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, moment, body.decode()),
    }


def verify(secret: str, headers: Mapping[str, str], body: bytes) -> None:
    """Check a signature made at most five minutes ago.

    Raises:
        UnauthenticatedError: it is missing, old, or not by this secret.
        UnsupportedEncodingError: the body is not UTF-8, so that nothing could have signed it.
    """
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except UnicodeDecodeError:
        raise UnsupportedEncodingError from None
    except (WebhookVerificationError, ValueError) as error:
        raise UnauthenticatedError("the signature is missing, too old or wrong") from error
