"""All plain routes of the web process in one place: the ingest API, the pages, health."""

from collections.abc import Iterable
from typing import NamedTuple

from starlette.applications import Starlette

from dashboard.config import Profile
from dashboard.domain.errors import Refused
from datasource.accounts import Accounts
from datasource.errors import Unavailable
from datasource.web import api
from datasource.web.api_gauge import DEFAULT_LIMITS, Limits
from datasource.web.api_wire import Wire
from datasource.web.door import COOKIE
from datasource.web.health import PROCESSES, Check, Health
from datasource.web.pages import Pages, on_fault
from datasource.web.problems import Problem


class Routes(NamedTuple):
    """What :func:`build_routes` has made, for whoever composes the process."""

    intake: api.Intake
    health: Health
    pages: Pages

    async def close(self) -> None:
        """Stop the gauge and let go of Redis; to be called when the process ends."""
        await self.intake.gauge.stop()
        await self.intake.wire.close()


def build_routes(
    app: Starlette,
    backend: api.Backend,
    accounts: Accounts,
    profile: Profile,
    *,
    screens: Iterable[str] = (),
    public_url: str = "",
    demo: bool = False,
    processes: Iterable[str] = PROCESSES,
    checks: dict[str, Check] | None = None,
    wire: Wire | None = None,
    limits: Limits = DEFAULT_LIMITS,
    cookie: str = COOKIE,
) -> Routes:
    """Add the routes to an application, before Dash adds its own that would answer for everything.

    ``screens`` are the names of the screens in the order of the cards on the home page; ``processes`` must beat for
    ``/readyz``, and ``checks`` adds parts to it.  Facts go to ``wire``, else to the backend's Redis.
    """
    intake = api.Intake(backend, profile, wire, limits)
    health = Health(intake.wire, intake.gauge, backend.store, backend.clock, processes=processes, checks=checks)
    pages = Pages(accounts, profile, backend.store, screens, cookie=cookie, public_url=public_url, demo=demo)
    app.router.routes.extend([*api.routes(intake, profile, cookie), *health.routes(), *pages.routes()])
    for fault in (Problem, Refused, Unavailable, Exception):
        app.add_exception_handler(fault, on_fault)
    return Routes(intake, health, pages)
