"""The ``muster`` command line: what each command takes, and who does it.

Everything heavy is imported inside the command that needs it, so that ``muster --help`` answers at once.
"""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.console import Console

from datasource.settings import SettingsError, load, load_running, make_home

cli = typer.Typer(
    name="muster",
    help="Muster, an emergency-dispatch command centre. State lives in one folder (MUSTER_HOME); every setting is in docs/reference.md.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

Port = Annotated[
    int | None, typer.Option("--port", "-p", help="Port of the web server (default 8050).", min=1, max=65535)
]


@cli.command()
def up(
    demo: Annotated[bool | None, typer.Option("--demo/--no-demo", help="With or without the simulated city.")] = None,
    port: Port = None,
    tls: Annotated[
        bool | None,
        typer.Option(
            "--tls/--no-tls",
            help="Serve HTTPS: own certificate (MUSTER_TLS_CERT, MUSTER_TLS_KEY) or a local authority.",
        ),
    ] = None,
    scale: Annotated[
        float | None, typer.Option(help="Size of the simulated city; 1 is 2,000 units and 4,000 cameras.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Profile of the centre: a TOML file or a name.")] = None,
) -> None:
    """Start everything, and stay until Ctrl-C."""
    with _said_plainly():
        settings = load(demo=demo, port=port, tls=tls, city_scale=scale, profile=profile)
        from workers.up import up as run

        raise typer.Exit(run(settings, Console()))


@cli.command()
def migrate() -> None:
    """Bring the database to the version of this program, under a lock."""
    with _said_plainly():
        settings = load()
        make_home(settings)
        from workers import prepare

        Console().print(prepare.migrate(settings), highlight=False)


@cli.command()
def check(
    profile: Annotated[
        str, typer.Argument(help="A TOML file or the name of a profile; default: the one of the settings.")
    ] = "",
) -> None:
    """Check the settings and a profile; errors name file, key and expectation."""
    with _said_plainly():
        settings = load()
        from dashboard.config import load_profile

        name = profile or settings.profile
        found = load_profile(name)
        Console().print(
            f"{name}: in order ({found.name}, {len(found.categories)} categories, {len(found.run_cards)} run cards)",
            highlight=False,
        )


@cli.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def replay(context: typer.Context) -> None:
    """Feed a CSV or TSV file of incidents or positions through the API (muster replay FILE --mapping MAP.toml)."""
    from workers.replay import __main__ as program

    raise typer.Exit(program.main(context.args) or 0)


@cli.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def city(context: typer.Context) -> None:
    """Run the simulated city against a centre, through its public API."""
    from workers.city import __main__ as program

    raise typer.Exit(program.main(context.args) or 0)


@cli.command()
def link(
    user: Annotated[str, typer.Option(help="Sign in as this account.")] = "",
    role: Annotated[str, typer.Option(help="Make (or take) the account of this role.")] = "",
) -> None:
    """Print a sign-in link that works once."""
    with _said_plainly():
        settings = load_running()
        from workers import prepare

        print(prepare.sign_in_link(settings, user=user, role=role))


@cli.command()
def pair(unit: Annotated[str, typer.Argument(help="The unit whose phone is paired.")]) -> None:
    """Print a link (and QR code) that pairs a phone with a unit, once."""
    with _said_plainly():
        settings = load_running()
        from workers import prepare

        address = prepare.pairing_link(settings, unit)
        print(address)
        if sys.stdout.isatty():
            import segno

            segno.make(address).terminal(compact=True)


@cli.command()
def token(
    source: Annotated[str, typer.Argument(help="The source the token is for (as in the profile, or a new one).")],
    area: Annotated[str, typer.Option(help="The area it may report in; default: the whole centre.")] = "",
) -> None:
    """Print a new bearer token for a source; it is not kept in clear and cannot be shown again."""
    with _said_plainly():
        settings = load_running()
        from workers import prepare

        print(prepare.source_token(settings, source, area))


@cli.command()
def letters(
    again: Annotated[str, typer.Option("--replay", help="Send one again by its id, or all of them: `all`.")] = "",
) -> None:
    """List the facts that could not be applied, with the reason; send them again when the cause is gone."""
    with _said_plainly():
        settings = load_running()
        from workers import dead_letters

        console, language = Console(), _language()
        if again:
            sent = dead_letters.send_again(settings, again)
            console.print(f"{sent} sent again", highlight=False)
            return
        for line in dead_letters.listed(settings, language):
            console.print(line, highlight=False, markup=False, soft_wrap=True)


@cli.command()
def erase(
    id: Annotated[str, typer.Argument(help="An incident (INC-…), a case (DS-…) or a dead letter.")],
) -> None:
    """Forget the persons of a case for good: their key is destroyed, everything else stays."""
    with _said_plainly():
        settings = load_running()
        from workers import erasing

        keys = erasing.erase(settings, id)
        said = f"erased, {keys} key{'s' if keys > 1 else ''} destroyed" if keys else "nothing to erase"
        Console().print(f"{id}: {said}", highlight=False)


@cli.command(name="prepare", hidden=True)
def prepare_command() -> None:
    """Make the instance ready to start (called by ``muster up``); prints JSON."""
    with _said_plainly():
        settings = load()
        from workers import prepare

        said: dict[str, Any] = prepare.prepare(settings)
        print(json.dumps(said))


@cli.command()
def serve(
    name: Annotated[
        str, typer.Argument(help="web, ingest, track, relay, watch, gateway, deliver-<destination> or city")
    ],
) -> None:
    """Run one process in the foreground, for instances spread over several machines."""
    # `app.py` answers this before the command line is read; it stands here to be listed.
    raise typer.BadParameter(name)


@contextmanager
def _said_plainly() -> Iterator[None]:
    """Turn errors that a person can do something about into one sentence on stderr and exit status 1."""
    from dashboard.config import ProfileError
    from dashboard.domain.errors import Refused
    from dashboard.i18n import text
    from datasource.errors import SchemaMismatch, Unavailable

    try:
        yield
    except (SettingsError, ProfileError, SchemaMismatch, Unavailable) as error:
        said = str(error) or type(error).__name__
    except Refused as refusal:
        said = text(refusal.key, _language(), **refusal.params)
    else:
        return
    Console(stderr=True).print(said, style="red", highlight=False, markup=False)
    raise typer.Exit(1)


def _language() -> str:
    return "zh-CN" if os.environ.get("LC_ALL", os.environ.get("LANG", "")).startswith("zh") else "en"


def commands() -> list[tuple[str, str]]:
    """List the commands with their one line of help, for the reference."""
    listed = []
    for command in cli.registered_commands:
        if not command.hidden and command.callback is not None:
            name = command.name or command.callback.__name__
            listed.append((name, (command.callback.__doc__ or "").strip().splitlines()[0]))
    return listed
