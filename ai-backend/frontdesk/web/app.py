"""The HTTP application: its routes, and what every request goes through."""

import time

import structlog
from aiohttp import web

from frontdesk import telemetry
from frontdesk.web.api import (
    access,
    configuring,
    connections,
    connector,
    contacts,
    conversations,
    correcting,
    figures,
    happenings,
    health,
    jottings,
    media,
    people,
    reading,
    searching,
    sending,
    tasks,
    tools,
    turns,
    webhook,
    webhooks,
)
from frontdesk.web.auth import recognising
from frontdesk.web.desk import DESK, Desk
from frontdesk.web.pages import analytics, configuration, connection, documentation, entrance, inbox, rendering
from frontdesk.web.problems import Handler, problems_middleware

log = structlog.get_logger(__name__)

ROUTES = (
    web.post("/webhook", webhook.receive),
    web.get("/messages", reading.latest_messages),
    web.get(r"/messages/{id:\d{1,20}}", reading.one_message),
    web.patch(r"/messages/{id:\d{1,20}}/analysis", correcting.change),
    web.post(r"/messages/{id:\d{1,20}}/analysis", correcting.again),
    web.get("/conversations", conversations.find),
    web.get("/conversations/counts", conversations.counts),
    web.get(r"/conversations/{id:\d{1,20}}/thread", conversations.thread),
    web.get("/search", searching.find),
    web.get(r"/contacts/{id:\d{1,20}}/notes", jottings.notes),
    web.post(r"/contacts/{id:\d{1,20}}/notes", jottings.write_note),
    web.delete(r"/notes/{id:\d{1,20}}", jottings.remove_note),
    web.get("/canned-replies", jottings.replies),
    web.post("/canned-replies", jottings.add_reply),
    web.put(r"/canned-replies/{id:\d{1,20}}", jottings.change_reply),
    web.delete(r"/canned-replies/{id:\d{1,20}}", jottings.remove_reply),
    web.get("/important-customers", configuring.customers),
    web.post("/important-customers", configuring.add_customer),
    web.delete("/important-customers", configuring.remove_customer),
    web.get("/critical-groups", configuring.groups),
    web.post("/critical-groups", configuring.add_group),
    web.delete("/critical-groups", configuring.remove_group),
    web.get("/routing-rules", configuring.rules),
    web.post("/routing-rules", configuring.add_rule),
    web.delete(r"/routing-rules/{id:\d{1,20}}", configuring.remove_rule),
    web.get("/business", configuring.business),
    web.get("/opening-hours", configuring.opening_hours),
    web.put("/opening-hours", configuring.set_opening_hours),
    web.delete("/opening-hours", configuring.forget_opening_hours),
    web.get("/retention", configuring.keeping),
    web.put("/retention", configuring.set_keeping),
    web.get("/agents", configuring.agents),
    web.post("/agents/{name}/trials", configuring.try_agent),
    web.get("/filters", jottings.filters),
    web.post("/filters", jottings.save_filter),
    web.delete(r"/filters/{id:\d{1,20}}", jottings.remove_filter),
    web.get(r"/conversations/{id:\d{1,20}}", conversations.one),
    web.patch(r"/conversations/{id:\d{1,20}}", conversations.change),
    web.post(r"/conversations/{id:\d{1,20}}/messages", sending.write_to_conversation),
    web.get(r"/outbox/{id:\d{1,20}}", sending.one_outgoing),
    web.post(r"/outbox/{id:\d{1,20}}/resend", sending.send_again),
    web.post("/outbox/acknowledgements", sending.acknowledge),
    web.get("/contacts", contacts.all_contacts),
    web.get(r"/contacts/{id:\d{1,20}}", contacts.one),
    web.patch(r"/contacts/{id:\d{1,20}}", contacts.change),
    web.post(r"/contacts/{id:\d{1,20}}/numbers", contacts.add_number),
    web.delete(r"/contacts/{id:\d{1,20}}/numbers", contacts.remove_number),
    web.post(r"/contacts/{id:\d{1,20}}/merge", contacts.merge),
    web.post(r"/contacts/{id:\d{1,20}}/unmerge", contacts.unmerge),
    web.post("/tools/{name}", tools.use),
    web.post(r"/conversations/{id:\d{1,20}}/drafts", turns.suggest),
    web.get("/turns", turns.all_turns),
    web.get(r"/turns/{id:\d{1,20}}", turns.one),
    web.post(r"/turns/{id:\d{1,20}}/accept", turns.accept),
    web.post(r"/turns/{id:\d{1,20}}/dismiss", turns.dismiss),
    web.get("/people", people.everybody),
    web.post("/people", people.create),
    web.get(r"/people/{id:\d{1,20}}", people.one),
    web.patch(r"/people/{id:\d{1,20}}", people.change),
    web.delete(r"/people/{id:\d{1,20}}", people.remove),
    web.get("/bots", people.bots),
    web.get("/bots/{account}", people.one_bot),
    web.patch("/bots/{account}", people.change_bot),
    web.get("/webhooks", webhooks.all_endpoints),
    web.post("/webhooks", webhooks.create),
    web.get(r"/webhooks/{id:\d{1,20}}", webhooks.one),
    web.patch(r"/webhooks/{id:\d{1,20}}", webhooks.change),
    web.delete(r"/webhooks/{id:\d{1,20}}", webhooks.remove),
    web.post(r"/webhooks/{id:\d{1,20}}/replay", webhooks.replay),
    web.get(r"/webhooks/{id:\d{1,20}}/dead-letters", webhooks.dead_letters),
    web.post(r"/people/{id:\d{1,20}}/invitation", access.invite),
    web.get("/tokens", access.all_tokens),
    web.post("/tokens", access.make_token),
    web.delete(r"/tokens/{id:\d{1,20}}", access.revoke_token),
    web.post("/login", access.log_in),
    web.post("/logout", access.log_out),
    web.post("/setup", access.set_up),
    web.get("/me", access.me),
    web.post("/me/password", access.change_password),
    web.get("/tasks", tasks.all_tasks),
    web.post("/tasks", tasks.create),
    web.get(r"/tasks/{id:\d{1,20}}", tasks.one_task),
    web.patch(r"/tasks/{id:\d{1,20}}", tasks.change),
    web.get("/tasks.ics", tasks.calendar),
    web.get("/events", happenings.events, allow_head=False),
    web.post("/webhook/changes", connector.change),
    web.get("/connector/settings", connector.settings),
    web.post("/connector/status", connector.status),
    web.put("/media/{message_id}", media.put),
    web.get(r"/messages/{id:\d{1,20}}/media", media.get),
    web.get("/connections", connections.all_connections),
    web.post("/connections/{account}/restart", connections.restart),
    web.post("/connections/{account}/logout", connections.log_out),
    web.post("/connections/{account}/pairing-code", connections.pairing_code),
    web.get("/stats", reading.last_day),
    web.get("/stats/daily", figures.daily),
    web.get("/analytics", analytics.show),
    web.get(r"/analytics/{chart:\w{1,20}}.csv", analytics.table),
    web.get("/metrics", reading.metrics),
    web.get("/health", health.health),
    web.get("/ready", health.ready),
    web.get("/openapi.json", documentation.openapi),
    web.get("/docs", documentation.api_docs),
    web.get("/login", entrance.login),
    web.get("/setup", entrance.setup),
    web.get("/", inbox.home),
    web.get("/inbox/list", inbox.rows),
    web.get("/inbox/views", inbox.sidebar),
    web.get(r"/inbox/{id:\d{1,20}}", inbox.one),
    web.get(r"/inbox/{id:\d{1,20}}/chat", inbox.chat),
    web.get(r"/inbox/{id:\d{1,20}}/beside", inbox.beside),
    web.get(r"/inbox/{id:\d{1,20}}/entries", inbox.entries),
    web.get("/connection", connection.show),
    web.get("/connection/state", connection.state),
    web.get("/settings", configuration.home),
    web.get("/settings/{tab}", configuration.show),
    web.get("/static/{version}/{name}", rendering.static),
)


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
    app = web.Application(
        client_max_size=desk.settings.max_body_bytes,
        middlewares=[_measured, problems_middleware, recognising(desk.gate)],
    )
    app[DESK] = desk
    app[inbox.RENDERINGS] = inbox.Renderings()
    app.add_routes(ROUTES)
    return app
