"""Faults of the outside world, in words the rest of the project may catch without knowing the technology."""


class Unavailable(Exception):
    """The database did not answer, or was busy for longer than we wait.

    The transaction did not happen, except when the connection broke during its commit: then nobody knows, and
    repeating it under the same idempotency key is the way on.
    """


class SchemaMismatch(RuntimeError):
    """The database has another schema than this program; the message says which, and what to do."""
