"""E-mail to people of the business, over SMTP."""

from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import Literal

import aiosmtplib

from frontdesk.domain.errors import ChannelError, ChannelRejectedError

Security = Literal["starttls", "tls", "none"]
TIMEOUT_S = 20


@dataclass(frozen=True, kw_only=True)
class Mailer:
    """Sends by one server. ``security``: starttls (port 587), tls from the first byte (465), or none."""

    host: str
    port: int
    user: str | None
    password: str | None
    sender: str
    security: Security

    async def send(self, to: str, subject: str, text: str, *, key: str) -> None:
        """Send a text. ``key`` names it, so that a message that is sent twice can be known again.

        Raises:
            ChannelError: it was not sent; ChannelRejectedError: and never will be.
        """
        message = EmailMessage()
        message["From"], message["To"] = self.sender, to
        message["Subject"] = " ".join(subject.split())
        message["Date"] = formatdate(usegmt=True)
        domain = self.sender.rpartition("@")[2].rstrip(">") or "localhost"
        message["Message-ID"] = f"<frontdesk-{key}@{domain}>" if key else make_msgid(domain=domain)
        # Answering machines leave it alone (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text)
        try:
            await aiosmtplib.send(
                message,
                hostname=self.host,
                port=self.port,
                username=self.user,
                password=self.password,
                use_tls=self.security == "tls",
                start_tls=self.security == "starttls",
                timeout=TIMEOUT_S,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise ChannelRejectedError("the mail server refuses this address") from error
        except aiosmtplib.SMTPAuthenticationError as error:
            raise ChannelError("the mail server refuses the user or the password") from error
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise ChannelError(f"the mail server did not take it ({type(error).__name__})") from error
