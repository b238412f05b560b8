"""The API's description, made from the models that it is served with."""

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from frontdesk import __version__
from frontdesk.channels.whatsapp_web import WebhookPayload
from frontdesk.domain.tasks import TASK_STATES, TASK_TYPES
from frontdesk.domain.tools import TOOLS
from frontdesk.web import contact_documents, desk_documents, documents, operations, reply_documents
from frontdesk.web.api.connections import ConnectionsDocument, PairingDraft
from frontdesk.web.api.connector import ChangeDraft, SessionDraft
from frontdesk.web.api.contacts import ContactChanges, MergeDraft, UnmergeDraft
from frontdesk.web.api.conversations import ConversationDraft
from frontdesk.web.api.correcting import AnalysisCorrection
from frontdesk.web.api.people import BotChanges, PersonChanges, PersonDraft
from frontdesk.web.api.sending import Acknowledgement, OutgoingMessageDraft
from frontdesk.web.api.tasks import TaskChanges, TaskDraft
from frontdesk.web.api.turns import AcceptDraft
from frontdesk.web.api.webhooks import EndpointChanges, EndpointDraft, RewindDraft
from frontdesk.web.describing import (
    LIMIT,
    REFERENCE,
    RESULT,
    UNAUTHENTICATED,
    UNAVAILABLE,
    answer,
    commanding,
    contacts,
    correcting,
    editing,
    filters,
    getting,
    looking_up,
    problem,
    replies,
    request_body,
    telling,
    webhooks,
)

# Every document of these modules is described: one that is added there needs no second mention.
_ANSWERS = tuple(
    model
    for name, model in (
        vars(documents) | vars(desk_documents) | vars(reply_documents) | vars(contact_documents)
    ).items()
    if name.endswith("Document") and isinstance(model, type) and issubclass(model, BaseModel)
)


@cache
def document() -> dict[str, Any]:
    """The OpenAPI 3.1 document."""
    _, schemas = models_json_schema(
        [
            (WebhookPayload, "validation"),
            (OutgoingMessageDraft, "validation"),
            (Acknowledgement, "validation"),
            (ChangeDraft, "validation"),
            (SessionDraft, "validation"),
            (PairingDraft, "validation"),
            (ConversationDraft, "validation"),
            (AcceptDraft, "validation"),
            (ContactChanges, "validation"),
            (AnalysisCorrection, "validation"),
            (MergeDraft, "validation"),
            (UnmergeDraft, "validation"),
            (PersonDraft, "validation"),
            (PersonChanges, "validation"),
            (BotChanges, "validation"),
            (TaskDraft, "validation"),
            (TaskChanges, "validation"),
            (EndpointDraft, "validation"),
            (EndpointChanges, "validation"),
            (RewindDraft, "validation"),
            (ConnectionsDocument, "serialization"),
            *((model, "validation") for model in operations.BODIES),
            *((model, "serialization") for model in operations.ANSWERS),
            *((model, "serialization") for model in _ANSWERS),
        ],
        ref_template=REFERENCE,
    )
    identifier = {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "integer", "format": "int64", "minimum": 1, "maximum": 2**63 - 1},
    }
    prefer = {
        "name": "Prefer",
        "in": "header",
        "description": "wait=N (seconds) or respond-async, by RFC 7240",
        "schema": {"type": "string", "examples": ["wait=10", "respond-async"]},
    }
    webhook = {
        "summary": "Take one received message",
        "description": "Commits the message, then answers: 200 with the result where it is ready within the caller's "
        "patience (Prefer: wait=N), else 202. The same message_id again returns the first result.",
        "parameters": [prefer],
        "security": [{"token": []}, {"signature": []}],
        "requestBody": request_body("WebhookPayload"),
        "responses": {
            "200": answer(documents.ResultDocument, RESULT),
            "202": answer(documents.AcceptedDocument, "The message is stored; its result will be at Location"),
            "400": problem("Not JSON"),
            "413": problem("The body is too large"),
            "415": problem("The body is not UTF-8"),
            "422": problem("The body does not fit the contract; errors names each problem"),
            **UNAUTHENTICATED,
            **UNAVAILABLE,
        },
    }
    health = {
        "200": answer(documents.HealthDocument, "Messages are taken"),
        "503": answer(documents.HealthDocument, "Messages cannot be taken"),
    }
    secured: dict[str, Any] = {"security": [{"token": []}]}
    conversation = {**identifier, "description": "The conversation_id of a message"}
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "description": "The same key is the same message, however often it is sent",
        "schema": {"type": "string", "maxLength": 128},
    }
    number = {"type": "integer", "format": "int64", "minimum": 0, "maximum": 2**63 - 1}
    reading = [
        {"name": "after", "in": "query", "schema": number, "description": "The number of the last event that is known"},
        {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 500, "default": 100}},
        {"name": "wait", "in": "query", "schema": {"type": "integer", "minimum": 0, "maximum": 60, "default": 0}},
        {"name": "named", "in": "query", "schema": {"enum": ["true", "false"], "default": "true"}},
        {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}, "description": "Of a stream: as after"},
    ]
    writing = {
        "summary": "Write to a conversation",
        "description": "Queues the text and answers 202; it is sent in order and at the account's pace.",
        "parameters": [conversation, key],
        "requestBody": request_body("OutgoingMessageDraft"),
        "responses": {
            "202": answer(documents.QueuedDocument, "Queued; what becomes of it will be at Location"),
            "400": problem("Not JSON"),
            "404": problem("There is no such conversation"),
            "409": problem("The key was used for another message"),
            "413": problem("The body is too large"),
            "415": problem("The body is not UTF-8"),
            "422": problem("The body does not fit the contract, or nobody can be reached there"),
            **UNAUTHENTICATED,
            **UNAVAILABLE,
        },
        **secured,
    }
    account = {"name": "account", "in": "path", "required": True, "schema": {"type": "string"}}
    told = telling("A connector tells what became of a message", "Acknowledgement", "The outbox_id, or null")
    changed = telling("A connector tells what happened to a message", "ChangeDraft", "Whether it was news")
    stated = telling("A connector tells that its session's state has changed", "SessionDraft", "Whether it was news")
    described: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "Frontdesk",
            "version": __version__,
            "description": "A self-hosted AI front desk for WhatsApp.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": {
            "/webhook": {"post": webhook},
            "/messages": getting(
                "The newest messages",
                {
                    "200": answer(documents.MessagesDocument, "Newest first"),
                    "422": problem("The limit is wrong"),
                    **UNAUTHENTICATED,
                },
                parameters=[LIMIT],
                **secured,
            ),
            "/messages/{id}": getting(
                "One message with its history and result",
                {
                    "200": answer(documents.MessageDocument, RESULT),
                    "202": answer(documents.MessageDocument, "The message is being worked on"),
                    "404": problem("There is no such message"),
                    **UNAUTHENTICATED,
                },
                parameters=[identifier],
                **secured,
            ),
            "/conversations": getting(
                "Where somebody waits for an answer, the first due first, or another view",
                {
                    "200": answer(desk_documents.ConversationsDocument, "Whom to answer first"),
                    "422": problem("The query does not fit"),
                    **UNAUTHENTICATED,
                },
                parameters=[
                    LIMIT,
                    {"name": "after", "in": "query", "schema": {"type": "string"}},
                    *({"name": name, "in": "query", "schema": schema} for name, schema in filters()),
                ],
                **secured,
            ),
            "/conversations/{id}": {
                **getting(
                    "One conversation, and who waits in it",
                    {
                        "200": answer(desk_documents.ConversationDocument, "The conversation"),
                        "404": problem("There is no such conversation"),
                        **UNAUTHENTICATED,
                    },
                    parameters=[conversation],
                    **secured,
                ),
                "patch": editing(
                    "Say that a conversation is done",
                    "ConversationDraft",
                    desk_documents.ConversationDocument,
                    secured,
                    conversation,
                ),
            },
            "/conversations/{id}/messages": {"post": writing},
            **replies(identifier, secured),
            **contacts(identifier, secured),
            **webhooks(identifier, secured),
            "/tasks": {
                **getting(
                    "What is to be done, the first due first",
                    {
                        "200": answer(desk_documents.TasksDocument, "Tasks"),
                        "422": problem("The query does not fit"),
                        **UNAUTHENTICATED,
                    },
                    parameters=[
                        LIMIT,
                        {"name": "status", "in": "query", "schema": {"enum": [*TASK_STATES, "all"], "default": "open"}},
                        {"name": "conversation_id", "in": "query", "schema": identifier["schema"]},
                        {"name": "contact_id", "in": "query", "schema": identifier["schema"]},
                        {"name": "assignee", "in": "query", "schema": {"type": "string"}},
                        {"name": "type", "in": "query", "schema": {"enum": list(TASK_TYPES)}},
                        {"name": "tag", "in": "query", "schema": {"type": "string"}},
                        {"name": "after", "in": "query", "schema": {"type": "string"}},
                        {"name": "due_before", "in": "query", "schema": {"type": "string", "format": "date-time"}},
                    ],
                    **secured,
                ),
                "post": editing("Make a task", "TaskDraft", desk_documents.TaskDocument, secured, status="201"),
            },
            "/tasks/{id}": {
                **getting(
                    "One task, and the messages that asked for it",
                    {
                        "200": answer(desk_documents.TaskDocument, "The task"),
                        "404": problem("There is no such task"),
                        **UNAUTHENTICATED,
                    },
                    parameters=[identifier],
                    **secured,
                ),
                "patch": editing(
                    "Edit a task, or end it", "TaskChanges", desk_documents.TaskDocument, secured, identifier
                ),
            },
            "/tasks.ics": getting(
                "Open tasks with a time, for a calendar to subscribe to",
                {
                    "200": {"description": "iCalendar", "content": {"text/calendar": {"schema": {"type": "string"}}}},
                    **UNAUTHENTICATED,
                },
                parameters=[{"name": "token", "in": "query", "required": True, "schema": {"type": "string"}}],
            ),
            "/outbox/{id}": getting(
                "A message of ours and what became of it",
                {
                    "200": answer(documents.OutgoingDocument, "Its state"),
                    "404": problem("There is no such message"),
                    **UNAUTHENTICATED,
                },
                parameters=[identifier],
                **secured,
            ),
            "/tools/{name}": {"post": looking_up(list(TOOLS))},
            "/outbox/acknowledgements": {"post": told},
            "/events": getting(
                "What happened, later than a number",
                {
                    "200": {
                        "description": "JSON, or a stream of Server-Sent Events where that is accepted",
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/EventsDocument"}},
                            "text/event-stream": {"schema": {"type": "string"}},
                        },
                    },
                    "422": problem("The query does not fit"),
                    **UNAUTHENTICATED,
                },
                parameters=reading,
                **secured,
            ),
            "/messages/{id}/media": getting(
                "The file that a message brought",
                {
                    "200": {"description": "Its bytes", "content": {"application/octet-stream": {}}},
                    "404": problem("There is no such message, or no file of it"),
                    **UNAUTHENTICATED,
                },
                parameters=[identifier],
                **secured,
            ),
            "/messages/{id}/analysis": {
                "patch": correcting(identifier, secured),
            },
            "/webhook/changes": {"post": changed},
            "/connector/status": {"post": stated},
            "/media/{message_id}": {
                "put": {
                    "summary": "The file of a message, by a connector with its account's secret",
                    "parameters": [
                        {"name": "message_id", "in": "path", "required": True, "schema": {"type": "string"}},
                        {"name": "X-Filename", "in": "header", "schema": {"type": "string"}},
                    ],
                    "requestBody": {"required": True, "content": {"application/octet-stream": {}}},
                    "responses": {
                        "200": {"description": "It is there already"},
                        "201": {"description": "Kept"},
                        "413": problem("It is larger than a file may be"),
                        "507": problem("The disk or the quota is short: come back after Retry-After seconds"),
                        **UNAUTHENTICATED,
                        **UNAVAILABLE,
                    },
                    **secured,
                }
            },
            "/connections": getting(
                "How each account is linked",
                {"200": answer(ConnectionsDocument, "State, code and history of each"), **UNAUTHENTICATED},
                **secured,
            ),
            "/connections/{account}/restart": {"post": commanding("A new browser, and a new code", account)},
            "/connections/{account}/logout": {"post": commanding("Unlink the account", account)},
            "/connections/{account}/pairing-code": {
                "post": commanding("A code to type in on the phone", account, body="PairingDraft", status="200")
            },
            "/connector/settings": getting(
                "What a connector has to know; with its account's secret",
                {
                    "200": {
                        "description": "Ids and names of the critical groups",
                        "content": {"application/json": {"schema": {"type": "object"}}},
                    },
                    **UNAUTHENTICATED,
                },
                **secured,
            ),
            "/stats": getting(
                "The last 24 hours", {"200": answer(documents.StatsDocument, "Figures"), **UNAUTHENTICATED}, **secured
            ),
            "/health": {"get": {"summary": "Alive, and with a key the state of every part", "responses": health}},
            "/ready": {"get": {"summary": "Whether messages are taken", "responses": health}},
            "/metrics": getting(
                "Metrics for Prometheus",
                {
                    "200": {"description": "Text format", "content": {"text/plain": {"schema": {"type": "string"}}}},
                    **UNAUTHENTICATED,
                },
                **secured,
            ),
        },
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "API_TOKEN, or an account's secret for /webhook",
                },
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "webhook-signature",
                    "description": "Standard Webhooks: webhook-id, webhook-timestamp, webhook-signature",
                },
            },
        },
    }
    for path, methods in operations.paths().items():
        described["paths"].setdefault(path, {}).update(methods)
    return described
