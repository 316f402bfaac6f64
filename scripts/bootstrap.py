"""Makes the environment: the virtual environment, the locked packages, the ``muster`` command; quick when nothing has changed.

Standard library only: it runs before anything is installed.  With ``--system`` also the programs that tests
need.  What root would install is installed when we are root, and otherwise printed as the one line that does it.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
NEEDED = (3, 11)


def main() -> None:
    """Bring the environment up to the given lock file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--venv", default=".venv")
    parser.add_argument("--system", action="store_true", help="also install the programs that tests need")
    parser.add_argument("lock", help="requirements.txt or requirements-dev.txt")
    wanted = parser.parse_args()
    venv = (CHECKOUT / wanted.venv).resolve()
    if wanted.system:
        install_programs()
    lock = CHECKOUT / wanted.lock
    if is_current(venv, lock):
        return
    started = time.monotonic()
    make_venv(venv)
    install_packages(venv, lock)
    write_command(venv)
    for done in {lock, CHECKOUT / "requirements.txt"}:  # what developing needs includes what running needs
        stamp(venv, done).write_text(mark(venv, done))
    say(f"environment ready in {time.monotonic() - started:.0f} s ({venv})")


def stamp(venv: Path, lock: Path) -> Path:
    """Return the file that remembers which lock file was installed."""
    return venv / f".muster-{lock.stem}"


def mark(venv: Path, lock: Path) -> str:
    """Return what identifies an installation: the lock file, the Python and the place."""
    return hashlib.sha256(lock.read_bytes() + f"{sys.version} {venv}".encode()).hexdigest()


def is_current(venv: Path, lock: Path) -> bool:
    """Say whether this lock file is already installed."""
    return stamp(venv, lock).exists() and stamp(venv, lock).read_text() == mark(venv, lock)


def make_venv(venv: Path) -> None:
    """Make the virtual environment, anew when it belongs to another Python or another place."""
    made_for = venv / ".muster-python"
    this = f"{sys.version} {venv}"
    if made_for.exists() and made_for.read_text() == this and (venv / "bin" / "python").exists():
        return
    if subprocess.run([sys.executable, "-c", "import venv, ensurepip"], capture_output=True).returncode != 0:
        need_packages([f"python3.{sys.version_info.minor}-venv"], "to make a virtual environment")
    say(f"making the environment with Python {sys.version.split()[0]} …")
    made = subprocess.run([sys.executable, "-m", "venv", "--clear", str(venv)], capture_output=True, text=True)
    if made.returncode != 0:
        fail(f"cannot make {venv}:\n{made.stdout}{made.stderr}")
    made_for.write_text(this)


def install_packages(venv: Path, lock: Path) -> None:
    """Install exactly what the lock file says, checked by hash, showing how far it is."""
    total = len(re.findall(r"(?m)^[a-z0-9][^\s;]*==", lock.read_text()))
    say(f"installing {total} packages from {lock.name} …")
    command = [
        str(venv / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--require-hashes",
        "--disable-pip-version-check",
        "--no-input",
        "--progress-bar",
        "off",
        "-r",
        str(lock),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=CHECKOUT) as pip:
        seen = 0
        told: list[str] = []
        for line in pip.stdout or ():
            told.append(line)
            if found := re.match(r"Collecting ([A-Za-z0-9._-]+)", line):
                seen += 1
                progress(seen, total, found[1])
            elif line.startswith("Installing collected packages"):
                progress(total, total, "unpacking")
    print(flush=True) if sys.stdout.isatty() else None
    if pip.returncode != 0:
        fail("pip could not install the packages:\n" + "".join(told[-25:]))


def write_command(venv: Path) -> None:
    """Put the ``muster`` command into the environment."""
    command = venv / "bin" / "muster"
    command.write_text(f'#!/bin/sh\nexec "{venv}/bin/python" "{CHECKOUT}/app.py" "$@"\n')
    command.chmod(0o755)


def install_programs() -> None:
    """See to the browser, PostgreSQL, Redis and node that tests use."""
    missing = []
    if not works(os.environ.get("MUSTER_TEST_CHROME") or first("chromium", "google-chrome", "chromium-browser")):
        missing.append("chromium-browser" if is_ubuntu() else "chromium")
    if not works(os.environ.get("MUSTER_TEST_CHROMEDRIVER") or first("chromedriver", "chromium.chromedriver")):
        missing.append("chromium-chromedriver" if is_ubuntu() else "chromium-driver")
    if not first("postgres") and not list(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        missing.append("postgresql")
    if not first("redis-server"):
        missing.append("redis-server")
    if not first("node"):
        missing.append("nodejs")
    if missing:
        need_packages(missing, "for the tests")
        if not works(os.environ.get("MUSTER_TEST_CHROME") or first("chromium", "google-chrome", "chromium-browser")):
            fail(
                "the browser that was installed does not start (Ubuntu's is a snap); install Chrome and chromedriver and set MUSTER_TEST_CHROME and MUSTER_TEST_CHROMEDRIVER"
            )


def need_packages(names: list[str], what_for: str) -> None:
    """Install Debian packages when we are root; otherwise print the one line that does, and end."""
    line = f"apt-get install -y --no-install-recommends {' '.join(names)}"
    if os.getuid() != 0 or not shutil.which("apt-get"):
        fail(f"missing {what_for}: {', '.join(names)}. This installs it:\n\n    sudo {line}\n")
    say(f"installing {', '.join(names)} {what_for} …")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    told = ""
    for attempt in (line, f"apt-get update && {line}"):
        done = subprocess.run(["sh", "-c", attempt], env=env, capture_output=True, text=True)
        told = done.stdout + done.stderr
        if done.returncode == 0:
            return
    fail(f"`{line}` failed:\n{told[-2000:]}")


def first(*names: str) -> str | None:
    """Return the first of these programs that is on the path."""
    return next((found for name in names if (found := shutil.which(name))), None)


def works(program: str | None) -> bool:
    """Say whether a program starts (Ubuntu's chromium may be a stub that only says how to get the snap)."""
    if not program:
        return False
    try:
        return subprocess.run([program, "--version"], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def is_ubuntu() -> bool:
    """Say whether this is Ubuntu, whose browser packages have other names."""
    release = Path("/etc/os-release")
    return release.exists() and re.search(r"(?m)^ID=ubuntu", release.read_text()) is not None


def progress(done: int, total: int, name: str) -> None:
    """Show how far the installation is: one moving line on a terminal, a line now and then in a log."""
    done = min(done, total)
    if sys.stdout.isatty():
        print(f"\r\033[K  [{done:3d}/{total}] {name}", end="", flush=True)
    elif done % 20 == 0 or done == total:
        print(f"  [{done:3d}/{total}] {name}", flush=True)


def say(text: str) -> None:
    """Tell the person at the terminal."""
    print(f"muster: {text}", flush=True)


def fail(text: str) -> None:
    """End with a message."""
    sys.exit(f"muster: {text}")


if __name__ == "__main__":
    main()
