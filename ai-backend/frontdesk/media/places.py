"""Where files lie for good: in a directory, or in storage that speaks S3's protocol. Each lies under the SHA-256 of what is in it."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from frontdesk.domain.errors import StorageFullError, UnavailableError

if TYPE_CHECKING:
    # Known to type checkers only.
    from obstore.store import S3Config

CHUNK_BYTES = 256 * 1024


class Directory:
    """Files on disk."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    async def put(self, source: Path, digest: str) -> None:
        """Take a file over; it is on disk, under its name, when this returns."""
        await asyncio.to_thread(_move, source, self.local_path(digest))

    async def size(self, digest: str) -> int | None:
        """How many bytes a file has, or None where it is not here."""
        try:
            return (await asyncio.to_thread(self.local_path(digest).stat)).st_size
        except FileNotFoundError:
            return None

    async def chunks(self, digest: str, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from ``start`` to ``stop`` (exclusive)."""
        with self.local_path(digest).open("rb") as file:
            file.seek(start)
            left = stop - start
            while left > 0 and (chunk := await asyncio.to_thread(file.read, min(CHUNK_BYTES, left))):
                left -= len(chunk)
                yield chunk

    async def remove(self, digest: str) -> None:
        """Remove a file, if it is here."""
        await asyncio.to_thread(self.local_path(digest).unlink, missing_ok=True)

    def local_path(self, digest: str) -> Path:
        """Where a file lies on this machine."""
        return self._directory / digest[:2] / digest


class Bucket:
    """Files in a bucket, under ``prefix``."""

    def __init__(
        self,
        bucket: str,
        *,
        endpoint: str | None,
        region: str,
        access_key: str | None,
        secret_key: str | None,
        prefix: str,
    ) -> None:
        self._prefix = prefix.strip("/")
        config: S3Config = {"region": region, "virtual_hosted_style_request": endpoint is None}
        if endpoint:
            config["endpoint"] = endpoint
        if access_key and secret_key:
            config |= {"access_key_id": access_key, "secret_access_key": secret_key}
        allows_http = bool(endpoint and endpoint.startswith("http://"))
        self._store = S3Store(bucket, config=config, client_options={"allow_http": allows_http})

    async def put(self, source: Path, digest: str) -> None:
        """Take a file over; it is in the bucket when this returns.

        Raises:
            StorageFullError: it could not be stored.
        """
        try:
            await obstore.put_async(self._store, self._key(digest), source)
        except BaseError as error:
            # The error's own text may hold the key's id.
            raise StorageFullError(f"the storage did not take the file ({type(error).__name__})") from error
        await asyncio.to_thread(source.unlink, missing_ok=True)

    async def size(self, digest: str) -> int | None:
        """How many bytes a file has, or None where it is not here."""
        try:
            return int((await obstore.head_async(self._store, self._key(digest)))["size"])
        except FileNotFoundError:
            return None
        except BaseError as error:
            raise UnavailableError(f"the storage does not answer ({type(error).__name__})") from error

    async def chunks(self, digest: str, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from ``start`` to ``stop`` (exclusive)."""
        if start >= stop:
            return
        try:
            found = await obstore.get_async(self._store, self._key(digest), options={"range": (start, stop)})
            async for chunk in found.stream(min_chunk_size=CHUNK_BYTES):
                yield bytes(chunk)
        except (BaseError, FileNotFoundError) as error:
            raise UnavailableError(f"the storage does not give the file ({type(error).__name__})") from error

    async def remove(self, digest: str) -> None:
        """Remove a file, if it is here."""
        try:
            await obstore.delete_async(self._store, self._key(digest))
        except FileNotFoundError:
            return
        except BaseError as error:
            raise UnavailableError(f"the storage does not answer ({type(error).__name__})") from error

    def local_path(self, digest: str) -> None:  # noqa: ARG002 (nothing lies on this machine)
        """Nothing lies on this machine."""
        return

    def _key(self, digest: str) -> str:
        return f"{self._prefix}/{digest[:2]}/{digest}" if self._prefix else f"{digest[:2]}/{digest}"


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    source.replace(target)
    for directory in (target.parent, target.parent.parent):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
