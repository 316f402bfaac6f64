"use strict";
const test = require("node:test");
const assert = require("node:assert");
const { muster, context, alarm, incident, unit, order, NOW, s } = require("./screen.js");
require("../../assets/js/console_view.js");
const view = muster.consoleView;
const keys = (rows) => rows.map((r) => r.key);

test("the queue has what wants somebody, what somebody has, and what units are on", () => {
  const c = context({
    alarm: [alarm("i1", 1, "unacked", 9), alarm("x", 3, "acked", 9)],
    incident: [incident("i1", 1, { status: "reported" }), incident("i2", 2, { status: "taken", owner: "李" }), incident("i3", 3, { status: "engaged" })],
  });
  const { new: fresh, mine, engaged } = view.queue(c);
  assert.deepEqual([keys(fresh), keys(mine), keys(engaged)], [["alarm:i1"], ["incident:i2"], ["incident:i3"]]);
});

test("a row leads to its incident, also by the order its alarm speaks of", () => {
  const c = context({
    alarm: [alarm("a", 1, "unacked", 1, { subject: "incident:i1" }), alarm("b", 2, "unacked", 1, { rule: "order_unanswered", subject: "order:o1" }), alarm("l", 3, "unacked", 1, { rule: "unit_lost", subject: "unit:u1" })],
    order: [order("o1", "u1", { incident: "i7" })],
  });
  assert.deepEqual(["incident:i9", "alarm:a", "alarm:b", "alarm:l", "alarm:gone"].map((key) => view.incidentOf(c, key)), ["i9", "i1", "i7", null, null]);
});

test("a running order shows the steps taken with their times and those to come without", () => {
  const c = context({});
  const line = view.stepper(c, order("o", "u", { status: "accepted", queued_at: NOW - s(90), delivered_at: NOW - s(80), answered_at: NOW - s(60) }));
  const time = (age) => muster.words.clock(NOW - s(age));
  assert.deepEqual(line.map(([, at]) => at), [time(90), time(80), time(60), "", "", ""]);
  assert.equal(line[3][0], c.texts["order_status.en_route"], "what was skipped is not to come any more");
  assert.ok(!line.some(([label]) => label === c.texts["order_status.read"]));
});

test("an order that has ended shows what happened, its end last, and nothing to come", () => {
  const c = context({});
  const declined = view.stepper(c, order("o", "u", { status: "declined", queued_at: NOW - s(90), answered_at: NOW - s(50), ended_at: NOW - s(50) }));
  assert.deepEqual(declined.map(([label]) => label), ["queued", "declined"].map((name) => c.texts[`order_status.${name}`]));
  const done = view.stepper(c, order("o", "u", { status: "done", queued_at: NOW - s(90), ended_at: NOW - s(5) }));
  assert.equal(done.at(-1)[0], c.texts["order_status.done"]);
  assert.ok(done.every(([, at]) => at));
});

test("an order that was sent again says how often", () => {
  const c = context({});
  const [[first]] = view.stepper(c, order("o", "u", { status: "sent", attempt: 3, queued_at: NOW }));
  assert.match(first, / ×3$/);
});

test("an overdue order is marked, counts up, and says its steps in words, too", () => {
  const c = context({ unit: [unit("u1", "awaiting", { name: "一组" })], order: [order("o1", "u1", { incident: "i1", status: "delivered", ack_due_at: NOW - s(12), queued_at: NOW - s(42), delivered_at: NOW - s(41) })] });
  const [row] = view.orderRows(c, "i1");
  assert.match(row.cls, /order-overdue/);
  assert.match(row.cells.time, /\+00:12/);
  assert.equal(row.marks.time, "state-late");
  assert.ok(row.cells.sub.includes(c.texts["order_status.delivered"]));
});

test("an alarm about no incident has its facts; who owns it and how often only when there is something to say", () => {
  const labels = (facts) => facts.map(([label]) => label);
  const c = context({});
  const quiet = view.alarmFacts(c, alarm("a", 3, "unacked", 70, { rule: "camera_dead", subject: "camera:C" }));
  const told = view.alarmFacts(c, alarm("a", 3, "acked", 70, { rule: "camera_dead", subject: "camera:C", owner: "李", count: 4 }));
  assert.equal(told.length, quiet.length + 2);
  assert.ok(labels(told).includes(c.texts["console.acknowledged_by"]));
  assert.ok(!labels(quiet).includes(c.texts["console.acknowledged_by"]));
});

test("a unit has its state, position and what it is on; without a position it says so", () => {
  const c = context({ unit: [unit("u1", "en_route", { name: "一组", members: 4, lost: true })], incident: [incident("i1", 2)], order: [order("o1", "u1"), order("o2", "u1", { incident: "i9", status: "done" })] });
  const facts = Object.fromEntries(view.unitFacts(c, c.cards.unit.u1, NOW - s(70)));
  assert.equal(facts[c.texts["console.state"]], c.texts["activity.lost"]);
  assert.equal(facts[c.texts["console.members"]], "4");
  assert.match(facts[c.texts["console.position"]], /^14:30:57 · 1 min/);
  assert.equal(facts[c.texts["console.detail"]], "i1 事件 i1");
  assert.equal(Object.fromEntries(view.unitFacts(c, c.cards.unit.u1, null))[c.texts["console.position"]], c.texts["wall.units.no_position"]);
});

test("the next row is that after the selected one, and the ends are ends", () => {
  assert.equal(view.neighbour(["a", "b", "c"], "b", 1), "c");
  assert.equal(view.neighbour(["a", "b", "c"], "c", 1), "c");
  assert.equal(view.neighbour(["a", "b", "c"], "b", -Infinity), "a");
  assert.equal(view.neighbour(["a", "b", "c"], "gone", 1), "a");
  assert.equal(view.neighbour([], null, 1), null);
});

test("every key of the console is on the sheet, and every key on the sheet does something", () => {
  const listed = view.KEYS.flatMap(([key]) => key.split(" / "));
  for (const key of listed) assert.ok(view.intent(key), key);
  const known = "abcdefghijklmnopqrstuvwxyz".split("").filter((key) => view.intent(key));
  assert.deepEqual(known, listed.map((key) => key.toLowerCase()).sort());
});

test("the sheet of keys begins with the screen's own, and has the wall's only on the wall", () => {
  const own = { title: "console.keys_console", rows: [["A", "console.key_take"]] };
  const names = (parts) => parts.flatMap((part) => part.rows.map(([, name]) => name));
  const console_ = muster.shell.sheetParts("console", [own]);
  assert.equal(console_[0], own);
  assert.ok(!names(console_).includes("keys.presets"));
  assert.ok(names(muster.shell.sheetParts("wall", [])).includes("keys.presets"));
});
