"""Writes requirements.txt and requirements-dev.txt: every version and hash, for Python 3.11 to 3.13, and no trace of where they came from.

The index is taken from pip's own configuration at call time and handed on; uv does not read that configuration.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Lock both files; with ``--upgrade`` to the newest versions."""
    options = [
        "--generate-hashes", "--universal", "--python-version", "3.11", "--no-emit-index-url", "--no-emit-find-links",
        "--no-header", "--no-annotate", "--quiet", *sys.argv[1:],
    ]  # fmt: skip
    env = os.environ | index_of_pip()
    for source, target, extra in (
        ("requirements.in", "requirements.txt", []),
        ("requirements-dev.in", "requirements-dev.txt", ["--constraint", "requirements.txt"]),
    ):
        uv = [sys.executable, "-m", "uv", "pip", "compile", *options, *extra, source, "--output-file", target]
        subprocess.run(uv, cwd=CHECKOUT, env=env, check=True)
        check(CHECKOUT / target)


def index_of_pip() -> dict[str, str]:
    """Return uv's variable for the index that pip is configured to use, if any."""
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"(?m)^\S*\.index-url='([^']+)'", asked)
    return {"UV_DEFAULT_INDEX": found[1]} if found else {}


def check(lock: Path) -> None:
    """Refuse a lock file that names a server or a folder."""
    text = lock.read_text()
    if re.search(r"https?://|file://|--(extra-)?index-url|--find-links", text):
        sys.exit(f"{lock.name} names where packages came from")
    print(f"{lock.name}: {len(re.findall(r'(?m)^[a-z0-9][^ ]*==', text))} packages")


if __name__ == "__main__":
    main()
