"""The fixtures of the contract tests live in ``tests/fixtures_store.py``, so that other suites can use them too."""

from tests.fixtures_store import databases as databases
from tests.fixtures_store import postgres as postgres
from tests.fixtures_store import redis_process as redis_process
from tests.fixtures_store import redis_server as redis_server
from tests.fixtures_store import sqlite_template as sqlite_template
from tests.fixtures_store import store as store
from tests.fixtures_store import stores as stores
