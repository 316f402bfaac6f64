"""Leases and the streams they fence.

A lease says who runs a loop now; its epoch grows whenever it passes to somebody else.  The offset row of a stream
carries the epoch of the one writer that may move it, and taking a lease over writes the new epoch there in the same
transaction: a process that was frozen and wakes up finds its epoch refused by ``Tx.advance``, with everything else it
wanted to commit, before the new holder has even read its first entry.

A holder's name must be new for each run of a process (``ingest-<pid>-<random>``): the epoch stays when the same
holder renews, even late.
"""

# Lease → streams whose offset its holder moves.  A lease not named here fences the stream of its own name.
STREAMS: dict[str, tuple[str, ...]] = {"ingest": ("facts",), "track": ("positions",)}


def streams_of(lease: str) -> tuple[str, ...]:
    """List the streams that a lease fences."""
    return STREAMS.get(lease, (lease,))
