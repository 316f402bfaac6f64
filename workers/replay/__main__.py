"""``muster replay``: the command line, its progress bar and its report."""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from datasource import settings as settings_module
from workers.replay import Mapping, MappingError, Summary, load_mapping, replay
from workers.replay.mapping import FOLDER
from workers.replay.send import Gone
from workers.replay.timing import FACT_SPAN_MS, FIX_SPAN_MS

SHOWN_REASONS = 8


class Bar:
    """Shows the phases of a replay as progress bars."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self._task: TaskID | None = None

    def phase(self, name: str, total: int) -> None:
        """Begin a bar; the one before it is complete."""
        self._finish()
        self._task = self._shown.add_task(name, total=total)

    def moved(self, done: int) -> None:
        """Move the bar."""
        if self._task is not None:
            self._shown.update(self._task, completed=done)

    def _finish(self) -> None:
        if self._task is not None:
            self._shown.update(self._task, completed=self._shown.tasks[self._task].total)


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay a file; returns the exit status: 0 done, 1 nothing could be done, 2 the centre refused some of it."""
    given = _arguments().parse_args(arguments)
    said = Console(stderr=True, highlight=False)
    try:
        mapping = load_mapping(given.mapping)
        if not given.file.is_file():
            raise FileNotFoundError(2, "no such file", str(given.file))
        here = settings_module.load()
        base_url = given.url or here.url
        token = given.token or _own_token(here, mapping, given.url)
        rejects = given.rejects or Path.cwd() / f"{given.file.name.split('.')[0]}.rejects.tsv"
        columns = (
            TextColumn("{task.description:>8}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=said, transient=True) as shown:
            summary = replay(
                given.file,
                mapping,
                base_url,
                token,
                speed=given.speed,
                shift_to=given.shift_to,
                progress=Bar(shown),
                limit=given.limit,
                rejects=rejects,
                ca_file=given.ca_file or _own_authority(here, given.url),
            )
    except (MappingError, settings_module.SettingsError, OSError) as error:
        lost = isinstance(error, Gone)
        said.print(f"[red]{'the centre does not take it: ' if lost else ''}[/]{error}", markup=True)
        return 1
    except KeyboardInterrupt:
        said.print("stopped; what was sent is kept, and starting again sends nothing twice")
        return 130
    report(summary, mapping, Console(highlight=False))
    return 2 if summary.refused else 0


def report(summary: Summary, mapping: Mapping, console: Console) -> None:
    """Print the counts and what could not be used."""
    console.print(f"{mapping.name}: {summary.file}, {summary.seconds:.0f} s", markup=False)
    table = Table(show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for what, count in summary.lines():
        table.add_row(what, count)
    console.print(table)
    if summary.pace < 1:
        limit = FIX_SPAN_MS if summary.positions else FACT_SPAN_MS
        console.print(
            f"The file spans more than {limit / 86_400_000:.3g} days: times were drawn together by {summary.pace:.3f}."
        )
    for reason, times in summary.reasons.most_common(SHOWN_REASONS):
        console.print(f"  {times:>8,} × {reason}", markup=False)
    if summary.rejects:
        console.print(f"Each with its line and reason: {summary.rejects}", markup=False, soft_wrap=True)


def _arguments() -> argparse.ArgumentParser:
    shipped = ", ".join(sorted(p.stem for p in FOLDER.glob("*.toml")))
    parser = argparse.ArgumentParser(
        prog="muster replay",
        description="Feed a CSV or TSV file (also gzipped) of incidents or positions through the API. "
        "Sent again, the same incidents and statuses have no second effect.",
    )
    parser.add_argument("file", type=Path, help="the file; its first line names the columns")
    parser.add_argument(
        "--mapping",
        required=True,
        metavar="MAP",
        help=f"TOML file that says what the columns mean, or a shipped one: {shipped}",
    )
    parser.add_argument(
        "--speed",
        type=_speed,
        default=1.0,
        metavar="N",
        help="seconds of the file per second (default 1); 0: as fast as possible",
    )
    parser.add_argument(
        "--shift-to",
        type=_instant,
        metavar="now|INSTANT",
        help="move the times: to now, or the first event to an instant (RFC 3339)",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="read only the first N rows")
    parser.add_argument(
        "--rejects", type=Path, metavar="FILE", help="where unusable rows are listed (default: FILE.rejects.tsv here)"
    )
    parser.add_argument("--url", help="address of another centre (default: this instance's); needs --token")
    parser.add_argument("--token", help="bearer token of the source (default: made for this instance)")
    parser.add_argument(
        "--ca-file", default="", metavar="PEM", help="authority of a centre with a certificate of its own"
    )
    return parser


def _own_token(here: settings_module.Settings, mapping: Mapping, url: str | None) -> str:
    """Make a token for the mapping's source at this instance."""
    if url:
        raise MappingError("--token: a bearer token of the other centre is expected with --url")
    if not (here.home_dir / "data").is_dir() and not here.database_url:
        raise MappingError(
            f"{here.home_dir}: no instance has been started here; start one with `muster up`, or give --url and --token"
        )
    from workers import prepare

    return prepare.source_token(here, mapping.source)


def _own_authority(here: settings_module.Settings, url: str | None) -> str:
    """Return the local authority of this instance, if it has made one."""
    if url or not here.tls or here.tls_cert:
        return ""
    from datasource.tls import certificates

    return str(certificates(here).authority or "")


def _speed(text: str) -> float:
    value = float(text)
    if value < 0:
        raise argparse.ArgumentTypeError("0 or more is expected")
    return value


def _instant(text: str) -> str | int:
    if text == "now":
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("now, or an instant such as 2026-11-23T08:00:00+08:00, is expected") from None
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("an offset is expected, as in 2026-11-23T08:00:00+08:00")
    return int(moment.timestamp() * 1000)


if __name__ == "__main__":
    sys.exit(main())
