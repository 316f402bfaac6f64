"use strict";
const test = require("node:test");
const assert = require("node:assert");
const { muster, context, alarm, incident, unit, order, NOW, s } = require("./screen.js");
const view = muster.wallView;
const keys = (rows) => rows.map((r) => r.key);

test("unacknowledged 1 and 2 come first, the oldest of a severity on top, then other 1, then unacknowledged 3", () => {
  const c = context({
    alarm: [alarm("c", 3, "unacked", 900), alarm("a", 2, "unacked", 10), alarm("b", 2, "unacked", 90), alarm("d", 1, "acked", 5), alarm("e", 1, "unacked", 1), alarm("f", 2, "acked", 2)],
  });
  assert.deepEqual(keys(view.alarmRows(c)), ["e", "b", "a", "d", "c", "f"].map((id) => `alarm:${id}`));
});

test("only an unacknowledged alarm of severity 1, 2 or 3 has a ring", () => {
  const c = context({ alarm: [alarm("a", 1, "unacked", 1), alarm("b", 2, "rtn_unacked", 1), alarm("c", 1, "acked", 1), alarm("d", 4, "unacked", 1), alarm("e", 3, "unacked", 1)] });
  const ringing = view.alarmRows(c).filter((r) => r.ring);
  assert.deepEqual(keys(ringing), ["alarm:a", "alarm:e"]);
});

test("shelved and suppressed alarms are not on the wall", () => {
  const c = context({ alarm: [alarm("a", 3, "shelved", 1), alarm("b", 3, "suppressed", 1), alarm("c", 3, "out_of_service", 1)] });
  assert.deepEqual(view.alarmRows(c), []);
});

test("an open incident stands in the list once, by its alarm or by itself", () => {
  const c = context({ alarm: [alarm("i1", 2, "unacked", 5)], incident: [incident("i1", 2), incident("i2", 3, { status: "engaged" })] });
  assert.deepEqual(keys(view.alarmRows(c)), ["alarm:i1", "incident:i2"]);
});

test("an untaken incident shows its title with the number of reports, its place and its age", () => {
  const c = context({ alarm: [alarm("i1", 1, "unacked", 42)], incident: [incident("i1", 1, { reports: 3, title: "燃气异味" })] });
  const [row] = view.alarmRows(c);
  assert.equal(row.cells.title, "事件 i1 × 3 报");
  assert.equal(row.cells.sub, "增城区 群星村");
  assert.equal(row.cells.time, "00:42");
  assert.equal(row.cells.state, "未确认");
});

test("an alarm of a rule says what the rule found, with names from its parameters or from the cards", () => {
  const c = context({
    alarm: [
      alarm("x", 2, "unacked", 1, { rule: "order_unanswered", subject: "order:o1", params: { unit: "应急七组" } }),
      alarm("y", 3, "unacked", 1, { rule: "unit_lost", subject: "unit:u9" }),
      alarm("z", 3, "unacked", 1, { rule: "source_silent", subject: "source:s-12345" }),
      alarm("d", 4, "unacked", 1, { rule: "dispute_red", subject: "dispute:DS-20261122-0004", params: { dispute: "DS-20261122-0004" } }),
    ],
    unit: [unit("u9", "available", { name: "应急十五组" })],
    order: [order("o1", "u1")],
    incident: [incident("i1", 2, { title: "燃气异味" })],
    dispute: [{ id: "DS-20261122-0004", no: "DS-1122-0004" }],
  });
  const byKey = Object.fromEntries(view.alarmRows(c).map((r) => [r.key, r.cells]));
  assert.equal(byKey["alarm:x"].title, "指令未回执 · 应急七组");
  assert.equal(byKey["alarm:x"].sub, "燃气异味 · 群星村");
  assert.equal(byKey["alarm:y"].title, "应急十五组 失联");
  assert.equal(byKey["alarm:z"].title, "12345 热线 数据中断");
  assert.equal(byKey["alarm:d"].title, "红牌 · DS-1122-0004");
});

test("an alarm about a camera says what was seen and by which camera", () => {
  const c = context({ alarm: [alarm("k", 2, "unacked", 5, { rule: "camera_alert", subject: "camera_alert:A1", title: "黄埔东路189号枪机", params: { rule: "road_blocked" }, count: 2 })] });
  assert.equal(view.alarmRows(c)[0].cells.title, "道路阻塞 · 黄埔东路189号枪机 ×2");
});

test("an alarm nobody took in time says overdue, and then that it was escalated", () => {
  const states = (more) => view.alarmRows(context({ alarm: [alarm("a", 1, "unacked", 60, more)] }))[0].cells.state;
  assert.equal(states({ ack_due_at: NOW + 1 }), "未确认");
  assert.equal(states({ ack_due_at: NOW - 1 }), "未确认 · 超时");
  assert.equal(states({ ack_due_at: NOW - 1, escalated: "commander" }), "未确认 · 已升级");
});

test("an incident says how far its units are", () => {
  const state = (orders) => view.alarmRows(context({ incident: [incident("i1", 2, { status: "engaged" })], order: orders }))[0].cells.state;
  assert.equal(state([order("o1", "u1"), order("o2", "u2")]), "处置中 · 2 组");
  assert.equal(state([order("o1", "u1", { on_scene_at: NOW }), order("o2", "u2")]), "1 组到场");
  assert.equal(state([order("o1", "u1", { ended_at: NOW })]), "处置中");
});

test("the unit board shows lost units first, then the nearest receipt limit, on scene, en route, idle, and no unit off duty", () => {
  const c = context({
    unit: [unit("idle", "available"), unit("off", "off_duty", { lost: true }), unit("way", "en_route"), unit("late", "awaiting"), unit("wait", "awaiting"), unit("there", "on_scene"), unit("gone", "available", { lost: true })],
    order: [order("o1", "wait"), order("o2", "late", { ack_due_at: NOW - s(31) }), order("o3", "there", { on_scene_at: NOW - s(131) }), order("o4", "way", { en_route_at: NOW - s(60), eta_s: 300 })],
  });
  const { total, rows } = view.unitRows(c, 10, () => NOW - s(5));
  assert.deepEqual(keys(rows), ["gone", "late", "wait", "there", "way", "idle"].map((id) => `unit:${id}`));
  assert.equal(total, 6);
  assert.deepEqual(rows.map((r) => r.cells.time), ["失联 00:05", "超时 +00:31", "余 00:12", "02:11", "约 4 分", "待命"]);
});

test("a board with room for two rows tells how many units there are in all", () => {
  const { total, rows } = view.unitRows(context({ unit: [unit("a", "available"), unit("b", "available"), unit("c", "available")] }), 2, () => null);
  assert.equal(rows.length, 2);
  assert.equal(total, 3);
});

test("a receipt's remaining time is bold at a quarter of its limit", () => {
  const cls = (left) => view.unitRows(context({ unit: [unit("u", "awaiting")], order: [order("o", "u", { ack_due_at: NOW + s(left) })] }), 1, () => null).rows[0].cls;
  assert.match(cls(15), /row-strong/);
  assert.doesNotMatch(cls(16), /row-strong/);
});

test("a unit without a position says so, an old position is marked, and the limits are tighter for a tasked unit", () => {
  const row = (activity, age) => view.unitRows(context({ unit: [unit("u", activity)], order: [order("o", "u")] }), 1, () => (age === null ? null : NOW - s(age))).rows[0];
  assert.equal(row("available", null).cells.state, "无位置");
  assert.equal(row("available", 100).marks.state, "");
  assert.equal(row("awaiting", 40).marks.state, "state-late");
  assert.equal(row("awaiting", 100).marks.state, "state-stale");
  assert.equal(row("awaiting", 100).cells.state, "位置 1 min 前");
});

test("a unit whose estimate has passed says by how much", () => {
  const c = context({ unit: [unit("u", "en_route")], order: [order("o", "u", { en_route_at: NOW - s(400), eta_s: 340 })] });
  const [row] = view.unitRows(c, 1, () => null).rows;
  assert.equal(row.cells.time, "超预计 +01:00");
  assert.equal(row.marks.time, "state-late");
});

test("cases are listed by deadline, with card, number and remaining time, and never with a title that may name a person", () => {
  const day = 86_400_000;
  const c = context({
    dispute: [
      { id: "y", no: "0318", title: "张三与物业", category: "labour", card: "yellow", due_at: NOW + 3 * day, step: "s1" },
      { id: "r", no: "0317", title: "李四欠薪", category: "labour", card: "red", due_at: NOW - 4 * day, step: "s1" },
      { id: "n", no: "0319", title: "王五", category: "labour", card: "none", due_at: NOW - 9 * day, step: "s1" },
    ],
  });
  const rows = view.disputeRows(c);
  assert.deepEqual(rows.map((r) => [r.glyph, r.cells.title, r.cells.time]), [["card-red", "劳资 · 0317", "逾期 4 天"], ["card-yellow", "劳资 · 0318", "余 3 天"]]);
  assert.doesNotMatch(JSON.stringify(rows), /张三|李四|王五/);
});

test("the backlog's bars are red, yellow, the largest categories and the rest", () => {
  const c = context({}, { summary: { disputes: { open: 40, red: 6, yellow: 19, by_category: { a: 5, b: 20, d: 10, e: 5 }, state: "live" } } });
  const bars = view.disputeBars(c, 3);
  assert.deepEqual(bars.map((b) => [b.key, b.cells.count, b.share]), [["red", "6 件", 0.3], ["yellow", "19 件", 0.95], ["c-b", "20 件", 1], ["c-d", "10 件", 0.5], ["c-rest", "10 件", 0.5]]);
});

test("camera alerts wait in order of severity, then the newest; what is judged is gone", () => {
  const alert = (id, sev, status, age) => ({ id, camera: "c", rule: "smoke", sev, status, title: "", count: 4, raised_at: NOW - s(age), last_at: NOW - s(age), conf: "high" });
  const c = context({ camera_alert: [alert("a", 3, "open", 5), alert("b", 1, "open", 50), alert("c", 3, "unclear", 2), alert("d", 1, "confirmed", 1)] });
  const rows = view.cameraRows(c);
  assert.deepEqual(keys(rows), ["camera:b", "camera:c", "camera:a"]);
  assert.equal(rows[0].cells.title, "烟雾 ×4");
  assert.equal(rows[0].cells.state, "可信度 高");
});
