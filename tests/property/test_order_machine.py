"""Whatever happens in whatever order, an order is never lost, never acted on twice, and never goes back."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from dashboard.domain import commands as c
from dashboard.domain import dispatch
from dashboard.domain.errors import Refused
from tests.unit.desk_scenes import COMMANDER, WORKER, Scene, phone

RANK = {
    s: i for i, s in enumerate(("queued", "sending", "sent", "delivered", "read", "accepted", "en_route", "on_scene"))
}


class Orders(RuleBasedStateMachine):
    """Commanders, workers with good and old attempts, units with receipts in any order, and the clock."""

    orders = Bundle("orders")

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene()
        self.scene.units("U1", "U2", "U3")
        self.incident = self.scene.report()
        self.answered: dict[str, str] = {}
        self.attempts: dict[str, int] = {}
        self.claimed: dict[tuple[str, int], int] = {}

    @rule(target=orders, unit=st.sampled_from(["U1", "U2", "U3"]))
    def send(self, unit):
        try:
            return self.scene.order(self.incident, unit, confirm_busy=True)
        except Refused:
            return ""

    @rule(order=orders, back=st.integers(0, 2))
    def claim(self, order, back):
        if not order:
            return
        attempt = self.scene.get("order", order).attempt - back
        got = self.scene.do(c.ClaimOrder(order_id=order, attempt=attempt, worker="w"), WORKER).id
        if got:
            key = (order, attempt)
            self.claimed[key] = self.claimed.get(key, 0) + 1
            assert back == 0, "an old attempt was given to a worker"

    @rule(order=orders, back=st.integers(0, 1), ok=st.booleans())
    def report_of_the_channel(self, order, back, ok):
        if not order:
            return
        attempt = self.scene.get("order", order).attempt - back
        command = (
            c.RecordSent(order_id=order, attempt=attempt)
            if ok
            else c.RecordAttemptFailed(order_id=order, attempt=attempt, reason="x")
        )
        self.scene.do(command, WORKER)

    @rule(order=orders, receipt=st.sampled_from(dispatch.RECEIPTS))
    def receipt(self, order, receipt):
        if order:
            unit = self.scene.get("order", order).unit_id
            self.scene.do(c.TakeReceipt(order_id=order, receipt=receipt, reason="busy"), phone(unit))

    @rule(order=orders)
    def take_back(self, order):
        if order:
            try:
                self.scene.do(c.CancelOrder(order_id=order), COMMANDER)
            except Refused:
                assert self.scene.get("order", order).status in dispatch.FINAL

    @rule(seconds=st.sampled_from([0.25, 2, 6, 31, 120]))
    def time(self, seconds):
        self.scene.after(seconds)

    @invariant()
    def units_hold_exactly_their_active_orders(self):
        active = {o.id: o.unit_id for o in self.scene.find("order") if o.status in dispatch.ACTIVE}
        held = {order: u.id for u in self.scene.find("unit") for order in u.orders}
        assert held == active

    @invariant()
    def nothing_goes_back(self):
        for order in self.scene.find("order"):
            before = self.answered.get(order.id)
            if before in dispatch.FINAL:
                assert order.status == before
            elif before in ("accepted", "en_route", "on_scene"):
                assert order.status in dispatch.FINAL or RANK[order.status] >= RANK[before]
            self.answered[order.id] = order.status
            assert order.attempt >= self.attempts.get(order.id, 1)
            self.attempts[order.id] = order.attempt
            assert (order.answered_at is not None) == (
                order.status not in dispatch.UNANSWERED | {"cancelled", "expired"}
            ) or (order.status in ("cancelled", "expired"))

    @invariant()
    def an_attempt_is_given_to_one_worker_only(self):
        assert all(n == 1 for n in self.claimed.values()), self.claimed

    @invariant()
    def an_unanswered_order_is_always_chased(self):
        for order in self.scene.find("order"):
            if order.status in dispatch.UNANSWERED:
                alarm = self.scene.get("alarm", f"order_unanswered:order:{order.id}")
                assert order.ack_due_at is not None or (alarm is not None and alarm.status == "unacked")


TestOrders = Orders.TestCase
TestOrders.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
