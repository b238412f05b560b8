"""The HTTP application: its routes, and what every request goes through."""

import time

import structlog
from aiohttp import web

from frontdesk import telemetry
from frontdesk.web import pages
from frontdesk.web.api import (
    connections,
    connector,
    conversations,
    happenings,
    health,
    media,
    reading,
    sending,
    tasks,
    webhook,
    webhooks,
)
from frontdesk.web.desk import DESK, Desk
from frontdesk.web.problems import Handler, problems_middleware

log = structlog.get_logger(__name__)


@web.middleware
async def _measured(request: web.Request, handler: Handler) -> web.StreamResponse:
    started = time.monotonic()
    status = 500
    try:
        response = await handler(request)
        status = response.status
    except web.HTTPException as error:
        status = error.status
        raise
    else:
        return response
    finally:
        resource = request.match_info.route.resource
        route = resource.canonical if resource else "none"
        seconds = time.monotonic() - started
        telemetry.answered(route, request.method, status, seconds)
        log.debug("request", route=route, method=request.method, status=status, seconds=round(seconds, 4))


def build_app(desk: Desk) -> web.Application:
    """The application that serves a desk."""
    app = web.Application(client_max_size=desk.settings.max_body_bytes, middlewares=[_measured, problems_middleware])
    app[DESK] = desk
    app.router.add_post("/webhook", webhook.receive)
    app.router.add_get("/messages", reading.latest_messages)
    app.router.add_get(r"/messages/{id:\d{1,20}}", reading.one_message)
    app.router.add_get("/conversations", conversations.waiting)
    app.router.add_get(r"/conversations/{id:\d{1,20}}", conversations.one)
    app.router.add_patch(r"/conversations/{id:\d{1,20}}", conversations.change)
    app.router.add_post(r"/conversations/{id:\d{1,20}}/messages", sending.write_to_conversation)
    app.router.add_get(r"/outbox/{id:\d{1,20}}", sending.one_outgoing)
    app.router.add_post("/outbox/acknowledgements", sending.acknowledge)
    app.router.add_get("/webhooks", webhooks.all_endpoints)
    app.router.add_post("/webhooks", webhooks.create)
    app.router.add_get(r"/webhooks/{id:\d{1,20}}", webhooks.one)
    app.router.add_patch(r"/webhooks/{id:\d{1,20}}", webhooks.change)
    app.router.add_delete(r"/webhooks/{id:\d{1,20}}", webhooks.remove)
    app.router.add_post(r"/webhooks/{id:\d{1,20}}/replay", webhooks.replay)
    app.router.add_get(r"/webhooks/{id:\d{1,20}}/dead-letters", webhooks.dead_letters)
    app.router.add_get("/tasks", tasks.all_tasks)
    app.router.add_post("/tasks", tasks.create)
    app.router.add_get(r"/tasks/{id:\d{1,20}}", tasks.one_task)
    app.router.add_patch(r"/tasks/{id:\d{1,20}}", tasks.change)
    app.router.add_get("/tasks.ics", tasks.calendar)
    app.router.add_get("/events", happenings.events, allow_head=False)
    app.router.add_post("/webhook/changes", connector.change)
    app.router.add_get("/connector/settings", connector.settings)
    app.router.add_post("/connector/status", connector.status)
    app.router.add_put("/media/{message_id}", media.put)
    app.router.add_get(r"/messages/{id:\d{1,20}}/media", media.get)
    app.router.add_get("/connections", connections.all_connections)
    app.router.add_post("/connections/{account}/restart", connections.restart)
    app.router.add_post("/connections/{account}/logout", connections.log_out)
    app.router.add_post("/connections/{account}/pairing-code", connections.pairing_code)
    app.router.add_get("/stats", reading.last_day)
    app.router.add_get("/metrics", reading.metrics)
    app.router.add_get("/health", health.health)
    app.router.add_get("/ready", health.ready)
    app.router.add_get("/openapi.json", pages.openapi)
    app.router.add_get("/docs", pages.api_docs)
    app.router.add_get("/", pages.home)
    app.router.add_get("/status", pages.fragment)
    app.router.add_static("/static/", pages.STATIC)
    return app
