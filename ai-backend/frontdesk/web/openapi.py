"""The API's description, made from the models that it is served with."""

from functools import cache
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from frontdesk import __version__
from frontdesk.channels.whatsapp_web import WebhookPayload
from frontdesk.web import documents
from frontdesk.web.api.connections import ConnectionsDocument, PairingDraft
from frontdesk.web.api.connector import ChangeDraft, SessionDraft
from frontdesk.web.api.conversations import ConversationDraft
from frontdesk.web.api.sending import Acknowledgement, OutgoingMessageDraft

# Every document of that module is described: one that is added there needs no second mention.
_ANSWERS = tuple(
    model
    for name, model in vars(documents).items()
    if name.endswith("Document") and isinstance(model, type) and issubclass(model, BaseModel)
)
REFERENCE = "#/components/schemas/{model}"


def _json(model: type[BaseModel], description: str) -> dict[str, Any]:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _body(model: str) -> dict[str, Any]:
    return {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{model}"}}},
    }


def _problem(description: str) -> dict[str, Any]:
    schema = {"$ref": "#/components/schemas/ProblemDocument"}
    return {"description": description, "content": {"application/problem+json": {"schema": schema}}}


UNAUTHENTICATED = {"401": _problem("No valid signature, token or cookie")}
UNAVAILABLE = {"503": _problem("The store is away, or too much is in hand: come back after Retry-After seconds")}
RESULT = "The message is stored, judged and routed"


def _get(summary: str, responses: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"get": {"summary": summary, "responses": {**responses, **UNAVAILABLE}, **more}}


def _telling(summary: str, body: str, result: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "parameters": [],
        "requestBody": _body(body),
        "security": [{"token": []}, {"signature": []}],
        "responses": {
            "200": {"description": result, "content": {"application/json": {"schema": {"type": "object"}}}},
            "400": _problem("Not JSON"),
            "413": _problem("The body is too large"),
            "415": _problem("The body is not UTF-8"),
            "422": _problem("The body does not fit the contract"),
            **UNAUTHENTICATED,
            **UNAVAILABLE,
        },
    }


def _commanding(
    summary: str, account: dict[str, Any], *, body: str | None = None, status: str = "202"
) -> dict[str, Any]:
    return {
        "summary": summary,
        "parameters": [account],
        **({"requestBody": _body(body)} if body else {}),
        "security": [{"token": []}],
        "responses": {
            status: {"description": "Done", "content": {"application/json": {"schema": {"type": "object"}}}},
            "404": _problem("There is no such account"),
            "502": _problem("The connector did not do it"),
            **UNAUTHENTICATED,
        },
    }


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
            (ConnectionsDocument, "serialization"),
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
    limit = {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}}
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
        "requestBody": _body("WebhookPayload"),
        "responses": {
            "200": _json(documents.ResultDocument, RESULT),
            "202": _json(documents.AcceptedDocument, "The message is stored; its result will be at Location"),
            "400": _problem("Not JSON"),
            "413": _problem("The body is too large"),
            "415": _problem("The body is not UTF-8"),
            "422": _problem("The body does not fit the contract; errors names each problem"),
            **UNAUTHENTICATED,
            **UNAVAILABLE,
        },
    }
    health = {
        "200": _json(documents.HealthDocument, "Messages are taken"),
        "503": _json(documents.HealthDocument, "Messages cannot be taken"),
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
        {"name": "Last-Event-ID", "in": "header", "schema": {"type": "string"}, "description": "Of a stream: as after"},
    ]
    writing = {
        "summary": "Write to a conversation",
        "description": "Queues the text and answers 202; it is sent in order and at the account's pace.",
        "parameters": [conversation, key],
        "requestBody": _body("OutgoingMessageDraft"),
        "responses": {
            "202": _json(documents.QueuedDocument, "Queued; what becomes of it will be at Location"),
            "400": _problem("Not JSON"),
            "404": _problem("There is no such conversation"),
            "409": _problem("The key was used for another message"),
            "413": _problem("The body is too large"),
            "415": _problem("The body is not UTF-8"),
            "422": _problem("The body does not fit the contract, or nobody can be reached there"),
            **UNAUTHENTICATED,
            **UNAVAILABLE,
        },
        **secured,
    }
    account = {"name": "account", "in": "path", "required": True, "schema": {"type": "string"}}
    told = _telling("A connector tells what became of a message", "Acknowledgement", "The outbox_id, or null")
    changed = _telling("A connector tells what happened to a message", "ChangeDraft", "Whether it was news")
    stated = _telling("A connector tells that its session's state has changed", "SessionDraft", "Whether it was news")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Frontdesk",
            "version": __version__,
            "description": "A self-hosted AI front desk for WhatsApp.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "paths": {
            "/webhook": {"post": webhook},
            "/messages": _get(
                "The newest messages",
                {
                    "200": _json(documents.MessagesDocument, "Newest first"),
                    "422": _problem("The limit is wrong"),
                    **UNAUTHENTICATED,
                },
                parameters=[limit],
                **secured,
            ),
            "/messages/{id}": _get(
                "One message with its history and result",
                {
                    "200": _json(documents.MessageDocument, RESULT),
                    "202": _json(documents.MessageDocument, "The message is being worked on"),
                    "404": _problem("There is no such message"),
                    **UNAUTHENTICATED,
                },
                parameters=[identifier],
                **secured,
            ),
            "/conversations": _get(
                "Where somebody waits for an answer, the first due first",
                {
                    "200": _json(documents.ConversationsDocument, "Whom to answer first"),
                    "422": _problem("The query does not fit"),
                    **UNAUTHENTICATED,
                },
                parameters=[limit, {"name": "after", "in": "query", "schema": {"type": "string"}}],
                **secured,
            ),
            "/conversations/{id}": {
                **_get(
                    "One conversation, and who waits in it",
                    {
                        "200": _json(documents.ConversationDocument, "The conversation"),
                        "404": _problem("There is no such conversation"),
                        **UNAUTHENTICATED,
                    },
                    parameters=[conversation],
                    **secured,
                ),
                "patch": {
                    "summary": "Say that a conversation is done",
                    "parameters": [conversation],
                    "requestBody": _body("ConversationDraft"),
                    "responses": {
                        "200": _json(documents.ConversationDocument, "The conversation"),
                        "400": _problem("Not JSON"),
                        "404": _problem("There is no such conversation"),
                        "413": _problem("The body is too large"),
                        "415": _problem("The body is not UTF-8"),
                        "422": _problem("The body does not fit the contract"),
                        **UNAUTHENTICATED,
                        **UNAVAILABLE,
                    },
                    **secured,
                },
            },
            "/conversations/{id}/messages": {"post": writing},
            "/outbox/{id}": _get(
                "A message of ours and what became of it",
                {
                    "200": _json(documents.OutgoingDocument, "Its state"),
                    "404": _problem("There is no such message"),
                    **UNAUTHENTICATED,
                },
                parameters=[identifier],
                **secured,
            ),
            "/outbox/acknowledgements": {"post": told},
            "/events": _get(
                "What happened, later than a number",
                {
                    "200": {
                        "description": "JSON, or a stream of Server-Sent Events where that is accepted",
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/EventsDocument"}},
                            "text/event-stream": {"schema": {"type": "string"}},
                        },
                    },
                    "422": _problem("The query does not fit"),
                    **UNAUTHENTICATED,
                },
                parameters=reading,
                **secured,
            ),
            "/messages/{id}/media": _get(
                "The file that a message brought",
                {
                    "200": {"description": "Its bytes", "content": {"application/octet-stream": {}}},
                    "404": _problem("There is no such message, or no file of it"),
                    **UNAUTHENTICATED,
                },
                parameters=[identifier],
                **secured,
            ),
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
                        "413": _problem("It is larger than a file may be"),
                        "507": _problem("The disk or the quota is short: come back after Retry-After seconds"),
                        **UNAUTHENTICATED,
                        **UNAVAILABLE,
                    },
                    **secured,
                }
            },
            "/connections": _get(
                "How each account is linked",
                {"200": _json(ConnectionsDocument, "State, code and history of each"), **UNAUTHENTICATED},
                **secured,
            ),
            "/connections/{account}/restart": {"post": _commanding("A new browser, and a new code", account)},
            "/connections/{account}/logout": {"post": _commanding("Unlink the account", account)},
            "/connections/{account}/pairing-code": {
                "post": _commanding("A code to type in on the phone", account, body="PairingDraft", status="200")
            },
            "/connector/settings": _get(
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
            "/stats": _get(
                "The last 24 hours", {"200": _json(documents.StatsDocument, "Figures"), **UNAUTHENTICATED}, **secured
            ),
            "/health": {"get": {"summary": "Alive, and with a key the state of every part", "responses": health}},
            "/ready": {"get": {"summary": "Whether messages are taken", "responses": health}},
            "/metrics": _get(
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
