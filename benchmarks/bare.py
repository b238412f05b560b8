"""The floor: an aiohttp handler that reads JSON and answers JSON, at the port that is given."""

import asyncio
import sys

from aiohttp import web


async def handle(request: web.Request) -> web.Response:
    """Read JSON, answer JSON."""
    await request.json()
    return web.json_response({"success": True})


async def main(port: int) -> None:
    """Serve until killed."""
    app = web.Application()
    app.router.add_post("/webhook", handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
