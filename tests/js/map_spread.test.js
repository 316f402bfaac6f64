"use strict";
const test = require("node:test");
const assert = require("node:assert");
require("../../assets/js/map_scene.js");
require("../../assets/js/map_spread.js");
const { spread, nameSpot } = globalThis.muster.mapSpread;

const mark = (key, x, y, more = {}) => ({ key, x, y, r: 10, rank: 3, must: false, ...more });
const placed = (marks, { at }) => marks.filter((m) => at.has(m.key)).map((m) => ({ ...m, x: m.x + at.get(m.key).dx, y: m.y + at.get(m.key).dy }));

function nearest(list) {
  let least = Infinity;
  for (const [i, a] of list.entries()) for (const b of list.slice(i + 1)) least = Math.min(least, Math.hypot(a.x - b.x, a.y - b.y) / (a.r + b.r));
  return least;
}

test("marks that do not touch stay where they are", () => {
  const { at, under } = spread([mark("a", 0, 0), mark("b", 40, 0), mark("c", 0, 40)]);
  for (const key of ["a", "b", "c"]) assert.deepEqual(at.get(key), { dx: 0, dy: 0 });
  assert.equal(under.size, 0);
});

test("of two marks in one place the worse one stays and the other steps aside, near by", () => {
  const marks = [mark("mild", 100, 100, { rank: 4 }), mark("bad", 100, 100, { rank: 1 })];
  const { at } = spread(marks);
  assert.deepEqual(at.get("bad"), { dx: 0, dy: 0 });
  const { dx, dy } = at.get("mild");
  assert.ok(Math.hypot(dx, dy) >= 18 && Math.hypot(dx, dy) < 40, `${dx},${dy}`);
});

test("in a crowd no two marks hide one another, and every mark is shown or counted once", () => {
  const marks = Array.from({ length: 120 }, (_, i) => mark(`m${i}`, 200 + ((i * 37) % 90), 200 + ((i * 53) % 90), { rank: 3 + (i % 2) }));
  const found = spread(marks);
  assert.ok(nearest(placed(marks, found)) > 0.9);
  assert.equal(found.at.size + found.under.size, marks.length);
  assert.ok(found.under.size > 0);
  for (const host of found.under.values()) assert.ok(found.at.has(host));
});

test("what must be seen is never counted away", () => {
  const marks = Array.from({ length: 60 }, (_, i) => mark(`m${i}`, 200, 200, { rank: i < 40 ? 1 : 4, must: i < 40 }));
  const { under } = spread(marks);
  for (const key of under.keys()) assert.ok(Number(key.slice(1)) >= 40, key);
});

test("what is counted is counted at few marks", () => {
  const marks = Array.from({ length: 150 }, (_, i) => mark(`m${i}`, 200 + (i % 7), 200 + (i % 5)));
  const { under } = spread(marks);
  assert.ok(under.size > 50);
  assert.ok(new Set(under.values()).size <= 2);
});

test("the count stands at a mild mark, not at one that must be seen", () => {
  const bad = Array.from({ length: 6 }, (_, i) => mark(`bad${i}`, 200 + i * 22, 200, { rank: 1, must: true }));
  const mild = Array.from({ length: 90 }, (_, i) => mark(`mild${i}`, 200 + (i % 7), 200 + (i % 5), { rank: 4 }));
  const { under } = spread([...bad, ...mild]);
  assert.ok(under.size > 20);
  for (const host of under.values()) assert.match(host, /^mild/);
});

test("a mark keeps its place beside as long as that is free", () => {
  const marks = [mark("a", 100, 100, { rank: 1 }), mark("b", 104, 100)];
  const first = spread(marks);
  const other = { dx: -30, dy: 4 };
  assert.deepEqual(spread(marks, new Map([["b", other]])).at.get("b"), other);
  assert.deepEqual(spread(marks, first.at).at.get("b"), first.at.get("b"));
  assert.deepEqual(spread([marks[1]], first.at).at.get("b"), { dx: 0, dy: 0 });
});

test("a name stands in its place, or where marks cover it least", () => {
  const name = { x: 100, y: 100, w: 48, h: 20 };
  assert.deepEqual(nameSpot(name, []), { dx: 0, dy: 0 });
  const box = (x, y) => ({ x: x - 14, y: y - 14, w: 28, h: 28 });
  const { dx, dy } = nameSpot(name, [box(100, 100)]);
  assert.ok(Math.abs(dx) > 0 || Math.abs(dy) >= 20);
  const all = [{ x: 0, y: 0, w: 300, h: 300 }];
  assert.deepEqual(nameSpot(name, all), { dx: 0, dy: 0 });
});

test("the shape of the ground is measured on the map", () => {
  const { aspect } = globalThis.muster.mapScene;
  assert.ok(Math.abs(aspect([[-1, 0], [1, 2]]) - 1) < 0.01);
  assert.ok(aspect([[22.5, 112.9], [24.0, 114.1]]) < 0.8);
});
