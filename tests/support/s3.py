"""Storage that speaks S3's protocol, as far as files need it, and checks every signature (AWS Signature Version 4)."""

import hashlib
import hmac
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import quote

from aiohttp import web

ACCESS_KEY, SECRET_KEY, REGION, BUCKET = "AKIDEXAMPLE", "a-secret-key-for-tests", "eu-central-1", "desk-files"


class FakeS3:
    """One bucket. ``failing`` answers everything with 500."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.failing = False
        self.url = ""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["FakeS3"]:
        """Serve on a free port."""
        app = web.Application(client_max_size=64 << 20)
        app.router.add_route("*", "/{bucket}/{key:.+}", self._answer)
        app.router.add_post("/{bucket}", self._delete)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if self.failing:
            return web.Response(status=500)
        if request.match_info["bucket"] != BUCKET or not _is_signed(request, body):
            return web.Response(status=403)
        key = request.match_info["key"]
        if request.method == "PUT":
            self.objects[key] = body
            return web.Response(headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})  # noqa: S324 (S3's own)
        if request.method == "DELETE":
            self.objects.pop(key, None)
            return web.Response(status=204)
        return _part(request, self.objects[key]) if key in self.objects else web.Response(status=404)

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        """DeleteObjects: what is not there counts as deleted."""
        body = await request.read()
        if "delete" not in request.query or not _is_signed(request, body):
            return web.Response(status=403)
        keys = re.findall(r"<Key>([^<]*)</Key>", body.decode())
        for key in keys:
            self.objects.pop(key, None)
        deleted = "".join(f"<Deleted><Key>{key}</Key></Deleted>" for key in keys)
        return web.Response(text=f"<DeleteResult>{deleted}</DeleteResult>", content_type="application/xml")


def _part(request: web.Request, content: bytes) -> web.Response:
    headers = {"ETag": f'"{hashlib.md5(content).hexdigest()}"', "Last-Modified": "Mon, 02 Mar 2026 12:00:00 GMT"}  # noqa: S324
    if request.method == "HEAD":
        return web.Response(headers=headers | {"Content-Length": str(len(content))})
    wanted = request.http_range
    if wanted.start is None and wanted.stop is None:
        return web.Response(body=content, headers=headers)
    begin, end, _ = wanted.indices(len(content))
    part = {"Content-Range": f"bytes {begin}-{end - 1}/{len(content)}"}
    return web.Response(status=206, body=content[begin:end], headers=headers | part)


def _is_signed(request: web.Request, body: bytes) -> bool:
    """By AWS's description of Signature Version 4 for single requests."""
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    fields = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
    if scheme != "AWS4-HMAC-SHA256" or not fields.get("Credential", "").startswith(ACCESS_KEY + "/"):
        return False
    _, day, region, service, end = fields["Credential"].split("/")
    names = fields["SignedHeaders"].split(";")
    told = request.headers["x-amz-content-sha256"]
    if told not in {"UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()}:
        return False
    query = "&".join(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in sorted(request.query.items()))
    canonical = "\n".join(
        (
            request.method,
            quote(request.path, safe="/-_.~"),
            query,
            *(f"{name}:{' '.join(request.headers[name].split())}" for name in names),
            "",
            fields["SignedHeaders"],
            told,
        )
    )
    scope = f"{day}/{region}/{service}/{end}"
    text = (
        f"AWS4-HMAC-SHA256\n{request.headers['x-amz-date']}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    )
    key = f"AWS4{SECRET_KEY}".encode()
    for part in (day, region, service, end):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), fields["Signature"])
