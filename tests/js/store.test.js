"use strict";
const test = require("node:test");
const assert = require("node:assert");
const path = require("node:path");
require("../../assets/js/store.js");
const { makeStore } = globalThis.muster;
const vectors = require("../vectors/merge.json");

const plain = (value) => JSON.parse(JSON.stringify(value));
const filled = (kinds) => plain(Object.fromEntries(Object.entries(kinds).filter(([, some]) => Object.keys(some).length)));
const snap = (cards = {}, more = {}) => ({ t: "snap", v: 1, epoch: "e", seq: 0, now: 1, cards, tombs: {}, summary: {}, vitals: {}, demo: false, ...more });

/** A store whose listeners hear when the test says so. */
function still() {
  const tasks = [];
  const store = makeStore({ schedule: (task) => tasks.push(task) });
  return { store, tasks, flush: () => tasks.splice(0).forEach((task) => task()) };
}

for (const vector of vectors) {
  test(`vector: ${vector.name}`, () => {
    const { store } = still();
    assert.deepEqual(vector.messages.map((m) => store.receive(plain(m))), vector.results);
    assert.deepEqual(filled(store.cards), vector.cards);
    assert.deepEqual(plain(store.tombs()), vector.tombs);
    assert.deepEqual(plain(store.summary), vector.summary);
    assert.deepEqual([store.seq, store.epoch], [vector.seq, vector.epoch]);
  });
}

test("every kind of card is there from the start, so that a screen can be drawn before anything has come", () => {
  const { store } = still();
  for (const kind of ["incident", "order", "unit", "alarm", "camera_alert", "dispute", "level", "source"]) assert.deepEqual(store.cards[kind], {});
  assert.equal(store.ready, false);
  store.receive(snap());
  assert.equal(store.ready, true);
  assert.deepEqual(store.cards.unit, {});
});

test("a listener hears once of many messages, and only of the kinds it asked for", () => {
  const { store, tasks, flush } = still();
  const heard = [];
  store.on(["alarm", "summary"], (kinds) => heard.push([...kinds].sort()));
  store.on("unit", () => heard.push("unit"));
  store.receive(snap());
  flush();
  heard.length = 0;
  store.receive({ t: "delta", seq: 1, now: 2, put: { alarm: { a: { id: "a", v: 1 } } } });
  store.receive({ t: "delta", seq: 2, now: 3, put: { alarm: { a: { id: "a", v: 2 } } }, summary: { alarms: {} } });
  assert.equal(tasks.length, 1);
  flush();
  assert.deepEqual(heard, [["alarm", "summary"]]);
});

test("a put that changes nothing wakes nobody", () => {
  const { store, tasks, flush } = still();
  store.receive(snap({ alarm: { a: { id: "a", v: 5 } } }));
  flush();
  store.receive({ t: "delta", seq: 1, now: 2, put: { alarm: { a: { id: "a", v: 5 } } }, drop: { alarm: { b: 3 } } });
  assert.equal(tasks.length, 0);
});

test("a listener that fails does not silence the others, and one that has left is not called", (t) => {
  t.mock.method(console, "error", () => {});
  const { store, flush } = still();
  const heard = [];
  store.on("unit", () => { throw new Error("mine"); });
  store.on("unit", () => heard.push("second"));
  const leave = store.on("unit", () => heard.push("third"));
  leave();
  store.receive(snap());
  flush();
  assert.deepEqual(heard, ["second"]);
  assert.equal(console.error.mock.callCount(), 1);
});

test("beats bring signs of life, snapshots the mark of a demonstration", () => {
  const { store } = still();
  store.receive(snap({}, { demo: true, vitals: { pulse: { at: 5 } } }));
  assert.deepEqual([store.demo, store.vitals.pulse.at], [true, 5]);
  store.receive({ t: "beat", seq: 0, now: 9, vitals: { pulse: { at: 8 } } });
  assert.equal(store.vitals.pulse.at, 8);
});

test("tombstones are bounded, and the oldest go first", () => {
  const { store } = still();
  store.receive(snap());
  for (let n = 0; n < 520; n++) store.drop("alarm", `a${n}`, n);
  const kept = Object.keys(store.tombs().alarm);
  assert.deepEqual([kept.length, kept[0]], [500, "a20"]);
});

test("whatever order puts and drops of one card come in, the page ends up the same", () => {
  const messages = [["put", 3], ["put", 5], ["drop", 6], ["put", 8], ["drop", 4]];
  const orders = (list) => (list.length < 2 ? [list] : list.flatMap((one, i) => orders([...list.slice(0, i), ...list.slice(i + 1)]).map((rest) => [one, ...rest])));
  for (const order of orders(messages)) {
    const { store } = still();
    for (const [what, v] of order) what === "put" ? store.put("incident", { id: "i", v }) : store.drop("incident", "i", v);
    assert.equal(store.cards.incident.i.v, 8, JSON.stringify(order));
  }
});

test("the file can be loaded after other scripts have made the namespace", () => {
  const vm = require("node:vm"), fs = require("node:fs");
  const context = vm.createContext({ muster: { words: 1 }, setTimeout, console });
  vm.runInContext(fs.readFileSync(path.join(__dirname, "../../assets/js/store.js"), "utf8"), context);
  assert.equal(context.muster.words, 1);
  assert.equal(typeof context.muster.store.on, "function");
});
