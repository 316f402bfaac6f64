"""Writes docs/reference.md: settings, commands and parameters, from the program itself (``make reference``)."""

import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

import msgspec  # noqa: E402

from dashboard.access import VIEWS, roles_that_may  # noqa: E402
from dashboard.config import PARAMETERS  # noqa: E402
from dashboard.domain import alert, camera, dispatch, dispute, incident, response  # noqa: E402
from dashboard.domain.commands import Command  # noqa: E402
from dashboard.handlers import HANDLERS  # noqa: E402
from datasource import settings  # noqa: E402
from workers import cli  # noqa: E402


def main() -> None:
    """Write the file."""
    (CHECKOUT / "docs" / "reference.md").write_text(reference())
    (CHECKOUT / "docs" / "lifecycles.md").write_text(lifecycles())


def reference() -> str:
    """Return the text of the reference."""
    return "\n".join(
        [
            "# Reference",
            "",
            "Generated from the program by `make reference`; a test keeps it true.",
            "",
            "## Commands",
            "",
            *_table(("command", "does"), [(f"`muster {name}`", meaning) for name, meaning in cli.commands()]),
            "",
            "`muster COMMAND --help` lists the options.",
            "",
            "## Settings",
            "",
            "From the environment. Each may come from a file: `MUSTER_SECRET_KEY_FILE=/run/secrets/key`.",
            "",
            *_table(("variable", "default", "meaning"), settings.table()),
            "",
            "## Parameters of a centre",
            "",
            "Deadlines, thresholds and switches. A profile sets them under `[parameters]`, and per response level, area and period;",
            "the later layer wins, and every answer can say why.",
            "",
            *_table(
                ("parameter", "default", "meaning"),
                [(f"`{n}`", _amount(p.default, p.unit), p.source) for n, p in PARAMETERS.items()],
            ),
            "",
            "## Roles and screens",
            "",
            "Within the area of the account; a phone page is for the unit it was paired with.",
            "",
            *_table(("screen", "who may"), [(f"`/{v}`", ", ".join(roles_that_may(f"view:{v}"))) for v in VIEWS]),
            "",
            "## Commands of the desk",
            "",
            "What can be asked of the centre; `?` marks what may be left out.",
            "",
            *_table(
                ("command", "says", "who may"),
                [
                    (f"`{kind.__name__}`", _fields(kind), ", ".join(roles_that_may(kind.__name__)) or "processes only")
                    for kind in HANDLERS
                ],
            ),
            "",
        ]
    )


def lifecycles() -> str:
    """Return the diagrams of every lifecycle, drawn from the tables that decide."""
    lines = [
        "# Lifecycles",
        "",
        "Drawn by `make reference` from the tables in `dashboard/domain`; a test keeps them true.",
        "",
    ]
    for module in (incident, dispatch, alert, camera, dispute, response):
        table = module.LIFECYCLE
        lines += [f"## {table.name}", "", "```mermaid", table.mermaid(), "```", ""]
    return "\n".join(lines)


def _fields(kind: type[Command]) -> str:
    common = set(Command.__struct_fields__)
    fields = [f for f in msgspec.structs.fields(kind) if f.name not in common]
    return ", ".join(f"`{f.name}`" + ("" if f.required else "?") for f in fields) or "–"


def _amount(value: float, unit: str) -> str:
    number = f"{value:,.0f}" if value == int(value) else f"{value:g}"
    return f"{number} {unit}".strip()


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    line = "| " + " | ".join(head) + " |"
    return [
        line,
        "|" + "---|" * len(head),
        *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows),
    ]


if __name__ == "__main__":
    main()
