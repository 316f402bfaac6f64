"use strict";
const test = require("node:test");
const assert = require("node:assert");
for (const name of ["map_shapes", "map_pixels", "map_cells", "map_labels", "map_roster", "map_scene", "map_marks", "select"]) require(`../../assets/js/${name}.js`);
const m = globalThis.muster;
const S = m.mapShapes;

// --- shapes and ages ---------------------------------------------------------------------------

test("a position ages by the limits of its unit: tasked sooner than idle", () => {
  const classes = (limits) => [10, 31, 91, 301, 601, 901].map((s) => S.AGES[S.ageClass(s * 1000, limits)]);
  assert.deepEqual(classes(S.LIMITS.tasked), ["live", "late", "stale", "lost", "lost", "lost"]);
  assert.deepEqual(classes(S.LIMITS.idle), ["live", "live", "live", "late", "stale", "lost"]);
});

test("a heading chooses one of 24 arrows, an unknown one none", () => {
  assert.equal(S.headingStep(0), 0);
  assert.equal(S.headingStep(359), 0);
  assert.equal(S.headingStep(90), 6);
  assert.equal(S.headingStep(-1), -1);
  assert.equal(S.headingStep(510), -1);
  assert.equal(S.headingStep(NaN), -1);
});

test("every look has its own place in the table of glyphs", () => {
  const seen = new Set();
  for (let code = 0; code < S.ACTIVITIES.length; code++) for (let age = 0; age < 4; age++) for (let step = -1; step < S.HEADINGS; step++) seen.add(S.lookIndex(code, age, step));
  assert.equal(seen.size, S.LOOKS);
  assert.equal(Math.max(...seen), S.LOOKS - 1);
});

/* A context that writes down what is drawn: shape is what must tell units apart, so colours are left out. */
function drawn(activity, age, heading = 0) {
  const log = [];
  let dash = "";
  const ctx = new Proxy({}, {
    get: (_, name) => (...args) => {
      if (name === "setLineDash") dash = args[0].length ? `dashed ${args[0]} ` : "";
      else if (["arc", "lineTo", "moveTo", "rect", "roundRect", "rotate"].includes(name)) log.push(`${name} ${args.map((n) => Math.round(n * 10) / 10)}`);
      else if (name === "stroke" || name === "fill") log.push(dash + name);
    },
    set: () => true,
  });
  S.drawUnit(ctx, { code: S.CODE[activity], age, heading }, { acc: "a", t1: "1", t2: "2", t3: "3", bg0: "0", idle: "i" });
  return log.join(";");
}

test("activities differ by shape alone, also when their positions are stale", () => {
  const shown = S.ACTIVITIES.filter((a) => a !== "off_duty");
  assert.equal(new Set(shown.map((a) => drawn(a, S.LIVE))).size, shown.length);
  const stale = new Set(shown.map((a) => drawn(a, S.STALE)));
  for (const a of shown) assert.notEqual(drawn(a, S.LIVE), drawn(a, S.STALE), a);
  assert.equal(stale.size, shown.length);
});

test("a lost unit looks the same whatever it was doing, and like nothing else", () => {
  const lost = new Set(S.ACTIVITIES.map((a) => drawn(a, S.LOST)));
  assert.equal(lost.size, 1);
  for (const a of S.ACTIVITIES) assert.ok(!lost.has(drawn(a, S.LIVE)));
});

test("a unit on the way whose heading is unknown is not drawn as an arrow", () => {
  assert.notEqual(drawn("en_route", S.LIVE, null), drawn("en_route", S.LIVE, 0));
  assert.ok(!drawn("en_route", S.LIVE, null).includes("rotate"));
});

test("a stale unit may be anywhere within speed times age, at most 2 km", () => {
  assert.equal(S.uncertaintyM(10, 100_000), 1000);
  assert.equal(S.uncertaintyM(20, 600_000), 2000);
  assert.ok(S.uncertaintyM(-1, 100_000) > 0);
  assert.equal(S.uncertaintyM(5, -1000), 0);
});

// --- pixels ------------------------------------------------------------------------------------

const picture = (w, h) => new m.mapPixels.Pixels(new Uint32Array(w * h), w, h);
const RED = 0xff0000ff, BLUE = 0xffff0000, FAINT = 0x40ffffff;
const dot = m.mapPixels.sprite(new Uint32Array([FAINT, RED, FAINT, RED, RED, RED, FAINT, RED, FAINT]), 3, 3);

test("a glyph lands with its middle on the pixel it is sent to", () => {
  const p = picture(9, 7);
  p.blit(dot, 4, 3);
  assert.equal(p.words[3 * 9 + 4], RED);
  assert.equal(p.words[2 * 9 + 4], RED);
  assert.equal(p.words[2 * 9 + 3], FAINT);
  assert.equal(p.words.filter((w) => w).length, 9);
  assert.deepEqual(p.box.within(9, 7), { x: 3, y: 2, w: 3, h: 3 });
});

test("soft edges never eat into what is solid already", () => {
  const p = picture(5, 5);
  p.words[1 * 5 + 1] = BLUE;
  p.blit(dot, 2, 2);
  assert.equal(p.words[1 * 5 + 1], BLUE);
  assert.equal(p.words[1 * 5 + 2], RED);
});

test("what sticks out of the picture is cut off on every side and writes nowhere else", () => {
  for (const [x, y, n] of [[0, 0, 4], [4, 0, 4], [0, 4, 4], [4, 4, 4], [2, 0, 6], [-1, 2, 3], [5, 2, 3], [-2, 2, 0], [2, 6, 0], [-50, -50, 0]]) {
    const p = picture(5, 5);
    p.blit(dot, x, y);
    assert.equal(p.words.filter((w) => w).length, n, `${x},${y}`);
    const { x: left, y: top, w, h } = p.box.within(5, 5);
    assert.ok(left >= 0 && top >= 0 && left + w <= 5 && top + h <= 5);
    if (!n) assert.equal(w * h, 0);
  }
});

test("one glyph fits pictures of different widths in turn", () => {
  for (const w of [5, 8, 5]) {
    const p = picture(w, 5);
    p.blit(dot, 2, 2);
    assert.equal(p.words[2 * w + 2], RED);
    assert.equal(p.words[3 * w + 2], RED);
  }
});

test("clearing wipes exactly what was written", () => {
  const p = picture(20, 20);
  p.blit(dot, 3, 3);
  p.blit(dot, 10, 17);
  p.words[0] = BLUE; // not ours
  p.clear();
  assert.deepEqual([...p.words].filter((w) => w), [BLUE]);
  assert.equal(p.box.within(20, 20).w, 0);
});

// --- cells, grid, scale --------------------------------------------------------------------------

function cellsWith(points, { left = 1000, top = 2000, side = 50 } = {}) {
  const c = new m.mapCells.Cells();
  c.begin(left, top, 400, 300, side);
  for (const [x, y, age = 0, unready = false] of points) c.add(x, y, age, unready);
  return c;
}

test("cells count every idle unit in view exactly once, by state", () => {
  const points = Array.from({ length: 500 }, (_, i) => [(i * 37) % 400, (i * 53) % 300, i % 4, i % 5 === 0]);
  const c = cellsWith(points);
  const sum = (a) => [...a.slice(0, c.cols * c.rows)].reduce((x, y) => x + y, 0);
  assert.equal(sum(c.n), 500);
  assert.equal(sum(c.stale), 125);
  assert.equal(sum(c.lost), 125);
  assert.equal(sum(c.unready), 100);
});

test("counted cells and single units together show everybody", () => {
  const points = Array.from({ length: 300 }, (_, i) => [(i * i) % 400, (i * 7 + ((i * i) % 11)) % 300]);
  const c = cellsWith(points);
  let counted = 0;
  c.each((_i, _x, _y, n) => (counted += n));
  const single = points.filter(([x, y]) => c.single(x, y)).length;
  assert.ok(counted > 0 && single > 0);
  assert.equal(counted + single, 300);
});

test("cells stay on the ground when the view is panned", () => {
  const before = cellsWith([[110, 60], [130, 70]]), after = cellsWith([[90, 50], [110, 60]], { left: 1020, top: 2010 });
  assert.equal(before.at(110, 60) === before.at(130, 70), after.at(90, 50) === after.at(110, 60));
  const edges = (c) => [...Array(400).keys()].filter((x) => x && c.at(x, 5) !== c.at(x - 1, 5)).map((x) => x + c.left);
  before.left = 1000;
  after.left = 1020;
  const a = edges(before).filter((x) => x > 1030 && x < 1390), b = edges(after).filter((x) => x > 1030 && x < 1390);
  assert.deepEqual(a, b);
});

test("a number keeps clear of its cell's edges, so two never touch", () => {
  const c = cellsWith(Array.from({ length: 12 }, () => [101, 1]));
  c.each((i, x, y) => {
    assert.equal(c.at(x, y), i);
    assert.ok(x > 101 + 10);
    assert.ok(y > 1 + 10);
  });
});

test("a number steps aside for a mark or a name, and stays in its cell", () => {
  const c = cellsWith(Array.from({ length: 12 }, () => [126, 26]));
  const spots = (avoid) => {
    const out = [];
    c.each((i, x, y) => out.push([i, x, y]), avoid);
    return out;
  };
  const [[cell, x0, y0]] = spots([]);
  const mark = { x: x0 - 8, y: y0 - 8, w: 16, h: 16 };
  const [[same, x, y]] = spots([mark]);
  assert.equal(same, cell);
  assert.equal(c.at(x, y), cell);
  assert.ok(!hit({ x: x - 13, y: y - 10, w: 26, h: 20 }, mark), `${x},${y}`);
  const everywhere = { x: 0, y: 0, w: 400, h: 400 };
  assert.deepEqual(spots([everywhere]), [[cell, x0, y0]]);
});

test("counting begins and ends at different crowds, so the picture does not flicker", () => {
  assert.equal(m.mapCells.counting(0.2, false), false);
  assert.equal(m.mapCells.counting(0.3, false), true);
  assert.equal(m.mapCells.counting(0.2, true), true);
  assert.equal(m.mapCells.counting(0.1, true), false);
  assert.equal(cellsWith([]).crowded(), 0);
  assert.equal(cellsWith(Array.from({ length: 20 }, () => [10, 10])).crowded(), 1);
});

test("the scale bar shows a round length that fits", () => {
  for (const [most, nice] of [[1.4, 1], [190, 100], [4999, 2000], [5000, 5000], [97000, 50000]]) assert.equal(m.mapCells.niceBelow(most), nice);
});

test("grid lines are round and far enough apart", () => {
  assert.equal(m.mapCells.gridStep(1000, 110), 0.2);
  assert.deepEqual(m.mapCells.gridValues(113.05, 113.45, 0.1), [113.1, 113.2, 113.3, 113.4]);
});

// --- labels --------------------------------------------------------------------------------------

const label = (key, x, y, rank, extra = {}) => ({ key, x, y, w: 80, h: 20, gap: 10, rank, ...extra });
const VIEW = { w: 600, h: 400 };
const hit = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

test("no two labels overlap, none covers a foreign glyph, none leaves the view", () => {
  const labels = Array.from({ length: 50 }, (_, i) => label(`u${i}`, (i * 97) % 600, (i * 61) % 400, i % 5));
  const obstacles = labels.map((l) => ({ key: l.key, x: l.x - 8, y: l.y - 8, w: 16, h: 16 }));
  const placed = m.mapLabels.place(labels, obstacles, VIEW);
  const boxes = [...placed].map(([key, { box }]) => ({ key, ...box }));
  assert.ok(boxes.length > 15);
  for (const [i, a] of boxes.entries()) {
    assert.ok(a.x >= 0 && a.y >= 0 && a.x + a.w <= 600 && a.y + a.h <= 400);
    for (const b of boxes.slice(i + 1)) assert.ok(!hit(a, b), `${a.key} ${b.key}`);
    for (const o of obstacles) assert.ok(o.key === a.key || !hit(a, o), `${a.key} over ${o.key}`);
  }
});

test("where there is room for one, the more important label gets it", () => {
  const narrow = { w: 110, h: 30 };
  const placed = m.mapLabels.place([label("low", 10, 15, 9), label("high", 12, 15, 1)], [], narrow);
  assert.deepEqual([...placed.keys()], ["high"]);
});

test("a label keeps its side as long as it can", () => {
  const free = m.mapLabels.place([label("a", 300, 200, 1)], [], VIEW, new Map([["a", "left"]]));
  assert.equal(free.get("a").side, "left");
  const blocked = m.mapLabels.place([label("a", 300, 200, 1)], [{ key: "x", x: 200, y: 190, w: 80, h: 20 }], VIEW, new Map([["a", "left"]]));
  assert.equal(blocked.get("a").side, "right");
});

test("an incident that must be named may cover a unit, and stands farther away rather than on another label or incident", () => {
  const around = (soft) => [[310, 190], [210, 190], [260, 170], [260, 210]].map(([x, y], i) => ({ key: `o${i}`, x, y, w: 80, h: 20, soft }));
  const put = (must, obstacles) => m.mapLabels.place([label("a", 300, 200, 1, { must })], obstacles, VIEW).get("a");
  assert.equal(put(false, around(true)), undefined);
  assert.ok(["right", "left", "above", "below"].includes(put(true, around(true)).side));
  const { side, box } = put(true, around(false));
  for (const o of around(false)) assert.ok(!hit(box, o), o.key);
  assert.deepEqual(m.mapLabels.boxAt(side, label("a", 300, 200, 1)), box);
});

test("a label that stands farther away stays where it is while it can, and comes back when there is room", () => {
  const around = [[310, 190], [210, 190], [260, 170], [260, 210]].map(([x, y], i) => ({ key: `o${i}`, x, y, w: 80, h: 20 }));
  const wanted = [label("a", 300, 200, 1, { must: true })];
  const away = m.mapLabels.place(wanted, around, VIEW).get("a").side;
  assert.deepEqual(m.mapLabels.place(wanted, around, VIEW, new Map([["a", away]])).get("a").side, away);
  assert.equal(m.mapLabels.place(wanted, [], VIEW, new Map([["a", away]])).get("a").side, "right");
});

test("never more labels than anybody can read", () => {
  const many = Array.from({ length: 3000 }, (_, i) => label(`u${i}`, (i * 131) % 6000, (i * 17) % 4000, 1));
  assert.equal(m.mapLabels.place(many, [], { w: 6000, h: 4000 }).size, 80);
});

test("texts are cut by width, a Chinese character counting two", () => {
  assert.equal(m.mapLabels.cut("应急一二三四组", 14), "应急一二三四组");
  assert.equal(m.mapLabels.cut("应急一二三四五组", 14), "应急一二三四五…");
  assert.equal(m.mapLabels.cut("Patrol 12", 14), "Patrol 12");
});

// --- roster and scene ------------------------------------------------------------------------------

const NOW = 1_700_000_000_000;
const WORLD = 256 * 2 ** 12;
const AT = [23.13, 113.32];
const view = (extra = {}) => ({ w: 1000, h: 800, world: WORLD, left: m.mapScene.mercX(AT[1]) * WORLD - 500, top: m.mapScene.mercY(AT[0]) * WORLD - 400, scale: 1, ...extra });

function city(units) {
  const n = units.length;
  const arrays = { lat: new Float64Array(n), lon: new Float64Array(n), at: new Float64Array(n), heading: new Float32Array(n), speed: new Float32Array(n) };
  const roster = new m.mapRoster.Roster();
  units.forEach((u, slot) => {
    arrays.lat[slot] = u.lat ?? AT[0];
    arrays.lon[slot] = u.lon ?? AT[1];
    arrays.at[slot] = u.age === undefined ? NOW - 1000 : NOW - u.age * 1000;
    if (u.age === null) arrays.at[slot] = 0;
    roster.put({ id: `u${slot}`, slot, name: `U${slot}`, activity: u.activity || "available", lost: u.lost });
  });
  return { arrays, roster };
}
function look(scene, { arrays, roster }, { now = NOW, t = 0, v = view() } = {}) {
  return scene.look(arrays, roster, v, now, t, S.LIMITS);
}
const listed = (scene) => scene.top.map((list) => [...list]);

test("units are projected to where Web Mercator has them", () => {
  const scene = new m.mapScene.Scene(), c = city([{}, { lat: AT[0], lon: AT[1] + 0.01 }]);
  look(scene, c);
  assert.ok(Math.abs(scene.x[0] - 500) < 1e-3 && Math.abs(scene.y[0] - 400) < 1e-3);
  assert.ok(Math.abs(scene.x[1] - 500 - (0.01 / 360) * WORLD) < 1e-3);
});

test("off duty, without a position, or out of view: not drawn, and only the first is not counted as a unit", () => {
  const scene = new m.mapScene.Scene(), c = city([{ activity: "off_duty" }, { age: null }, { lat: 40 }, {}]);
  look(scene, c);
  assert.deepEqual([0, 1, 2, 3].map((s) => scene.shows(s)), [false, false, false, true]);
  assert.equal(scene.stats.units, 3);
  assert.equal(scene.stats.placed, 2);
});

test("tasked and lost units are always drawn one by one, the lost on top", () => {
  const scene = new m.mapScene.Scene();
  const c = city([{ activity: "awaiting" }, { activity: "en_route" }, { activity: "on_scene" }, { activity: "accepted" }, { activity: "en_route", age: 301 }, { lost: true }, { age: 901 }, ...Array.from({ length: 50 }, () => ({}))]);
  look(scene, c);
  assert.deepEqual(listed(scene), [[2], [3], [1], [0], [4, 5, 6]]);
  assert.ok(scene.counting);
  const singles = [];
  scene.eachIdle((s) => singles.push(s));
  scene.eachTop((s) => singles.push(s));
  assert.deepEqual(singles.sort(), [0, 1, 2, 3, 4, 5, 6]);
});

test("the clock alone turns a position late, stale and lost", () => {
  const scene = new m.mapScene.Scene(), c = city([{ activity: "en_route", age: 0 }]);
  const at = (s) => {
    look(scene, c, { now: NOW + s * 1000 });
    return S.AGES[scene.age[0]];
  };
  assert.deepEqual([0, 40, 100, 400, 10].map(at), ["live", "late", "stale", "lost", "live"]);
});

test("after a whole feed has died its idle units are counted as lost, not drawn as 5,000 crosses", () => {
  const scene = new m.mapScene.Scene();
  const c = city(Array.from({ length: 5000 }, (_, i) => ({ lat: AT[0] + (i % 70) * 1e-4, lon: AT[1] + Math.floor(i / 70) * 1e-4, age: 2000 })));
  look(scene, c);
  assert.equal(scene.stats.lost, 5000);
  assert.equal(scene.top[4].length, 0);
  assert.equal([...scene.cells.lost].reduce((a, b) => a + b, 0), 5000);
});

test("a believable step that can be seen is glided, in 900 ms", () => {
  const scene = new m.mapScene.Scene(), c = city([{}]);
  look(scene, c, { t: 1000 });
  c.arrays.lat[0] += 0.003; // 334 m
  assert.equal(look(scene, c, { t: 1000 }), 1);
  assert.ok(Math.abs(scene.y[0] - 400) < 1e-3);
  look(scene, c, { t: 1450 });
  const half = scene.y[0];
  assert.equal(look(scene, c, { t: 1901 }), 0);
  assert.ok(Math.abs(400 - half - (400 - scene.y[0]) / 2) < 0.1);
});

test("a jump of 500 m or more, a step below a pixel or two, and a first fix are not glided", () => {
  const scene = new m.mapScene.Scene(), c = city([{}]);
  assert.equal(look(scene, c), 0);
  c.arrays.lat[0] += 0.005;
  assert.equal(look(scene, c), 0);
  c.arrays.lat[0] += 0.00001;
  assert.equal(look(scene, c), 0);
  scene.glide = false;
  c.arrays.lat[0] += 0.003;
  assert.equal(look(scene, c), 0);
});

test("a click takes the nearest unit in reach, else the counted cell, else nothing", () => {
  const scene = new m.mapScene.Scene();
  const crowd = Array.from({ length: 40 }, (_, i) => ({ lat: AT[0] - 0.05, lon: AT[1] + i * 1e-5 }));
  const c = city([{ activity: "en_route" }, { activity: "on_scene", lon: AT[1] + 0.002 }, ...crowd]);
  look(scene, c);
  assert.deepEqual(scene.pick(501, 401, 14), { slot: 0 });
  assert.deepEqual(scene.pick(scene.x[1] + 2, scene.y[1], 14), { slot: 1 });
  assert.equal(scene.pick(scene.x[2], scene.y[2], 14).cell.n, 40);
  assert.equal(scene.pick(900, 20, 14), null);
});

test("a slot that has gone to another unit is not wiped when the first one leaves", () => {
  const r = new m.mapRoster.Roster();
  r.put({ id: "a", slot: 3, name: "A", activity: "available" });
  r.put({ id: "b", slot: 3, name: "B", activity: "en_route" });
  r.drop("a");
  assert.equal(r.ids[3], "b");
  assert.equal(r.act[3], S.CODE.en_route);
  r.put({ id: "b", slot: 5000, name: "B", activity: "en_route" });
  assert.equal(r.act[3], 0);
  assert.equal(r.act[5000], S.CODE.en_route);
  r.all({});
  assert.equal(r.size, 0);
});

test("20,000 units are looked at in a few milliseconds", () => {
  const scene = new m.mapScene.Scene();
  const c = city(Array.from({ length: 20_000 }, (_, i) => ({ lat: 22.8 + ((i * 7919) % 10_000) / 12_000, lon: 113 + ((i * 104_729) % 10_000) / 11_000 })));
  look(scene, c);
  const times = [];
  for (let k = 0; k < 15; k++) {
    for (let i = 0; i < 200; i++) c.arrays.lat[(k * 200 + i) % 20_000] += 1e-5;
    const t = process.hrtime.bigint();
    look(scene, c);
    times.push(Number(process.hrtime.bigint() - t) / 1e6);
  }
  assert.ok(times.sort((a, b) => a - b)[7] < 25, `median ${times[7]} ms`);
});

// --- marks, selection ------------------------------------------------------------------------------

test("only alarms that nobody has acknowledged make a ring flash", () => {
  const alarms = Object.fromEntries(["unacked", "acked", "rtn_unacked", "shelved", "suppressed", "out_of_service", "normal"].map((status) => [status, { status, subject: `incident:${status}` }]));
  assert.deepEqual([...m.mapMarks.unacked(alarms)].sort(), ["incident:rtn_unacked", "incident:unacked"]);
  assert.equal(m.mapMarks.unacked(undefined).size, 0);
});

test("everybody hears of a selection once, and can tell who made it", () => {
  const heard = [];
  const stop = m.onSelect((now, before, by) => heard.push([now && now.id, before && before.id, by]));
  m.select({ kind: "unit", id: 7 }, "map");
  m.select({ kind: "unit", id: "7" }, "list");
  m.select({ kind: "incident", id: "7" });
  m.select(null);
  m.select(null);
  stop();
  m.select({ kind: "unit", id: "8" });
  assert.deepEqual(heard, [["7", null, "map"], ["7", "7", undefined], [null, "7", undefined]]);
  assert.deepEqual(m.selected(), { kind: "unit", id: "8" });
});

test("a listener that fails does not keep the others from hearing", (t) => {
  t.mock.method(console, "error", () => {});
  const heard = [];
  const stops = [m.onSelect(() => { throw new Error("broken panel"); }), m.onSelect((now) => heard.push(now.id))];
  m.select({ kind: "unit", id: "9" });
  stops.forEach((stop) => stop());
  assert.deepEqual(heard, ["9"]);
  assert.equal(console.error.mock.callCount(), 1);
});
