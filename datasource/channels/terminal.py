"""The channel to phones and vehicle terminals that hold a connection open to the gateway.

The message goes into the stream ``outbox``; the gateway writes it to the unit's connections and answers through a
list of this attempt's own.  ``ok`` therefore means: written to a connected device.  Whether the device has it, it says
itself (the receipt ``delivered``).
"""

import time
from typing import Any, Protocol

import msgspec

from dashboard.ports import Outcome, Stream

OUTBOX = "outbox"
KEEP_OUTBOX = 10_000
ANSWER_S = 1.5
ANSWER_KEPT_S = 10

NOT_CONNECTED = "not_connected"
NO_ANSWER = "gateway_silent"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of ``outbox``."""

    unit_id: str
    order_id: str
    attempt: int
    message: dict[str, Any]
    expires_at: int = 0


class Answers(Protocol):
    """Where the gateway's answer to one attempt is left and waited for."""

    def put(self, order_id: str, attempt: int, answer: str) -> None:
        """Leave an answer: '' for written, else the reason why not."""

    def wait(self, order_id: str, attempt: int, timeout_s: float) -> str | None:
        """Take the answer; None when there is none within ``timeout_s`` seconds."""


class RedisAnswers:
    """A list per attempt in Redis, gone after ten seconds."""

    def __init__(self, client: Any, prefix: str = "muster:") -> None:
        self._client = client
        self._prefix = prefix

    def _key(self, order_id: str, attempt: int) -> str:
        return f"{self._prefix}sent:{order_id}:{attempt}"

    def put(self, order_id: str, attempt: int, answer: str) -> None:
        """Leave an answer."""
        key = self._key(order_id, attempt)
        with self._client.pipeline(transaction=True) as pipe:
            pipe.lpush(key, answer or "ok")
            pipe.expire(key, ANSWER_KEPT_S)
            pipe.execute()

    def wait(self, order_id: str, attempt: int, timeout_s: float) -> str | None:
        """Take the answer."""
        found = self._client.blpop([self._key(order_id, attempt)], timeout=timeout_s)
        if not found:
            return None
        answer = found[1].decode() if isinstance(found[1], bytes) else str(found[1])
        return "" if answer == "ok" else answer


class TerminalChannel:
    """Hands messages to the gateway and waits for it to say whether it could write them."""

    name = "terminal"

    def __init__(self, stream: Stream, answers: Answers) -> None:
        self._stream = stream
        self._answers = answers

    def send(self, message: dict[str, Any], timeout_s: float) -> Outcome:
        """Hand one order message over; never raises for a fault of the other side."""
        wait_s = min(ANSWER_S, timeout_s)
        entry = Message(
            unit_id=message["unit_id"],
            order_id=message["order_id"],
            attempt=message["attempt"],
            message=message,
            expires_at=int((time.time() + wait_s) * 1000),
        )
        self._stream.add(OUTBOX, msgspec.json.encode(entry), maxlen=KEEP_OUTBOX)
        answer = self._answers.wait(entry.order_id, entry.attempt, wait_s)
        if answer is None:
            return Outcome(ok=False, temporary=True, reason=NO_ANSWER)
        return Outcome(ok=not answer, temporary=True, reason=answer)
