"use strict";
const test = require("node:test");
const assert = require("node:assert");
require("../../assets/js/clock.js");
const { makeClock, clock } = globalThis.muster;

/** A clock whose two hands the test moves: `mono` only forward, `wall` as the machine's owner likes. */
function hands(wall = 1_000_000, mono = 500) {
  const at = { wall, mono };
  return { at, clock: makeClock({ mono: () => at.mono, wall: () => at.wall }), pass(ms) { at.wall += ms; at.mono += ms; } };
}

test("before the first message the machine's own clock has to do", () => {
  const { clock: c } = hands();
  assert.deepEqual([c.now(), c.skew()], [1_000_000, null]);
});

test("the quickest message is believed, however late the others come", () => {
  const { clock: c, pass, at } = hands();
  const server = () => at.wall - 7_000; // this machine is 7 s ahead
  for (const delay of [400, 20, 900, 60]) {
    const sent = server();
    pass(delay);
    c.sample(sent);
    pass(1_000);
  }
  assert.equal(c.now(), server() - 20);
  assert.equal(c.skew(), 7_020);
});

test("setting the clock of this machine moves the skew and not the time that is shown", () => {
  const { clock: c, at, pass } = hands();
  c.sample(2_000_000);
  pass(1_000);
  at.wall += 3_600_000;
  assert.equal(c.now(), 2_001_000);
  assert.equal(c.skew(), at.wall - 2_001_000);
});

test("a drift is followed within a minute", () => {
  const { clock: c, pass, at } = hands();
  let server = 5_000_000;
  for (let s = 0; s < 120; s++) {
    c.sample(server);
    pass(1_000);
    server += 999; // the server's clock is slower by 1 ms a second
  }
  assert.ok(Math.abs(c.now() - server) <= 61, `${c.now() - server} ms off after two minutes`);
  assert.ok(at.mono > 0);
});

test("after a sleep in which the monotonic clock stood still the first message puts it right", () => {
  const { clock: c, at } = hands();
  c.sample(1_000_000);
  at.wall += 3_600_000; // asleep
  c.sample(4_600_000);
  assert.equal(c.now(), 4_600_000);
});

test("what is no time is not taken for one", () => {
  const { clock: c } = hands();
  for (const junk of [undefined, null, "5", NaN, Infinity]) c.sample(junk);
  assert.equal(c.skew(), null);
});

test("ages fall into the same classes as on the server", () => {
  const limits = clock.limitsFor(30);
  assert.deepEqual(limits, { late: 60, stale: 180, lost: 360 });
  const ages = [0, 60, 60.1, 180, 180.1, 360, 360.1, null, undefined, NaN];
  assert.deepEqual(ages.map((age) => clock.ageClass(age, limits)), ["live", "live", "late", "late", "stale", "stale", "lost", "lost", "lost", "lost"]);
  assert.deepEqual([clock.worst(["live", "stale", "late"]), clock.worst([])], ["stale", "lost"]);
});
