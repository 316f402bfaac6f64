/* The phone of a unit: what it knows and what it should show, as plain values.  No DOM, no network, no clock of its
   own: every function takes the instant it speaks of.  Tested in tests/js/phone_core.test.js.

   State: {tasks: {order_id: message}, queue: [action], seen: {order_id: true}, notices: [..]}
   Action: {event_id, order_id, receipt, device_at, reason?}, or {t: "status", event_id, on_duty, occurred_at}: what the
   person did, kept until the centre has it.  */
(function (ns) {
  "use strict";

  const STEPS = ["queued", "accepted", "en_route", "on_scene", "done"];
  const NEXT = { queued: "accepted", accepted: "en_route", en_route: "on_scene", on_scene: "done" };
  const UNANSWERED = new Set(["queued", "sending", "sent", "delivered", "read"]);
  const ENDED = new Set(["done", "declined", "cancelled", "expired"]);

  /** The step of the line 已派—接单—出发—到场—完成 on which a status stands. */
  function step(status) {
    return UNANSWERED.has(status) ? "queued" : status;
  }

  function empty() {
    return { tasks: {}, queue: [], notices: [] };
  }

  /** Take the full list of open tasks from the centre: what is not in it any more has ended there. */
  function takeTasks(state, orders) {
    const tasks = {};
    for (const order of orders) tasks[order.order_id] = order;
    const notices = state.notices.slice();
    for (const id of Object.keys(state.tasks)) {
      if (!tasks[id] && !ENDED.has(statusOf(state, id))) notices.push({ kind: "gone", number: state.tasks[id].number });
    }
    return { ...state, tasks, notices };
  }

  /** Take one order; the same order again only refreshes it. */
  function takeOrder(state, order) {
    return { ...state, tasks: { ...state.tasks, [order.order_id]: order } };
  }

  /** The centre took an order back. */
  function takeCancel(state, orderId) {
    const task = state.tasks[orderId];
    if (!task) return state;
    const tasks = { ...state.tasks };
    delete tasks[orderId];
    return {
      ...state,
      tasks,
      queue: state.queue.filter((a) => a.order_id !== orderId),
      notices: [...state.notices, { kind: "cancelled", number: task.number }],
    };
  }

  /** Note what the person did; it is shown at once and kept until the centre has it. */
  function act(state, action) {
    const same = (a) => a.event_id === action.event_id || (a.receipt && a.order_id === action.order_id && a.receipt === action.receipt);
    const twice = state.queue.some(same);
    return twice ? state : { ...state, queue: [...state.queue, action] };
  }

  /** The centre has an action: it leaves the queue, and the task stands where the action put it. */
  function confirmed(state, eventId) {
    const action = state.queue.find((a) => a.event_id === eventId);
    if (!action) return state;
    const task = state.tasks[action.order_id];
    const tasks = { ...state.tasks };
    if (task) {
      if (ENDED.has(action.receipt)) delete tasks[action.order_id];
      else tasks[action.order_id] = { ...task, status: further(task.status, action.receipt) };
    }
    return { ...state, tasks, queue: state.queue.filter((a) => a.event_id !== eventId) };
  }

  /** The centre refused an action (the order was given to another unit, say): shown, never dropped in silence. */
  function refused(state, eventId, text) {
    const action = state.queue.find((a) => a.event_id === eventId);
    if (!action) return state; // what the device said by itself (a position, "delivered") is nothing a person could mend
    const number = state.tasks[action.order_id] ? state.tasks[action.order_id].number : "";
    return {
      ...state,
      queue: state.queue.filter((a) => a.event_id !== eventId),
      notices: [...state.notices, { kind: "refused", number, text }],
    };
  }

  const ORDER = ["queued", "sending", "sent", "delivered", "read", "accepted", "en_route", "on_scene", "done"];

  function further(a, b) {
    if (ENDED.has(b)) return b;
    return ORDER.indexOf(b) > ORDER.indexOf(a) ? b : a;
  }

  /** The status of a task as the person knows it: the centre's word and what was done here since. */
  function statusOf(state, orderId) {
    const task = state.tasks[orderId];
    let status = task ? task.status : "done";
    for (const action of state.queue) if (action.order_id === orderId) status = further(status, action.receipt);
    return status;
  }

  /** The task to show: what has been begun first, then the most severe, then the oldest. */
  function current(state) {
    const open = Object.values(state.tasks)
      .map((task) => ({ ...task, status: statusOf(state, task.order_id) }))
      .filter((task) => !ENDED.has(task.status));
    open.sort(
      (a, b) =>
        Number(UNANSWERED.has(a.status)) - Number(UNANSWERED.has(b.status)) || a.sev - b.sev || a.queued_at - b.queued_at,
    );
    return { task: open[0] || null, others: Math.max(0, open.length - 1) };
  }

  /** The one big button: the receipt that comes next, or null when there is none. */
  function nextReceipt(status) {
    return NEXT[step(status)] || null;
  }

  /** Seconds left to answer; negative when overdue, null when nothing runs. */
  function secondsLeft(task, now) {
    return UNANSWERED.has(task.status) && task.ack_due_at ? Math.round((task.ack_due_at - now) / 1000) : null;
  }

  /** mm:ss to 59:59, then h:mm; overdue counts up with a plus. */
  function clock(seconds) {
    const n = Math.abs(seconds);
    const two = (x) => String(x).padStart(2, "0");
    const body = n < 3600 ? `${two(Math.floor(n / 60))}:${two(n % 60)}` : `${Math.floor(n / 3600)}:${two(Math.floor((n % 3600) / 60))}`;
    return seconds < 0 ? `+${body}` : body;
  }

  /** Great-circle distance in metres and bearing in degrees from a to b, both {lat, lon}. */
  function bearing(a, b) {
    const rad = Math.PI / 180;
    const [p1, p2, dl] = [a.lat * rad, b.lat * rad, (b.lon - a.lon) * rad];
    const h = Math.sin((p2 - p1) / 2) ** 2 + Math.cos(p1) * Math.cos(p2) * Math.sin(dl / 2) ** 2;
    const degrees = Math.atan2(Math.sin(dl) * Math.cos(p2), Math.cos(p1) * Math.sin(p2) - Math.sin(p1) * Math.cos(p2) * Math.cos(dl)) / rad;
    return { metres: 2 * 6371008.8 * Math.asin(Math.min(1, Math.sqrt(h))), degrees: (degrees + 360) % 360 };
  }

  /** Lay out the mini-map, only me and the target: SVG coordinates in a box w × h and a round scale bar. */
  function miniMap(me, target, w, h) {
    const points = [target, me].filter(Boolean);
    if (!points.length) return null;
    const mid = { lat: points.reduce((s, p) => s + p.lat, 0) / points.length, lon: points.reduce((s, p) => s + p.lon, 0) / points.length };
    const mLat = 111195;
    const mLon = mLat * Math.cos((mid.lat * Math.PI) / 180);
    const local = points.map((p) => ({ x: (p.lon - mid.lon) * mLon, y: -(p.lat - mid.lat) * mLat }));
    const reach = Math.max(150, ...local.map((p) => Math.max((Math.abs(p.x) / w) * h, Math.abs(p.y))));
    const scale = (h * 0.34) / reach;
    const at = local.map((p) => ({ x: w / 2 + p.x * scale, y: h / 2 + p.y * scale }));
    const most = (w * 0.3) / scale;
    const power = 10 ** Math.floor(Math.log10(most));
    const metres = [5, 2, 1].map((k) => k * power).find((m) => m <= most);
    return { target: target ? at[0] : null, me: me ? at[at.length - 1] : null, bar: { metres, px: metres * scale } };
  }

  /** On duty or not, as the person knows it: the last change the centre has not confirmed yet, else the centre's word. */
  function onDuty(state, known) {
    const waiting = state.queue.filter((a) => a.t === "status");
    return waiting.length ? waiting[waiting.length - 1].on_duty : known;
  }

  /** Back-off before the n-th reconnect (0-based) in ms: 1-2-4-8-15 s with jitter; `random` is in [0, 1). */
  function backoff(n, random) {
    return [1000, 2000, 4000, 8000, 15000][Math.min(n, 4)] * (0.75 + random * 0.5);
  }

  ns.phone = {
    STEPS, step, empty, takeTasks, takeOrder, takeCancel, act, confirmed, refused, statusOf, current, nextReceipt,
    secondsLeft, clock, bearing, miniMap, onDuty, backoff, UNANSWERED, ENDED,
  };
})((globalThis.muster ??= {}));
