"""Files that messages bring, each under the SHA-256 of what is in it: the same file twice is one."""

import asyncio
import contextlib
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from hashlib import sha256
from pathlib import Path

import puremagic

from frontdesk.domain.changes import Attachment
from frontdesk.domain.errors import BodyTooLargeError, StorageFullError
from frontdesk.domain.ports import FilePlace

UNKNOWN = "application/octet-stream"
ALIASES = {"application/ogg": "audio/ogg"}
"""What WhatsApp puts into this container is always sound."""
HEAD_BYTES = 8192
MEASURED_EVERY_S = 60
MEBIBYTE = 1024 * 1024
ABANDONED_S = 24 * 3600


class MediaFiles:
    """Keeps files in ``place``, of at most ``max_bytes`` each and ``quota_bytes`` together; they arrive in ``directory``.

    ``min_free_bytes`` of the disk stay free for the database; ``stored_bytes`` tells what all files take by the store.
    """

    def __init__(
        self,
        directory: Path,
        *,
        place: FilePlace,
        max_bytes: int,
        quota_bytes: int,
        min_free_bytes: int,
        stored_bytes: Callable[[], Awaitable[int]],
    ) -> None:
        self._directory = directory
        self._place = place
        self.max_bytes = max_bytes
        self._quota_bytes = quota_bytes
        self._min_free_bytes = min_free_bytes
        self._stored_bytes = stored_bytes
        self._measured = 0
        self._measured_at = -float("inf")

    async def keep(self, chunks: AsyncIterator[bytes], *, expected: int | None, filename: str | None) -> Attachment:
        """Write a file as it arrives; it is in its place when this returns.

        Raises:
            BodyTooLargeError: it is larger than a file may be. StorageFullError: the disk or the quota is short.
        """
        await self._check_room(expected or 0)
        arriving = self._directory / "arriving" / secrets.token_hex(8)
        await asyncio.to_thread(arriving.parent.mkdir, parents=True, exist_ok=True, mode=0o700)
        try:
            size, digest, head = await self._write(arriving, chunks)
            await self._place.put(arriving, digest)
        except OSError as error:
            raise StorageFullError(f"the file cannot be written ({error.strerror})") from error
        finally:
            with contextlib.suppress(OSError):
                arriving.unlink(missing_ok=True)
        self._measured += size
        return Attachment(sha256=digest, size=size, mimetype=sniffed(head), filename=filename)

    def local_path(self, digest: str) -> Path | None:
        """Where a file lies on this machine, or None where it lies elsewhere."""
        return self._place.local_path(digest)

    async def size(self, digest: str) -> int | None:
        """How many bytes a file has, or None where it is gone."""
        return await self._place.size(digest)

    def chunks(self, digest: str, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes of a file from ``start`` to ``stop`` (exclusive)."""
        return self._place.chunks(digest, start, stop)

    async def read(self, digest: str) -> bytes | None:
        """All of a file, or None where it is gone."""
        size = await self._place.size(digest)
        if size is None:
            return None
        return b"".join([chunk async for chunk in self._place.chunks(digest, 0, size)])

    async def remove(self, digest: str) -> None:
        """Remove a file, if it is there."""
        await self._place.remove(digest)

    def tidy(self) -> None:
        """Remove what was cut off while it arrived."""
        for path in (self._directory / "arriving").glob("*"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > ABANDONED_S:
                    path.unlink()

    async def _write(self, path: Path, chunks: AsyncIterator[bytes]) -> tuple[int, str, bytes]:
        digest = sha256()
        head = bytearray()
        size = 0
        with path.open("xb") as file:
            os.fchmod(file.fileno(), 0o600)
            async for chunk in chunks:
                size += len(chunk)
                if size > self.max_bytes:
                    raise BodyTooLargeError(f"a file may have at most {self.max_bytes} bytes")
                digest.update(chunk)
                head += chunk[: HEAD_BYTES - len(head)]
                file.write(chunk)
            file.flush()
            await asyncio.to_thread(os.fsync, file.fileno())
        return size, digest.hexdigest(), bytes(head)

    async def _check_room(self, expected: int) -> None:
        if expected > self.max_bytes:
            raise BodyTooLargeError(f"a file may have at most {self.max_bytes} bytes")
        if time.monotonic() - self._measured_at > MEASURED_EVERY_S:
            self._measured = await self._stored_bytes()
            self._measured_at = time.monotonic()
        if self._measured + expected > self._quota_bytes:
            raise StorageFullError(f"the files take {self._measured // MEBIBYTE} MiB, all that MEDIA_QUOTA_MB allows")
        await asyncio.to_thread(self._directory.mkdir, parents=True, exist_ok=True, mode=0o700)
        free = (await asyncio.to_thread(shutil.disk_usage, self._directory)).free
        if free - expected < self._min_free_bytes:
            raise StorageFullError(f"the disk has {free // MEBIBYTE} MiB left, and MEDIA_MIN_FREE_MB is to stay free")


def sniffed(head: bytes) -> str:
    """The type of a file by its first bytes; nobody's word counts."""
    try:
        candidates = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        return UNKNOWN
    found = next((item.mime_type for item in candidates if item.mime_type), UNKNOWN)
    return ALIASES.get(found, found)
