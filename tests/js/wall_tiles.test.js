"use strict";
const test = require("node:test");
const assert = require("node:assert");
const { muster, context, texts, NOW, s } = require("./screen.js");
const { tile, level, sourceRows, skewText } = muster.wallView;

const part = (more) => ({ as_of: NOW - s(6), state: "live", behind: [], ...more });
const cameras = (more) => part({ total: 3092, online: 2981, offline: 111, unknown: 0, ...more });
const withSummary = (summary, cards = {}) => context(cards, { summary });

test("before the first snapshot a tile is empty and loading, not 0", () => {
  const t = tile("unacked", context({}));
  assert.deepEqual([t.state, t.value], ["loading", ""]);
});

test("unacknowledged alarms carry colour and glyph of the worst, the age of the oldest and what is overdue", () => {
  const t = tile("unacked", withSummary({ alarms: part({ unacked: 3, oldest_at: NOW - s(242), overdue: 1, by_sev: { 1: 0, 2: 1, 3: 2, 4: 0 } }) }));
  assert.deepEqual([t.value, t.sub, t.edge, t.glyph, t.age], ["3", "最久 04:02 · 超时 1", "sev2", "sev-2", "6 s"]);
});

test("nothing unacknowledged is a grey tile that says so", () => {
  const t = tile("unacked", withSummary({ alarms: part({ unacked: 0, oldest_at: null, overdue: 0, by_sev: {} }) }));
  assert.deepEqual([t.value, t.sub, t.edge, t.glyph], ["0", "无未确认告警", "", ""]);
});

test("a share shows what it is a share of, and cameras nobody knows anything about are left out of it", () => {
  const t = tile("cameras", withSummary({ cameras: cameras({ unknown: 92, online: 2850, offline: 150 }) }));
  assert.equal(t.value, "95.0");
  assert.equal(t.sub, "2850 / 3000 · 离线 150 · 未知 92");
});

test("without a single known camera the share is unknown", () => {
  assert.equal(tile("cameras", withSummary({ cameras: cameras({ total: 10, online: 0, offline: 0, unknown: 10 }) })).value, "—");
});

test("a late tile keeps its figure and says since when nothing came", () => {
  const t = tile("cameras", withSummary({ cameras: cameras({ state: "late", as_of: NOW - s(120) }) }));
  assert.deepEqual([t.state, t.value, t.age], ["late", "96.4", "2 min 未更新"]);
});

test("a stale tile keeps its figure and says of when it is", () => {
  const t = tile("cameras", withSummary({ cameras: cameras({ state: "stale", as_of: NOW - s(190) }) }));
  assert.deepEqual([t.value, t.sub], ["96.4", "数据停滞 03:10 · 截至 14:28"]);
});

test("a lost tile shows a dash, never 0, with the last figure in small print and no colour", () => {
  const t = tile("disputes", withSummary({ disputes: part({ open: 218, red: 6, yellow: 19, state: "lost", as_of: NOW - s(372) }) }));
  assert.deepEqual([t.value, t.sub, t.edge, t.glyph], ["—", "数据中断 06:12 · 末值 218", "", ""]);
});

test("one silent source of several makes a count incomplete, not unknown, and is named", () => {
  const sources = [{ id: "s-12345", name: "x", kind: "hotline", cadence_s: 60 }, { id: "s-110", name: "y", kind: "incidents", cadence_s: 30 }];
  const incidents = part({ open: 27, today: 112, closed_today: 85, state: "lost", behind: ["s-12345"], as_of: NOW - s(372) });
  const t = tile("open", withSummary({ incidents }, { source: sources }));
  assert.deepEqual([t.state, t.value, t.sub], ["stale", "27", "12345 热线 数据中断 06:12"]);
  const all = tile("open", withSummary({ incidents: { ...incidents, behind: ["s-12345", "s-110"] } }, { source: sources }));
  assert.deepEqual([all.state, all.value], ["lost", "—"]);
});

test("available units say what is wrong first", () => {
  const units = part({ total: 50, on_duty: 46, available: 31, awaiting: 1, en_route: 8, on_scene: 6, lost: 1, stale: 2 });
  const t = tile("available", withSummary({ units }));
  assert.deepEqual([t.value, t.unit, t.sub, t.glyph], ["31", "/ 46", "失联 1 · 过期 2 · 到场 6 · 途中 8", "unit-lost"]);
});

test("orders past their limit are marked, those in time are not", () => {
  const t = (due, overdue) => tile("awaiting", withSummary({ orders: part({ awaiting: 2, oldest_at: NOW, oldest_due_at: NOW + s(due), overdue }) }));
  assert.deepEqual([t(12, 0).edge, t(12, 0).sub], ["", "最近时限 00:12"]);
  assert.deepEqual([t(-31, 1).edge, t(-31, 1).glyph, t(-31, 1).sub], ["warn", "state-late", "超时 +00:31"]);
});

test("a red card outranks a yellow one on the dispute tile", () => {
  const t = (red, yellow) => tile("disputes", withSummary({ disputes: part({ open: 30, red, yellow }) })).glyph;
  assert.deepEqual([t(1, 5), t(0, 5), t(0, 0)], ["card-red", "card-yellow", ""]);
});

test("every tile speaks English without a Chinese word left", () => {
  const summary = {
    alarms: part({ unacked: 1, oldest_at: NOW, overdue: 1, by_sev: { 1: 1 } }),
    incidents: part({ open: 1, today: 2, closed_today: 1 }),
    orders: part({ awaiting: 1, oldest_at: NOW, oldest_due_at: NOW - s(5), overdue: 1 }),
    units: part({ total: 5, on_duty: 4, available: 1, en_route: 1, on_scene: 1, lost: 1, stale: 1 }),
    disputes: part({ open: 9, red: 1, yellow: 1 }),
    cameras: cameras({ unknown: 1 }),
    trend: part({ hours: [[NOW, 3]] }),
  };
  for (const state of ["live", "late", "stale", "lost"]) {
    for (const name of ["unacked", "open", "awaiting", "available", "disputes", "cameras", "today"]) {
      const marked = Object.fromEntries(Object.entries(summary).map(([k, v]) => [k, { ...v, state }]));
      const { value, unit, sub, age } = tile(name, context({}, { summary: marked, texts: texts("en") }));
      assert.doesNotMatch([value, unit, sub, age].join(" "), /[\u4e00-\u9fff]|wall\.|undefined|NaN/, `${name} ${state}`);
    }
  }
});

test("the level of the own area holds, or else the nearest one above it that is raised", () => {
  const shown = (area, ...levels) => level(context({ level: levels.map(([id, name]) => ({ id, level: name, mode: name === "normal" ? "peace" : "wartime", since: NOW - s(8076) })) }, { area }));
  assert.deepEqual(shown("440118", ["4401", "II"]).level, "二级响应");
  assert.deepEqual(shown("440118", ["4401", "normal"], ["440118", "IV"]).glyph, "sev-4");
  assert.deepEqual(shown("440118", ["440112", "I"]).mode, "平时");
  assert.deepEqual(shown("440118", ["4401", "II"]).elapsed, "已启动 02:14:36");
});

test("a proposed level is shown while it waits for the second person, and a drill is marked", () => {
  const l = level(context({ level: [{ id: "4401", level: "III", mode: "wartime", since: NOW, drill: true, proposed_level: "II" }] }));
  assert.equal(l.proposed, "待确认：二级响应");
  assert.equal(l.drill, true);
});

test("the footer puts silent sources first, with glyph and word, and takes the freshest sign of life", () => {
  const source = (id, age) => ({ id, name: id, kind: "incidents", cadence_s: 60, state: "live", seen_at: NOW - s(age) });
  const c = context({ source: [source("a", 5), source("s-12345", 800), source("b", 900)] }, { vitals: { "source:b": { at: NOW - s(2) } } });
  const rows = sourceRows(c);
  assert.deepEqual(rows.map((r) => [r.cells.name, r.cells.age, r.marks.name]), [["12345 热线", "中断 13 min", "state-lost"], ["a", "5 s", ""], ["b", "2 s", ""]]);
});

test("a source that was never heard is unknown, not live", () => {
  const [row] = sourceRows(context({ source: [{ id: "a", name: "a", kind: "incidents", cadence_s: 60, state: "unknown", seen_at: null }] }));
  assert.deepEqual([row.marks.name, row.cells.age], ["state-unknown", "未知"]);
});

test("clock skew keeps its sign and one decimal", () => {
  assert.deepEqual([skewText(210), skewText(-30_040), skewText(-10)], ["+0.2", "−30.0", "+0.0"]);
});
