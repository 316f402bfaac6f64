"use strict";
const test = require("node:test");
const assert = require("node:assert");
require("../../assets/js/frames.js");
const { decode, makeUnits } = globalThis.muster.frames;
const vectors = require("../vectors/frames.json");

const BASE = 1_795_400_000_000;
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex")).buffer;

/** Make a frame by the protocol's text; a row is [slot, lat, lon, age, heading, speed]. */
function frame(rows, { all = false, base = BASE } = {}) {
  const n = rows.length, buffer = new ArrayBuffer(16 + 14 * n), view = new DataView(buffer);
  view.setUint8(0, 0x4d);
  view.setUint8(1, 1);
  view.setUint8(2, all ? 1 : 2);
  view.setUint32(4, n, true);
  view.setFloat64(8, base, true);
  rows.forEach(([slot, lat, lon, age = 0, heading = 255, speed = 255], i) => {
    view.setInt32(16 + 4 * i, Math.round(lat * 1e6), true);
    view.setInt32(16 + 4 * n + 4 * i, Math.round(lon * 1e6), true);
    view.setUint16(16 + 8 * n + 2 * i, slot, true);
    view.setUint16(16 + 10 * n + 2 * i, age, true);
    view.setUint8(16 + 12 * n + i, heading);
    view.setUint8(16 + 13 * n + i, speed);
  });
  return decode(buffer);
}

for (const vector of vectors) {
  test(`vector: ${vector.name}`, () => {
    const units = makeUnits();
    for (const hex of vector.frames) units.apply(decode(bytes(hex)));
    for (const [slot, want] of Object.entries(vector.units)) {
      const { lat, lon, at, heading, speed } = units;
      assert.deepEqual({ lat: lat[slot], lon: lon[slot], at: at[slot], heading: heading[slot], speed: speed[slot] }, want, `slot ${slot}`);
    }
    const known = Array.from(units.at.subarray(0, units.size).keys()).filter((s) => units.at[s] > 0);
    assert.deepEqual(known.map(String), Object.keys(vector.units));
  });
}

test("what is no frame, or a torn one, is not taken for one", () => {
  for (const junk of ["", "4d01", "4e01020000000000" + "00".repeat(8), "4d02020000000000" + "00".repeat(8), "4d01020001000000" + "00".repeat(8), "4d01020000000000" + "00".repeat(9)])
    assert.equal(decode(bytes(junk)), null);
});

test("a fix that is older than what is there moves nothing", () => {
  const units = makeUnits();
  units.apply(frame([[3, 23.2, 113.2, 10]]));
  assert.equal(units.apply(frame([[3, 23.9, 113.9, 11]])), 0);
  assert.equal(units.lat[3], 23.2);
  assert.equal(units.apply(frame([[3, 23.3, 113.3, 5]])), 1);
  assert.equal(units.at[3], BASE - 500);
});

test("an age in minutes is coarse and does not turn back what is known more exactly", () => {
  const units = makeUnits();
  units.apply(frame([[0, 23.1, 113.1, 59_999]])); // 99 min 59.9 s
  const exact = units.at[0];
  assert.equal(units.apply(frame([[0, 23.1, 113.1, 60_100]], { all: true, base: BASE + 10_000 })), 1);
  assert.equal(units.at[0], Math.max(exact, BASE + 10_000 - 6_000_000));
  assert.equal(units.apply(frame([[0, 23.7, 113.7, 60_103]], { base: BASE })), 0, "minutes older");
});

test("a frame of all units takes away those it does not name", () => {
  const units = makeUnits();
  units.apply(frame([[0, 23.1, 113.1], [1, 23.2, 113.2]]));
  units.apply(frame([[1, 23.2, 113.2]], { all: true }));
  assert.deepEqual([units.at[0], units.at[1]], [0, BASE]);
});

test("the arrays grow with the slots and keep what they had", () => {
  const units = makeUnits();
  units.apply(frame([[7, 23.5, 113.5]]));
  units.apply(frame([[40_000, 23.6, 113.6]]));
  assert.ok(units.lat.length > 40_000);
  assert.deepEqual([units.lat[7], units.lat[40_000], units.size], [23.5, 23.6, 40_001]);
});

test("a new epoch forgets every place", () => {
  const units = makeUnits();
  units.apply(frame([[7, 23.5, 113.5]]));
  units.clear();
  assert.deepEqual([units.at[7], units.size], [0, 0]);
  assert.equal(units.apply(frame([[7, 23.1, 113.1, 600]])), 1, "older than what was there before");
});

test("20,000 units are taken in well under a picture's time", () => {
  const units = makeUnits();
  const big = frame(Array.from({ length: 20_000 }, (_, s) => [s, 23 + s / 1e5, 113, s % 600, 90, 5]), { all: true });
  for (let i = 0; i < 5; i++) units.apply(big);
  const begun = performance.now();
  units.apply(big);
  assert.ok(performance.now() - begun < 50, `${performance.now() - begun} ms`);
});
