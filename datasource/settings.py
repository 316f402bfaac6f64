"""Settings of one Muster instance, read from the environment (``MUSTER_*``).

Everything that differs between two instances stands here, once: name, meaning, default and check.  ``docs/reference.md``
is generated from :func:`table`.  Any setting may come from a file instead: ``MUSTER_SECRET_KEY_FILE=/run/secrets/key``
reads ``MUSTER_SECRET_KEY`` from that file.

Kept free of pydantic on purpose: every worker imports this module, and pydantic-settings alone costs each of
them a dozen megabytes; msgspec, which the domain uses anyway, does the same checks.
"""

import difflib
import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

CHECKOUT = Path(__file__).resolve().parent.parent

# A unix socket's path fits in 108 bytes with its final zero; supervisor adds ".<pid>" to the name while it starts.
SOCKET_PATH_LIMIT = 107 - len(".4194304")
_LONGEST_SOCKET = "supervisor.sock"


# What `environment` of an instance must not be written anywhere; addresses may carry a password.
_SECRETS = ("MUSTER_SECRET_KEY", "MUSTER_DATABASE_URL", "MUSTER_POSITIONS_URL", "MUSTER_REDIS_URL")


class SettingsError(ValueError):
    """A setting cannot be used; the message names the variable and what is expected."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """One instance: where its state lives, what it speaks to, how it is reached."""

    home: Annotated[
        str,
        Meta(
            description="Folder with everything this instance keeps: database, stream files, keys, logs, sockets. Made private to its owner."
        ),
    ] = str(CHECKOUT / ".muster")
    host: Annotated[str, Meta(description="Address to listen on. `127.0.0.1` keeps the centre to this machine.")] = (
        "0.0.0.0"
    )
    port: Annotated[
        int,
        Meta(
            ge=1,
            le=65535,
            description="Port of the web server. Plain `PORT` is read too when `MUSTER_PORT` is not set.",
        ),
    ] = 8050
    public_url: Annotated[
        str,
        Meta(
            description="Address under which browsers and phones reach the centre (behind a proxy), used in links. Empty: derived from host and port."
        ),
    ] = ""
    trusted_proxies: Annotated[
        str, Meta(description="Addresses, separated by commas, whose `X-Forwarded-*` headers are believed.")
    ] = "127.0.0.1"
    redis_url: Annotated[
        str,
        Meta(
            description="Redis to use (`redis://`, `rediss://`, `unix://`). Empty: an own Redis is started on a unix socket in the home folder."
        ),
    ] = ""
    database_url: Annotated[
        str,
        Meta(
            description="SQLAlchemy address of the database, SQLite or PostgreSQL (`postgresql+psycopg://…`). Empty: a SQLite file in the home folder."
        ),
    ] = ""
    positions_url: Annotated[
        str,
        Meta(
            description="Where unit tracks are kept. Empty: the database itself on PostgreSQL, else a SQLite file of its own, so that tracks never delay an order."
        ),
    ] = ""
    secret_key: Annotated[
        str,
        Meta(
            description="Secret, at least 32 characters, under which the keys of personal data are wrapped; lose it and they cannot be read again. Empty: made at the first start and kept in the home folder (`secret.key`)."
        ),
    ] = ""
    profile: Annotated[
        str, Meta(description="Profile of the centre: a TOML file, or the name of one that comes with Muster.")
    ] = "default"
    demo: Annotated[bool, Meta(description="Run the simulated city, and mark every screen as a demonstration.")] = False
    city_scale: Annotated[
        float,
        Meta(gt=0, le=20, description="Size of the simulated city: 1 is a district of 2,000 units and 4,000 cameras."),
    ] = 1.0
    city_speed: Annotated[float, Meta(gt=0, le=3600, description="Clock speed of the simulated city.")] = 1.0
    city_position_rate: Annotated[
        float, Meta(ge=0, description="Positions a second of the simulated city; 0: as its units move.")
    ] = 0.0
    city_duty: Annotated[
        bool,
        Meta(
            description="Staff the simulated city with a duty desk that takes incidents, sends units and closes; what people own it leaves alone."
        ),
    ] = True
    city_seed: Annotated[int, Meta(description="Seed of the simulated city; the same seed gives the same city.")] = 1
    tls: Annotated[
        bool, Meta(description="Serve HTTPS, which phones need for location, off-line use and screen lock.")
    ] = False
    tls_cert: Annotated[
        str,
        Meta(
            description="Certificate chain (PEM file). Empty with `MUSTER_TLS=1`: one is issued by a local authority made for this instance."
        ),
    ] = ""
    tls_key: Annotated[str, Meta(description="Private key (PEM file) of `MUSTER_TLS_CERT`.")] = ""
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least severe message that is logged.")
    ] = "info"

    # Paths and addresses that follow from the settings.

    @property
    def home_dir(self) -> Path:
        """Return the home folder as an absolute path."""
        return Path(self.home).expanduser().resolve()

    @property
    def run_dir(self) -> Path:
        """Return the folder of pid files, locks and generated configuration."""
        return self.home_dir / "run"

    @property
    def log_dir(self) -> Path:
        """Return the folder of log files."""
        return self.home_dir / "log"

    @property
    def data_dir(self) -> Path:
        """Return the folder of the SQLite files."""
        return self.home_dir / "data"

    @property
    def cache_dir(self) -> Path:
        """Return the folder of what can be made again at any time (shapes, compressed assets)."""
        return self.home_dir / "cache"

    @property
    def socket_dir(self) -> Path:
        """Return the folder of unix sockets: the run folder, or a short private one when that path is too long for a socket."""
        if len(os.fsencode(self.run_dir / _LONGEST_SOCKET)) <= SOCKET_PATH_LIMIT:
            return self.run_dir
        mark = hashlib.sha256(os.fsencode(self.home_dir)).hexdigest()[:12]
        folder = tempfile.gettempdir()
        return Path(folder if len(folder) < 40 else "/tmp") / f"muster-{os.getuid()}-{mark}"  # noqa: S108

    @property
    def embedded_redis(self) -> bool:
        """Say whether this instance runs a Redis of its own."""
        return not self.redis_url

    @property
    def redis(self) -> str:
        """Return the address of Redis."""
        return self.redis_url or f"unix://{self.socket_dir / 'redis.sock'}"

    @property
    def database(self) -> str:
        """Return the address of the database."""
        return self.database_url or f"sqlite:///{self.data_dir / 'muster.db'}"

    @property
    def positions(self) -> str:
        """Return the address of the track store."""
        if self.positions_url:
            return self.positions_url
        return f"sqlite:///{self.data_dir / 'positions.db'}" if self.database.startswith("sqlite") else self.database

    @property
    def gateway_socket(self) -> Path:
        """Return the unix socket on which the gateway process answers ``/terminal``."""
        return self.socket_dir / "gateway.sock"

    @property
    def scheme(self) -> str:
        """Return ``https`` or ``http``."""
        return "https" if self.tls else "http"

    @property
    def url(self) -> str:
        """Return the address to print and to put into links, without a trailing slash."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::", "") else self.host
        return f"{self.scheme}://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def cookie(self) -> str:
        """Return the name of the session cookie.

        Cookies know no ports: two centres on one machine must not sign each other out, hence the port in it.  It is the
        port that browsers see, so that all web processes behind one public address know the same sessions.
        """
        seen = urlsplit(self.url)
        return f"muster-{seen.port or (443 if seen.scheme == 'https' else 80)}"

    def secret(self) -> str:
        """Return the secret key from the environment or the home folder; raises SettingsError when there is none yet."""
        if self.secret_key:
            return self.secret_key
        try:
            return (self.home_dir / "secret.key").read_text().strip()
        except FileNotFoundError:
            raise SettingsError(
                f"MUSTER_SECRET_KEY is not set and {self.home_dir / 'secret.key'} does not exist; `muster up` makes it"
            ) from None

    def environment(self) -> dict[str, str]:
        """Return the variables that give a child process these same settings."""
        return {variable(name): _as_text(getattr(self, name)) for name in self.__struct_fields__}


def note_running(settings: Settings) -> None:
    """Write down with which settings this instance runs, so that commands in another terminal find it (secrets stay out)."""
    kept = {name: value for name, value in settings.environment().items() if name not in _SECRETS}
    path = settings.run_dir / "instance.json"
    path.write_bytes(msgspec.json.encode(kept))
    path.chmod(0o600)


def load_running(env: Mapping[str, str] | None = None) -> Settings:
    """Read the settings as :func:`load` does, with those of the instance last started in this home as defaults."""
    env = os.environ if env is None else env
    here = load(env)
    try:
        kept = msgspec.json.decode((here.run_dir / "instance.json").read_bytes(), type=dict[str, str])
    except (OSError, msgspec.MsgspecError):
        return here
    return load({**kept, **env, "MUSTER_HOME": str(here.home_dir)})


def variable(name: str) -> str:
    """Return the environment variable of a setting."""
    return f"MUSTER_{name.upper()}"


def load(env: Mapping[str, str] | None = None, **overrides: Any) -> Settings:
    """Read the settings from ``env`` (default: the process environment); ``overrides`` (None: not given) win.

    Raises SettingsError naming the variable and what it should hold.
    """
    env = os.environ if env is None else env
    raw: dict[str, Any] = {}
    for name in Settings.__struct_fields__:
        text = _read(env, variable(name))
        if text is None and name == "port":
            text = _read(env, "PORT")
        if text is not None and (text != "" or name == "home"):
            raw[name] = text
    raw |= {name: value for name, value in overrides.items() if value is not None}
    settings = _convert(raw)
    if settings.secret_key and len(settings.secret_key) < 32:
        raise SettingsError(f"MUSTER_SECRET_KEY has {len(settings.secret_key)} characters; at least 32 are needed")
    if bool(settings.tls_cert) != bool(settings.tls_key):
        raise SettingsError("MUSTER_TLS_CERT and MUSTER_TLS_KEY belong together: set both or neither")
    return settings


def unknown(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return ``MUSTER_*`` variables nobody reads, each with the setting that was probably meant (or '')."""
    known = [variable(name) for name in Settings.__struct_fields__]
    names = [name for name in (os.environ if env is None else env) if name.startswith("MUSTER_")]
    strangers = [
        n
        for n in names
        if n.removesuffix("_FILE") not in known and not n.startswith(("MUSTER_TEST_", "MUSTER_SUPERVISOR_"))
    ]
    return {name: next(iter(difflib.get_close_matches(name, known, 1)), "") for name in strangers}


def make_home(settings: Settings) -> None:
    """Make the folders of the instance, private to their owner, and the secret key when there is none."""
    home = settings.home_dir
    for folder in (home, settings.run_dir, settings.log_dir, settings.data_dir, settings.cache_dir, home / "redis"):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
    sockets = settings.socket_dir
    if sockets != settings.run_dir:
        sockets.mkdir(mode=0o700, exist_ok=True)
        found = sockets.lstat()
        # /tmp belongs to everybody: somebody else's folder of that name would hand them our sockets.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise SettingsError(
                f"{sockets} is not a private folder of ours; remove it, or choose a shorter MUSTER_HOME"
            )
    key = home / "secret.key"
    if not settings.secret_key and not key.exists():
        fresh = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fresh, "w") as file:
            file.write(os.urandom(32).hex() + "\n")
            file.flush()
            os.fsync(file.fileno())


def table() -> list[tuple[str, str, str]]:
    """List every setting as (variable, default, meaning), in order of declaration."""
    rows = []
    for field in msgspec.structs.fields(Settings):
        default = (
            "`.muster` in the checkout"
            if field.name == "home"
            else f"`{text}`"
            if (text := _as_text(field.default))
            else "–"
        )
        rows.append((variable(field.name), default, _description(field.type)))
    return rows


def _description(kind: Any) -> str:
    return " ".join(meta.description for meta in kind.__metadata__ if meta.description)


def _as_text(value: Any) -> str:
    return ("1" if value else "0") if isinstance(value, bool) else str(value)


def _read(env: Mapping[str, str], name: str) -> str | None:
    if name in env:
        return env[name].strip()
    path = env.get(f"{name}_FILE")
    if not path:
        return None
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise SettingsError(f"{name}_FILE names {path}, which cannot be read: {error.strerror}") from None


def _convert(raw: dict[str, Any]) -> Settings:
    for name, value in raw.items():
        if (
            isinstance(value, str)
            and value.lower() in ("yes", "on", "no", "off")
            and name in ("demo", "tls", "city_duty")
        ):
            raw[name] = value.lower() in ("yes", "on")
    for name, value in raw.items():
        kind = next(field.type for field in msgspec.structs.fields(Settings) if field.name == name)
        try:
            msgspec.convert(value, kind, strict=False)
        except msgspec.ValidationError as error:
            raise SettingsError(f"{variable(name)}={value}: {_expectation(str(error))}") from None
    return msgspec.convert(raw, Settings, strict=False)


def _expectation(message: str) -> str:
    """Say msgspec's complaint in the words of this page."""
    if message.startswith("Invalid enum value"):
        return "debug, info, warning or error is expected"
    wanted = message.removeprefix("Expected ").split(", got")[0]
    for kind, words in (("`int`", "a whole number"), ("`float`", "a number"), ("`bool`", "1 or 0")):
        wanted = wanted.replace(kind, words)
    return f"{wanted} is expected"
