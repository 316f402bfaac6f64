"""Puts the parts of Muster together, and is the ``muster`` command.

``create_server`` makes the web application of one process; ``create_app`` the Dash part of it.  ``python app.py serve NAME``
runs one process of an instance, everything else goes to the command line (``workers/cli.py``).  Nothing imports this file
but tests.  What a process does not need is not imported: a worker never loads Dash.
"""

import contextlib
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from dash import Dash
    from fastapi import FastAPI
    from starlette.types import ASGIApp

    from dashboard.config import Profile
    from dashboard.desk import Desk
    from datasource.bootstrap import Backend
    from datasource.settings import Settings

HERE = Path(__file__).resolve().parent
ASSETS = HERE / "assets"

# A process that fails at once is started again at once: this keeps it from spinning.
LEAST_LIFE_S = 2.0

INDEX = """<!doctype html>
<html lang="zh-CN">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="theme-color" content="#14181D">
<link rel="icon" href="/assets/icons/favicon.svg" type="image/svg+xml">
{%metas%}
<title>{%title%}</title>
{%css%}
</head>
<body>
{%app_entry%}
<footer>
{%config%}
{%scripts%}
{%renderer%}
</footer>
</body>
</html>"""


def create_app(server: "FastAPI", desk: "Desk", profile: "Profile") -> "Dash":
    """Make the Dash application on ``server``: the shell, every callback, nothing found by magic."""
    import dash
    from dash import Dash, _callback, _pages

    from callbacks import register_all
    from layouts.shell import app_layout, validation_layout

    # Dash collects what is declared at import in process-wide lists; ours are explicit, so nothing may be left in them.
    _callback.GLOBAL_CALLBACK_LIST.clear()
    _callback.GLOBAL_CALLBACK_MAP.clear()
    _callback.GLOBAL_INLINE_SCRIPTS.clear()
    _pages.PAGE_REGISTRY.clear()
    app = Dash(
        "app",
        server=server,
        backend="fastapi",
        assets_folder=str(ASSETS),
        assets_path_ignore=["phone", "plain"],  # pages that are not Dash's
        pages_folder="",
        use_pages=False,
        index_string=INDEX,
        title="Muster",
        update_title=None,
        serve_locally=True,
        add_log_handler=False,
        on_error=_on_error,
    )
    app.logger.setLevel("WARNING")
    app.layout = app_layout
    app.validation_layout = validation_layout(profile)
    register_all(app, desk, profile)
    # Dash would do this at the first request to one of its own addresses; ours come first.
    app._setup_server()
    assert dash.get_app() is app
    return app


def create_server(settings: "Settings", backend: "Backend | None" = None) -> "ASGIApp":
    """Make the web application of one process, with the door outermost."""
    import asyncio

    from dash.backends._fastapi import reset_current_request, set_current_request
    from fastapi import FastAPI
    from starlette.requests import Request
    from starlette.responses import HTMLResponse, Response

    from datasource.accounts import Accounts
    from datasource.bootstrap import open_backend
    from datasource.shapes import mount_shapes
    from datasource.web.api_desk import mount_desk_api
    from datasource.web.api_wire import RedisWire
    from datasource.web.door import Door
    from datasource.web.ended import Ended
    from datasource.web.feed import RedisFeed
    from datasource.web.hub import Hub
    from datasource.web.live import mount_live
    from datasource.web.routes import build_routes
    from datasource.web.static import Static
    from datasource.web.tasks import end
    from datasource.web.terminal_proxy import TerminalProxy
    from datasource.web.tls_page import mount_tls_page
    from datasource.web.unit_page import mount_unit_page
    from layouts.screens import SCREENS
    from workers.supervise import process_names

    backend = backend or open_backend(settings)
    backend.wait_for_schema()
    profile, desk, clock = backend.profile, backend.desk, backend.clock
    accounts = Accounts(backend.database, clock)
    ended = Ended(accounts, clock)
    hub = Hub(backend, clock, profile, feed=RedisFeed(settings.redis), demo=settings.demo, is_live=ended.is_live)

    @contextlib.asynccontextmanager
    async def lifespan(server: FastAPI) -> "AsyncIterator[None]":
        tasks = [asyncio.create_task(hub.run(), name="hub"), asyncio.create_task(ended.run(), name="ended")]
        try:
            yield
        finally:
            await end(tasks)
            await routes.close()

    server = FastAPI(lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    screens = [*(path.removeprefix("/") for path in SCREENS), "unit"]
    cookie = settings.cookie

    def hub_check() -> tuple[bool, dict[str, Any]]:
        status = hub.status()
        return bool(status["ready"] and status["following"]), status

    routes = build_routes(
        server,
        backend,
        accounts,
        profile,
        screens=screens,
        public_url=settings.public_url,
        demo=settings.demo,
        processes=process_names(),
        checks={"hub": hub_check},
        wire=RedisWire(settings.redis),
        cookie=cookie,
    )
    desk.locate = mount_shapes(server, settings, profile).locate
    desk.vault = backend.vault
    mount_desk_api(server, desk)
    mount_unit_page(server, desk, profile, demo=settings.demo)
    mount_tls_page(server, settings)
    server.add_api_websocket_route("/terminal", TerminalProxy(settings.gateway_socket, ended.still_allowed))
    mount_live(server, hub)
    app = create_app(server, desk, profile)

    async def screen(request: Request) -> Response:
        token = set_current_request(request)
        try:
            page = app.index()
        finally:
            reset_current_request(token)
        page = page.replace('<html lang="zh-CN">', f'<html lang="{request.state.lang}">', 1)
        answer = HTMLResponse(page, headers={"Cache-Control": "no-store"})
        if request.query_params.get("lang") == request.state.lang:  # the page's callbacks then answer in it, too
            answer.set_cookie("lang", request.state.lang, max_age=365 * 86_400, samesite="lax", secure=settings.tls)
        return answer

    for path in SCREENS:
        server.add_api_route(path, screen, methods=["GET"], include_in_schema=False)
    static = Static(
        server,
        assets=ASSETS,
        cache=settings.cache_dir / "static",
        suites=lambda package, path: _suite(app, package, path),
    )
    static.compress_in_background(_suite_files(app))
    return Door(
        static,
        accounts,
        screens=screens,
        csp_hashes=app.csp_hashes,
        dash=app,
        member_paths=["/map/shapes.json"],
        cookie=cookie,
    )


def _suite(app: "Dash", package: str, path: str) -> tuple[Path | None, bool]:
    """Find the file of a component suite that some page may ask for, and whether its address carries a fingerprint."""
    from dash.fingerprint import check_fingerprint

    inside, printed = check_fingerprint(path)
    if package not in app.registered_paths or inside not in app.registered_paths[package] or package not in sys.modules:
        return None, False
    return Path(sys.modules[package].__path__[0]) / inside, printed


def _suite_files(app: "Dash") -> list[Path]:
    paths = ((sys.modules[package], path) for package, inside in app.registered_paths.items() for path in inside)
    return [file for module, path in paths if (file := Path(module.__path__[0]) / path).is_file()]


def _on_error(error: Exception) -> None:
    """Log what a callback raised under a reference number; the page keeps what it shows."""
    import secrets

    import structlog

    structlog.get_logger().error("callback failed", reference=secrets.token_hex(4), exc_info=error)


def serve(name: str) -> None:
    """Run one process of an instance until it is told to stop; dies with its supervisor."""
    from workers import leash

    leash.tie_to_parent()
    started = time.monotonic()
    try:
        if name == "web":
            serve_web()
        elif name == "city":
            import_module("workers.city.__main__").main([])
        else:
            kind, _, which = name.partition("-")
            import_module(f"workers.{kind}").main(*([which] if which else []))
    except Exception:
        import logging

        logging.getLogger("muster").exception("%s failed", name)
        time.sleep(max(0.0, LEAST_LIFE_S - (time.monotonic() - started)))
        sys.exit(1)


def serve_web() -> None:
    """Serve HTTP and WebSockets."""
    import uvicorn

    from datasource.settings import load
    from workers.loop import configure_logging

    settings = load()
    configure_logging("web", level=settings.log_level)
    options: dict[str, Any] = {}
    if settings.tls:
        from datasource.tls import certificates

        made = certificates(settings)
        options = {"ssl_certfile": str(made.certificate), "ssl_keyfile": str(made.key)}
    uvicorn.run(
        create_server(settings),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=True,
        forwarded_allow_ips=settings.trusted_proxies,
        ws_max_size=256 * 1024,
        ws_per_message_deflate=False,
        ws_ping_interval=10,
        ws_ping_timeout=10,
        timeout_keep_alive=20,
        timeout_graceful_shutdown=3,
        **options,
    )


def main() -> None:
    """Run the command line."""
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    if len(sys.argv) == 3 and sys.argv[1] == "serve" and not sys.argv[2].startswith("-"):
        serve(sys.argv[2])
        return
    from workers.cli import cli

    cli(prog_name="muster")


if __name__ == "__main__":
    main()
