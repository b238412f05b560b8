"""After a storm: is everything there, once, in order, and nothing left hanging?"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import pymysql
from tests.chaos.storm import Storm


@dataclass
class Count:
    """What was found, and what is wrong with it."""

    numbers: dict[str, int] = field(default_factory=dict)
    wrongs: list[str] = field(default_factory=list)

    def expect(self, what: str, *, holds: bool) -> None:
        """Note what does not hold."""
        if not holds:
            self.wrongs.append(what)


def rows(url: str, statement: str) -> list[dict[str, Any]]:
    """The rows that a query gives, straight from the server."""
    port, _, name = url.rpartition(":")[2].partition("/")
    connection = pymysql.connect(
        host="127.0.0.1", port=int(port), user="root", database=name, charset="utf8mb4", autocommit=True,
        cursorclass=pymysql.cursors.DictCursor,
    )  # fmt: skip
    try:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            return list(cursor.fetchall())
    finally:
        connection.close()


def unfinished(storm: Storm) -> int:
    """How much is still to be done."""
    found = rows(
        storm.database_url,
        "SELECT (SELECT COUNT(*) FROM webhook_messages WHERE state <> 'processed')"
        " + (SELECT COUNT(*) FROM outbox WHERE state IN ('queued', 'sending'))"
        " + (SELECT COUNT(*) FROM turns WHERE state = 'chosen')"
        " + (SELECT COUNT(*) FROM conversations WHERE owner IS NOT NULL OR ready_at IS NOT NULL)"
        " + (SELECT COUNT(*) FROM duties WHERE name LIKE 'send:%' AND (owner IS NOT NULL OR ready_at IS NOT NULL))"
        " + (SELECT COUNT(*) FROM events WHERE number IS NULL) AS left_over",
    )
    return int(found[0]["left_over"])


def count(storm: Storm) -> Count:
    """Hold what callers were told and what the surroundings saw against what is in the store."""
    result = Count()
    stored = rows(
        storm.database_url,
        "SELECT m.id, m.message_id, m.phone_number, m.conversation_id, m.state, r.response, r.success, r.turn_id,"
        " (SELECT COUNT(*) FROM analytics_results a WHERE a.webhook_message_id = m.id) AS analyses"
        " FROM webhook_messages m LEFT JOIN agent_routing r ON r.webhook_message_id = m.id ORDER BY m.id",
    )
    events = rows(storm.database_url, "SELECT type, message_id, outbox_id, number FROM events ORDER BY number")
    _count_messages(storm, stored, result)
    _count_events(stored, events, result)
    _count_agents(storm, stored, result)
    _count_outbox(storm, result)
    _count_turns(storm, result)
    _count_leftovers(storm, result)
    result.wrongs += storm.wrongs
    result.numbers |= {
        "acknowledged": sum(map(len, storm.acknowledged.values())),
        "stored": len(stored),
        "conversations": len(storm.acknowledged),
        "sent": len(storm.connector.sendings),
        "process starts": sum(item.starts for item in [*storm.webs, *storm.workers]),
    }
    return result


def _count_messages(storm: Storm, stored: list[dict[str, Any]], result: Count) -> None:
    times = Counter(bytes(row["message_id"]).decode() for row in stored)
    of_contact = defaultdict(list)
    for row in stored:
        of_contact[row["phone_number"]].append(bytes(row["message_id"]).decode())
    for phone, told in storm.acknowledged.items():
        for message_id in told:
            result.expect(f"{message_id} is in the store {times[message_id]} times", holds=times[message_id] == 1)
        known = [message_id for message_id in of_contact[phone] if message_id in set(told)]
        result.expect(f"the messages of {phone} are in another order", holds=known == told)
    for row in stored:
        result.expect(f"message {row['id']} is {row['state']}", holds=row["state"] == "processed")
        result.expect(f"message {row['id']} has {row['analyses']} analyses", holds=row["analyses"] == 1)
        result.expect(f"message {row['id']} was not routed", holds=row["success"] == 1)


def _count_events(stored: list[dict[str, Any]], events: list[dict[str, Any]], result: Count) -> None:
    numbers = [row["number"] for row in events]
    result.expect(
        "events have no numbers, or the same", holds=None not in numbers and len(set(numbers)) == len(numbers)
    )
    per_type: dict[str, Counter[int]] = defaultdict(Counter)
    analysed = defaultdict(list)
    conversation = {row["id"]: row["conversation_id"] for row in stored}
    for row in events:
        if row["message_id"] is not None:
            per_type[row["type"]][row["message_id"]] += 1
            if row["type"] == "message.analysed" and per_type[row["type"]][row["message_id"]] == 1:
                analysed[conversation.get(row["message_id"])].append(row["message_id"])
    for row in stored:
        for type_ in ("message.received", "message.routed"):
            number = per_type[type_][row["id"]]
            result.expect(f"{type_} of message {row['id']} happened {number} times", holds=number == 1)
        result.expect(f"message {row['id']} was never analysed", holds=per_type["message.analysed"][row["id"]] >= 1)
    for conversation_id, order in analysed.items():
        result.expect(f"conversation {conversation_id} was analysed out of order", holds=order == sorted(order))


def _count_agents(storm: Storm, stored: list[dict[str, Any]], result: Count) -> None:
    answers = set(storm.agent.answers.values())
    # The messages of a burst have one turn, and its answer.
    turns = {row["turn_id"]: row["response"] for row in stored}
    result.expect("messages have no turn", holds=None not in turns)
    result.expect(
        "messages of one turn have other answers", holds=all(turns[row["turn_id"]] == row["response"] for row in stored)
    )
    replies = Counter(turns.values())
    known = sum(any(f'"{answer}"' in reply for answer in [_reply(reply)] if answer in answers) for reply in replies)
    result.expect(
        "agents' replies were mixed up", holds=known == len(replies) and all(n == 1 for n in replies.values())
    )
    keys = Counter(key.split("-")[1] for key in storm.agent.answers)
    result.expect("a message was given to agents under two keys", holds=all(number == 1 for number in keys.values()))
    result.numbers |= {"agents' effects": len(storm.agent.answers), "turns": len(turns)}


def _reply(document: str | None) -> str:
    return document.partition('"reply": "')[2].partition('"')[0] if document else ""


def _count_outbox(storm: Storm, result: Count) -> None:
    stored = rows(
        storm.database_url,
        "SELECT id, conversation_id, idempotency_key, channel_key, recipient, content, state, is_automatic FROM outbox ORDER BY id",
    )
    by_key = Counter(bytes(row["idempotency_key"]).decode() for row in stored)
    for conversation_id, keys in storm.queued.items():
        for key in keys:
            result.expect(f"outgoing {key} is in the outbox {by_key[key]} times", holds=by_key[key] == 1)
            result.expect(f"outgoing {key} was told under two ids", holds=len(storm.outbox_ids[key]) == 1)
        wanted = [
            row["content"]
            for row in stored
            if row["conversation_id"] == conversation_id and row["state"] != "withdrawn"
        ]
        recipient = next(
            bytes(row["recipient"]).decode() for row in stored if row["conversation_id"] == conversation_id
        )
        result.expect(
            f"conversation {conversation_id} was written to in another order",
            holds=list(dict.fromkeys(storm.connector.order[recipient])) == wanted,
        )
    for row in stored:
        key = bytes(row["idempotency_key"]).decode()
        number = len(storm.connector.sendings.get(bytes(row["channel_key"]).decode(), []))
        # What the robot had to say is withdrawn where a person wrote first.
        is_withdrawn = row["state"] == "withdrawn" and row["is_automatic"]
        result.expect(f"outgoing {key} is {row['state']}", holds=row["state"] == "sent" or is_withdrawn)
        result.expect(f"outgoing {key} was sent {number} times", holds=number == (0 if is_withdrawn else 1))


def _count_turns(storm: Storm, result: Count) -> None:
    """What was chosen to be sent is in the outbox, once, with its words."""
    found = rows(
        storm.database_url,
        "SELECT t.id, t.kind, t.state, t.content, o.content AS sent, o.id AS outbox_id, o.is_automatic"
        " FROM turns t LEFT JOIN outbox o ON o.id = t.outbox_id",
    )
    queued = [row for row in found if row["state"] == "queued"]
    result.expect("two turns share a message", holds=len({row["outbox_id"] for row in queued}) == len(queued))
    for row in queued:
        result.expect(f"turn {row['id']} has other words in the outbox", holds=row["content"] == row["sent"])
    of_turns = rows(
        storm.database_url, "SELECT COUNT(*) AS n FROM outbox WHERE idempotency_key LIKE 'turn-%' AND is_automatic"
    )
    result.expect("messages of turns are in the outbox twice", holds=of_turns[0]["n"] == len(queued))
    result.expect("nothing was sent by itself", holds=bool(queued))
    result.numbers["answers by themselves"] = len(queued)


def _count_leftovers(storm: Storm, result: Count) -> None:
    result.expect(f"{unfinished(storm)} things are left over", holds=unfinished(storm) == 0)
    for process in [*storm.webs, *storm.workers]:
        result.expect(f"{process.name} holds {process.open_files} files", holds=process.open_files < 120)
    result.expect(
        f"{storm.database_proxy.connections} connections to the database", holds=storm.database_proxy.connections < 120
    )
