"""Names of things: numbers people read aloud, and ids that make a repeated message harmless."""

import hashlib
import secrets
from datetime import date


def number(series: str, day: date, n: int) -> str:
    """Return the number of the n-th thing of a day, e.g. ``INC-20261123-0042``."""
    return f"{series}-{day:%Y%m%d}-{n:04d}"


def short(number: str) -> str:
    """Return how a number is said and shown within the year: ``INC-1123-0042``."""
    series, _, rest = number.partition("-")
    return f"{series}-{rest[4:]}" if len(rest) > 8 and rest[:8].isdigit() else number


def derived(prefix: str, *parts: str) -> str:
    """Return the id that a message with these parts always gets, so that sending it twice is sending it once."""
    digest = hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
    return f"{prefix}-{digest[:20]}"


def fresh(prefix: str) -> str:
    """Return an id nobody else has."""
    return f"{prefix}-{secrets.token_hex(10)}"
