"""``python -m workers.city`` (also ``muster city``): run the simulated city against a centre."""

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from dashboard.config import load_profile
from datasource import settings as settings_module
from workers.city.duty_desk import DeskAccess, staffing
from workers.city.run import run_city


class Access(msgspec.Struct, frozen=True):
    """The file that ``muster up`` writes for the city: where the centre is, a token for each source, the duty desk's link."""

    base_url: str
    tokens: dict[str, str]
    ca_file: str = ""
    desk: DeskAccess | None = None


def read_access(path: Path) -> Access:
    """Read the file; raises ValueError naming it and what is wrong."""
    try:
        access = msgspec.json.decode(path.read_bytes(), type=Access)
    except FileNotFoundError:
        raise ValueError(f"{path}: there is no such file; `muster up --demo` writes it") from None
    except (OSError, msgspec.MsgspecError) as error:
        raise ValueError(f"{path}: {error}") from None
    if not access.base_url.startswith(("http://", "https://")):
        raise ValueError(f"{path}: base_url: an http:// or https:// address is expected")
    if not access.tokens:
        raise ValueError(f"{path}: tokens: a token for at least one source is expected")
    return access


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the city; returns the exit status."""
    parser = argparse.ArgumentParser(
        prog="muster city", description="The simulated city: 2,000 units and 4,000 cameras at scale 1."
    )
    parser.add_argument(
        "--access", type=Path, help="JSON file with base_url and tokens (default: run/city.json in MUSTER_HOME)"
    )
    parser.add_argument("--scale", type=_positive, help="1 is a district's force (MUSTER_CITY_SCALE)")
    parser.add_argument("--seed", type=int, help="the same seed gives the same city (MUSTER_CITY_SEED)")
    parser.add_argument("--speed", type=_positive, help="city seconds per second (MUSTER_CITY_SPEED)")
    parser.add_argument(
        "--position-rate", type=_positive, metavar="N", help="report N positions a second, whatever the units do"
    )
    parser.add_argument("--no-memory", action="store_true", help="neither read nor write what outlives a restart")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        here = settings_module.load(city_scale=given.scale, city_seed=given.seed, city_speed=given.speed)
        access = read_access(given.access or here.run_dir / "city.json")
        profile = load_profile(here.profile or "default")
    except ValueError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    staff = None
    if access.desk is not None and here.city_duty:
        session_file = here.run_dir / "city-session.json"
        staff = staffing(access.desk, access.base_url, access.ca_file, session_file, here.city_seed, profile)
    run_city(
        access.base_url,
        access.tokens,
        scale=here.city_scale,
        seed=here.city_seed,
        speed=here.city_speed,
        position_rate=given.position_rate or here.city_position_rate or None,
        steps=profile.workflows[profile.workflow].steps,
        memory_file=None if given.no_memory else here.data_dir / "city.json",
        ca_file=access.ca_file,
        staff=staff,
    )
    return 0


def _positive(text: str) -> float:
    value = float(text)
    if value <= 0:
        raise argparse.ArgumentTypeError("more than 0 is expected")
    return value


if __name__ == "__main__":
    sys.exit(main())
