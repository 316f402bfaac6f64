"""Static files: compressed once, beforehand; never per request on the event loop.

Serves ``/assets/…`` and Dash's component suites instead of Dash, with an ETag, and for ever where the address changes with
the content.  Compressed copies are made by a background thread into the cache folder, named by the hash of the
content, so that they are found again after a restart; until a copy exists the file is sent as it is.
"""

import asyncio
import gzip
import hashlib
import logging
import mimetypes
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send

log = logging.getLogger(__name__)

_TEXT = {".js", ".mjs", ".css", ".json", ".svg", ".html", ".map", ".txt", ".webmanifest", ".geojson"}
_LEAST_BYTES = 600
_FOR_EVER = "public, max-age=31536000, immutable"
_ASK_EACH_TIME = "no-cache"
_FONT_DAYS = "public, max-age=2592000"
_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".webmanifest": "application/manifest+json",
    ".woff2": "font/woff2",
}


# (package, path as asked for) → the file of a registered component suite or None, and whether the address changes with it.
Suites = Callable[[str, str], tuple[Path | None, bool]]


class Copy(msgspec.Struct, frozen=True):
    """What is known of a file: its hash and, once made, its compressed copy."""

    mtime_ns: int
    size: int
    etag: str
    packed: Path | None


class Static:
    """ASGI wrapper that answers for static files and hands on everything else."""

    def __init__(self, app: ASGIApp, *, assets: Path, cache: Path, suites: Suites) -> None:
        self._app = app
        self._assets = assets.resolve()
        self._cache = cache
        self._suites = suites
        self._known: dict[Path, Copy] = {}
        self._lock = threading.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer GET and HEAD below ``/assets/`` and ``/_dash-component-suites/``."""
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            found = self._find(scope["path"], scope.get("query_string", b""))
            if found is not None:
                path, caching = found
                await self._answer(path, caching, scope, send)
                return
        await self._app(scope, receive, send)

    def compress(self, files: Iterable[Path]) -> int:
        """Make the compressed copies of these files that do not exist yet; returns how many were made."""
        self._cache.mkdir(parents=True, exist_ok=True)
        made = 0
        for path in files:
            try:
                made += self._pack(path)
            except OSError as error:
                log.warning("not compressed: %s: %s", path, error)
        return made

    def compress_in_background(self, more: Iterable[Path] = ()) -> threading.Thread:
        """Compress the assets and ``more`` without keeping anybody waiting."""
        files = [*(p for p in self._assets.rglob("*") if p.is_file()), *more]
        thread = threading.Thread(target=self.compress, args=(files,), name="compress", daemon=True)
        thread.start()
        return thread

    def _find(self, path: str, query: bytes) -> tuple[Path | None, str] | None:
        """Return the file (None: there is no such file) and its caching rule; None for addresses that are not ours."""
        if path.startswith("/assets/"):
            wanted = path.removeprefix("/assets/")
            if "\0" in wanted:
                return None, _ASK_EACH_TIME
            file = (self._assets / wanted).resolve()
            if not file.is_relative_to(self._assets):
                return None, _ASK_EACH_TIME
            if "m" in parse_qs(query.decode("latin-1")):
                return file, _FOR_EVER
            return file, _FONT_DAYS if file.suffix == ".woff2" else _ASK_EACH_TIME
        if path.startswith("/_dash-component-suites/"):
            package, _, rest = path.removeprefix("/_dash-component-suites/").partition("/")
            suite, printed = self._suites(package, rest)
            return suite, _FOR_EVER if printed else _ASK_EACH_TIME
        return None

    async def _answer(self, path: Path | None, caching: str, scope: Scope, send: Send) -> None:
        try:
            copy = await asyncio.to_thread(self._look, path) if path else None
        except OSError:
            copy = None
        if path is None or copy is None:
            await _send(
                send, 404, [(b"content-type", b"text/plain; charset=utf-8"), (b"cache-control", b"no-store")], b"404\n"
            )
            return
        headers = {name: value for name, value in scope["headers"] if name in (b"if-none-match", b"accept-encoding")}
        packed = copy.packed if b"gzip" in headers.get(b"accept-encoding", b"") else None
        etag = f'"{copy.etag}{"-gz" if packed else ""}"'
        kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        if path.suffix in _TEXT:
            kind += "; charset=utf-8"
        answer = [
            (b"content-type", kind.encode()),
            (b"etag", etag.encode()),
            (b"cache-control", caching.encode()),
            (b"vary", b"accept-encoding"),
            (b"x-content-type-options", b"nosniff"),
        ]
        if etag.encode() in headers.get(b"if-none-match", b""):
            await _send(send, 304, answer, b"")
            return
        if packed:
            answer.append((b"content-encoding", b"gzip"))
        file = packed or path
        answer.append((b"content-length", str(file.stat().st_size).encode()))
        body = b"" if scope["method"] == "HEAD" else await asyncio.to_thread(file.read_bytes)
        await _send(send, 200, answer, body)

    def _look(self, path: Path) -> Copy:
        """Return what is known of a file, hashing it again when it has changed."""
        if not path.is_file():
            raise FileNotFoundError(path)
        stat = path.stat()
        known = self._known.get(path)
        if known and (known.mtime_ns, known.size) == (stat.st_mtime_ns, stat.st_size):
            if known.packed is None and (packed := self._packed(path, known.etag)).exists():
                known = msgspec.structs.replace(known, packed=packed)
                self._known[path] = known
            return known
        etag = hashlib.sha256(path.read_bytes()).hexdigest()[:20]
        packed = self._packed(path, etag)
        fresh = Copy(stat.st_mtime_ns, stat.st_size, etag, packed if packed.exists() else None)
        with self._lock:
            self._known[path] = fresh
        return fresh

    def _packed(self, path: Path, etag: str) -> Path:
        return self._cache / f"{etag}{path.suffix}.gz"

    def _pack(self, path: Path) -> int:
        if path.suffix not in _TEXT or path.stat().st_size < _LEAST_BYTES:
            return 0
        copy = self._look(path)
        if copy.packed:
            return 0
        target = self._packed(path, copy.etag)
        draft = target.with_suffix(f".{threading.get_ident()}")
        draft.write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
        draft.replace(target)
        return 1


async def _send(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
