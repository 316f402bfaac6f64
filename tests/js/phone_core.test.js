"use strict";
const test = require("node:test");
const assert = require("node:assert");
require("../../assets/phone/core.js");
const p = globalThis.muster.phone;

const order = (id, extra = {}) => ({
  order_id: id, number: id, sev: 2, status: "delivered", queued_at: 1000, ack_due_at: 61000, ack_limit_s: 60, ...extra,
});
const did = (id, receipt, n = 1) => ({ event_id: `${id}-${receipt}-${n}`, order_id: id, receipt, device_at: 5 });

test("an action is shown at once and kept until the centre has it", () => {
  let s = p.takeTasks(p.empty(), [order("a")]);
  s = p.act(s, did("a", "accepted"));
  assert.equal(p.statusOf(s, "a"), "accepted");
  assert.equal(s.queue.length, 1);
  s = p.confirmed(s, "a-accepted-1");
  assert.equal(s.queue.length, 0);
  assert.equal(p.statusOf(s, "a"), "accepted");
});

test("pressing twice queues once", () => {
  let s = p.takeTasks(p.empty(), [order("a")]);
  s = p.act(p.act(s, did("a", "accepted", 1)), did("a", "accepted", 2));
  assert.equal(s.queue.length, 1);
});

test("actions done without a connection keep their order", () => {
  let s = p.takeTasks(p.empty(), [order("a")]);
  for (const r of ["accepted", "en_route", "on_scene"]) s = p.act(s, did("a", r));
  assert.deepEqual(s.queue.map((a) => a.receipt), ["accepted", "en_route", "on_scene"]);
  assert.equal(p.statusOf(s, "a"), "on_scene");
});

test("a list from the centre that is older than what was done here does not undo it", () => {
  let s = p.act(p.takeTasks(p.empty(), [order("a")]), did("a", "accepted"));
  s = p.takeTasks(s, [order("a", { status: "delivered" })]);
  assert.equal(p.statusOf(s, "a"), "accepted");
});

test("an order that was taken back disappears with a notice, and so do its waiting actions", () => {
  let s = p.act(p.takeTasks(p.empty(), [order("a")]), did("a", "accepted"));
  s = p.takeCancel(s, "a");
  assert.equal(p.current(s).task, null);
  assert.equal(s.queue.length, 0);
  assert.deepEqual(s.notices, [{ kind: "cancelled", number: "a" }]);
});

test("a refused action is shown, not dropped in silence", () => {
  let s = p.act(p.takeTasks(p.empty(), [order("a")]), did("a", "accepted"));
  s = p.refused(s, "a-accepted-1", "re-assigned");
  assert.equal(s.notices[0].kind, "refused");
  assert.equal(s.notices[0].text, "re-assigned");
  assert.equal(p.statusOf(s, "a"), "delivered");
});

test("the task that was begun is shown before a new one, the severe before the mild", () => {
  let s = p.takeTasks(p.empty(), [order("mild", { sev: 3, queued_at: 1 }), order("severe", { sev: 1, queued_at: 9 })]);
  assert.equal(p.current(s).task.order_id, "severe");
  s = p.act(s, did("mild", "accepted"));
  assert.equal(p.current(s).task.order_id, "mild");
  assert.equal(p.current(s).others, 1);
});

test("the big button always offers the next state", () => {
  assert.deepEqual(
    ["delivered", "accepted", "en_route", "on_scene", "done"].map(p.nextReceipt),
    ["accepted", "en_route", "on_scene", "done", null],
  );
});

test("done ends the task here at once", () => {
  let s = p.takeTasks(p.empty(), [order("a", { status: "on_scene" })]);
  s = p.act(s, did("a", "done"));
  assert.equal(p.current(s).task, null);
  s = p.confirmed(s, "a-done-1");
  assert.deepEqual(s.tasks, {});
});

test("the limit counts down and then up", () => {
  const task = order("a");
  assert.equal(p.secondsLeft(task, 49000), 12);
  assert.equal(p.clock(12), "00:12");
  assert.equal(p.clock(p.secondsLeft(task, 92000)), "+00:31");
  assert.equal(p.clock(3660), "1:01");
  assert.equal(p.secondsLeft(order("a", { status: "accepted" }), 92000), null);
});

test("the mini-map keeps me and the target inside the box with a round scale bar", () => {
  const m = p.miniMap({ lat: 23.1, lon: 113.3 }, { lat: 23.12, lon: 113.34 }, 350, 200);
  for (const q of [m.me, m.target]) assert.ok(q.x > 0 && q.x < 350 && q.y > 0 && q.y < 200);
  assert.ok([1, 2, 5].includes(Number(String(m.bar.metres)[0])));
  assert.ok(m.bar.px <= 350 * 0.3 + 1);
  assert.ok(m.target.x > m.me.x && m.target.y < m.me.y, "east is right, north is up");
});

test("distance and bearing agree with known places", () => {
  const d = p.bearing({ lat: 23.0, lon: 113.0 }, { lat: 24.0, lon: 113.0 });
  assert.ok(Math.abs(d.metres - 111195) < 50);
  assert.ok(d.degrees < 0.01 || d.degrees > 359.99);
});

test("back-off grows to fifteen seconds and never ends", () => {
  assert.equal(p.backoff(0, 0.5), 1000);
  assert.equal(p.backoff(99, 0.5), 15000);
});

test("on duty, off and on again without a connection are three changes, and the last one is shown", () => {
  let s = p.empty();
  for (const [n, on] of [true, false, true].entries()) s = p.act(s, { t: "status", event_id: `duty-${n}`, on_duty: on, occurred_at: n });
  assert.equal(s.queue.length, 3);
  assert.equal(p.onDuty(s, false), true);
  assert.equal(p.onDuty(p.empty(), false), false);
});

test("a refusal of what the device said by itself is no notice for the person", () => {
  assert.equal(p.refused(p.empty(), "", "too far away").notices.length, 0);
});
