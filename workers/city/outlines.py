"""Where the districts end, asked of the base map.

Run as a process of its own (``python -m workers.city.outlines``) that prints the rings and ends: what it takes to
make the base map would otherwise stay in the city's memory for good.
"""

import logging
import subprocess
import sys

import msgspec

from workers.city.land import Ring

_log = logging.getLogger(__name__)


def outlines(timeout_s: float = 120) -> dict[str, list[Ring]]:
    """Return the rings of each district by code; empty (and said so in the log) when there is no base map."""
    try:
        done = subprocess.run([sys.executable, "-m", __name__], capture_output=True, timeout=timeout_s, check=True)
        found = msgspec.msgpack.decode(done.stdout, type=dict[str, list[Ring]])
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode(errors="replace").strip().splitlines()[-1:]
        _log.warning("no base map (%s): districts are circles", *last or ["no reason given"])
        return {}
    except (OSError, subprocess.TimeoutExpired, msgspec.MsgspecError) as error:
        _log.warning("no base map (%s): districts are circles", error)
        return {}
    if not found:
        _log.warning("the base map has no areas: districts are circles")
    return found


def main() -> None:
    """Print the rings as msgpack."""
    from dashboard.config import load_profile
    from datasource import settings, shapes

    here = settings.load()
    found = shapes.load_for(here, load_profile(here.profile or "default"))
    rings = {area.code: [ring for polygon in area.polygons for ring in polygon.rings] for area in found.areas}
    sys.stdout.buffer.write(msgspec.msgpack.encode(rings))


if __name__ == "__main__":
    main()
