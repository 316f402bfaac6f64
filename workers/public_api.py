"""The public HTTP API as a source sees it: one POST, and what the answer means.

The simulated city and the replay of files use nothing else of Muster.
"""

import ssl
from typing import Any

import httpx
import msgspec

PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""How long to wait before trying again, by the number of tries."""


class FieldFault(msgspec.Struct, frozen=True):
    """One thing the API found wrong: the dotted path of the field, the reason in words, its key."""

    field: str = ""
    reason: str = ""
    key: str = ""


class Answer(msgspec.Struct, frozen=True):
    """What the API said.  ``status`` 0: nobody answered.

    ``faults`` name what was refused (of a batch: which items); ``more_faults`` were counted, not named.
    """

    status: int
    detail: str = ""
    faults: list[FieldFault] = []
    more_faults: int = 0
    accepted: int = 0
    duplicate: bool = False
    retry_after_s: float | None = None

    @property
    def taken(self) -> bool:
        """Accepted, now or under the same idempotency key before."""
        return self.status == 202 or (self.status == 409 and any(f.key == "reason.key_reused" for f in self.faults))

    @property
    def refused(self) -> bool:
        """Refused for good: sending the same again would change nothing."""
        return 400 <= self.status < 500 and not self.taken and self.status not in (401, 403, 408, 429)

    def pause_s(self, tries: int) -> float:
        """Return how long to wait before the next try."""
        return self.retry_after_s or PAUSES_S[min(tries, len(PAUSES_S) - 1)]

    def __str__(self) -> str:
        found = "; ".join(f"{f.field} {f.reason}".strip() for f in self.faults[:3])
        return f"{self.status or 'no answer'} {self.detail} {found}".strip()


class _Taken(msgspec.Struct):
    accepted: int = 0
    duplicate: bool = False
    rejected: list[FieldFault] = []


class _Problem(msgspec.Struct):
    title: str = ""
    detail: str = ""
    errors: list[FieldFault] = []
    more_errors: int = 0


class Api:
    """The API for one source."""

    def __init__(self, client: httpx.AsyncClient, base_url: str, token: str, lang: str = "zh-CN") -> None:
        self._client = client
        self._url = base_url.rstrip("/") + "/api/v1/"
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Accept-Language": lang,
        }

    async def post(self, path: str, body: Any) -> Answer:
        """Send one body to ``/api/v1/<path>``; never raises for a fault of the other side."""
        try:
            said = await self._client.post(self._url + path, content=msgspec.json.encode(body), headers=self._headers)
        except (httpx.HTTPError, OSError) as error:
            return Answer(0, f"{type(error).__name__} {error}".strip())
        try:
            if said.status_code == 202:
                taken = msgspec.json.decode(said.content, type=_Taken)
                return Answer(202, faults=taken.rejected, accepted=taken.accepted, duplicate=taken.duplicate)
            problem = msgspec.json.decode(said.content, type=_Problem)
        except msgspec.MsgspecError:
            problem = _Problem(detail=said.text[:200])
        wait = _seconds(said.headers.get("retry-after"))
        detail = problem.detail or problem.title
        return Answer(said.status_code, detail, problem.errors, problem.more_errors, retry_after_s=wait)


def open_client(base_url: str, ca_file: str = "") -> httpx.AsyncClient:
    """Open the connections to a centre; ``ca_file`` is the authority of one with a certificate of its own."""
    # Without TLS there is nothing to verify, and loading the authorities costs megabytes.
    verify = trust(ca_file) if base_url.startswith("https:") else False
    limits = httpx.Limits(max_connections=16, max_keepalive_connections=16, keepalive_expiry=30)
    return httpx.AsyncClient(verify=verify, timeout=httpx.Timeout(20, connect=5), limits=limits, trust_env=False)


def trust(ca_file: str = "") -> ssl.SSLContext:
    """Return whom to believe: the system's authorities, or just the one in ``ca_file``."""
    return ssl.create_default_context(cafile=ca_file or None)


def _seconds(value: str | None) -> float | None:
    try:
        return min(60.0, max(0.1, float(value))) if value else None
    except ValueError:
        return None
