"""The wake-up call for delivery workers, through RQ: one queue per destination.

It may lose everything at any time.  What is owed stands in SQL: the relay asks again after a wipe, and ``workers/watch``
starts a new attempt (with a new job id) for an order nobody has claimed.
"""

from redis import Redis
from rq import Queue, Retry
from rq.exceptions import DuplicateJobError

FUNCTION = "workers.deliver.deliver_order"
JOB_TIMEOUT_S = 30
# A job's id is taken for as long as its hash lives, so it must not outlive the job by more than moments; RQ would keep a
# failed one for a year, and one that was lost with its worker for ever.
GONE_S = 1
WAITING_S = 600


def queue_name(destination: str) -> str:
    """Name the queue of a destination."""
    return f"deliver-{destination}"


def job_id(order_id: str, attempt: int) -> str:
    """Name the one job of an attempt."""
    return f"o{order_id}-a{attempt}"


class RqJobs:
    """The ``Jobs`` over RQ; ``client`` must not decode answers."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._queues: dict[str, Queue] = {}

    def enqueue(self, destination: str, order_id: str, attempt: int) -> None:
        """Ask for one delivery attempt; while it waits or runs, asking again changes nothing."""
        queue = self._queues.get(destination)
        if queue is None:
            queue = self._queues[destination] = Queue(queue_name(destination), connection=self._client)
        try:
            queue.enqueue_call(
                FUNCTION,
                args=(order_id, attempt),
                job_id=job_id(order_id, attempt),
                unique=True,
                timeout=JOB_TIMEOUT_S,
                ttl=WAITING_S,
                result_ttl=0,
                failure_ttl=GONE_S,
                # For a worker that is killed at work; what fails by itself is tried again by the clock, not by RQ.
                retry=Retry(max=2),
                description=order_id,
            )
        except DuplicateJobError:
            pass
