"""The text of a PDF."""

import io

from pypdf import PdfReader
from pypdf.errors import PyPdfError

MOST_PAGES = 20
MOST_CHARACTERS = 8000


class DocumentError(ValueError):
    """The file cannot be read."""


def text_of(pdf: bytes) -> str:
    """The text of the first 20 pages, at most 8,000 characters; empty where there is none, as in scans.

    Raises:
        DocumentError: it is damaged or encrypted.
    """
    parts: list[str] = []
    length = 0
    try:
        reader = PdfReader(io.BytesIO(pdf))
        for page in reader.pages[:MOST_PAGES]:
            text = " ".join(page.extract_text().split())
            parts.append(text)
            length += len(text)
            if length > MOST_CHARACTERS:
                break
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        # A library that reads what strangers made meets all of these.
        raise DocumentError("cannot be read") from error
    return "\n".join(part for part in parts if part)[:MOST_CHARACTERS]
