"""The text of a PDF, read in a process of its own: what strangers make can keep a reader busy for ever."""

import asyncio
import io
import resource
import sys

from pypdf import PdfReader
from pypdf.errors import PyPdfError

MOST_PAGES = 20
MOST_CHARACTERS = 8000
PATIENCE_S = 15
MOST_BYTES_OF_MEMORY = 1 << 30


class DocumentError(ValueError):
    """The file cannot be read, or not in reasonable time."""


async def text_of(pdf: bytes) -> str:
    """The text of the first 20 pages, at most 8,000 characters; empty where there is none, as in scans.

    Raises:
        DocumentError: it is damaged or encrypted, or takes more than 15 seconds or a gibibyte to read.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "frontdesk.understanding.documents",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE_S):
            told, _ = await process.communicate(pdf)
    except TimeoutError:
        raise DocumentError("takes too long to read") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        raise DocumentError("cannot be read")
    return told.decode("utf-8", "replace")


def read(pdf: bytes) -> str:
    """The same, in this process.

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


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE_S, PATIENCE_S))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_BYTES_OF_MEMORY, MOST_BYTES_OF_MEMORY))
    sys.stdout.buffer.write(read(sys.stdin.buffer.read()).encode("utf-8", "replace"))
