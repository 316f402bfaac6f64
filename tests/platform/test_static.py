"""Static files: compressed beforehand, kept by browsers, never outside their folder."""

import asyncio
import gzip

import pytest

from datasource.web.static import Static

SCRIPT = b"window.muster = window.muster || {};\n" * 60


async def _nobody(scope, receive, send):
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b""})


@pytest.fixture
def static(tmp_path):
    assets = tmp_path / "assets"
    (assets / "js").mkdir(parents=True)
    (assets / "js" / "live.js").write_bytes(SCRIPT)
    (assets / "tiny.css").write_bytes(b"a{}")
    (tmp_path / "secret.txt").write_bytes(b"not yours" * 100)
    suite = tmp_path / "renderer.min.js"
    suite.write_bytes(SCRIPT)

    def suites(package, path):
        return (suite, ".v4" in path) if package == "dash" else (None, False)

    return Static(_nobody, assets=assets, cache=tmp_path / "cache", suites=suites)


def ask(app, path, query=b"", method="GET", **headers):
    sent = []

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query,
        "headers": [(k.replace("_", "-").encode(), v.encode()) for k, v in headers.items()],
    }
    asyncio.run(app(scope, None, send))
    return sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]


def test_a_file_is_sent_compressed_once_its_copy_is_made(static):
    status, headers, body = ask(static, "/assets/js/live.js", accept_encoding="gzip, br")
    assert (status, body, b"content-encoding" in headers) == (200, SCRIPT, False)
    assert static.compress([static._assets / "js" / "live.js", static._assets / "tiny.css"]) == 1
    status, headers, body = ask(static, "/assets/js/live.js", accept_encoding="gzip, br")
    assert headers[b"content-encoding"] == b"gzip"
    assert gzip.decompress(body) == SCRIPT
    assert ask(static, "/assets/js/live.js")[2] == SCRIPT


def test_compressed_copies_are_found_again_and_renewed_when_the_file_changes(static):
    file = static._assets / "js" / "live.js"
    static.compress([file])
    assert static.compress([file]) == 0
    file.write_bytes(SCRIPT + b"// changed\n")
    assert ask(static, "/assets/js/live.js", accept_encoding="gzip")[2].endswith(b"// changed\n")
    assert static.compress([file]) == 1


def test_a_browser_that_has_the_file_gets_304(static):
    _, headers, _ = ask(static, "/assets/js/live.js")
    status, _, body = ask(static, "/assets/js/live.js", if_none_match=headers[b"etag"].decode())
    assert (status, body) == (304, b"")


def test_only_addresses_that_change_with_the_content_are_kept_for_ever(static):
    assert ask(static, "/assets/js/live.js", b"m=17")[1][b"cache-control"].endswith(b"immutable")
    assert ask(static, "/assets/js/live.js")[1][b"cache-control"] == b"no-cache"
    assert ask(static, "/_dash-component-suites/dash/r.v4_4_1m17.min.js")[1][b"cache-control"].endswith(b"immutable")
    assert ask(static, "/_dash-component-suites/dash/r.min.js")[1][b"cache-control"] == b"no-cache"


@pytest.mark.parametrize(
    "path",
    ["/assets/../secret.txt", "/assets/nothing.js", "/assets/js", "/assets/\0", "/_dash-component-suites/os/path.py"],
)
def test_what_is_not_a_static_file_is_not_found(static, path):
    assert ask(static, path)[0] == 404


def test_everything_else_is_handed_on(static):
    assert ask(static, "/wall")[0] == 418
    assert ask(static, "/assets/js/live.js", method="POST")[0] == 418


def test_HEAD_tells_the_length_without_the_body(static):
    status, headers, body = ask(static, "/assets/js/live.js", method="HEAD")
    assert (status, headers[b"content-length"], body) == (200, str(len(SCRIPT)).encode(), b"")
