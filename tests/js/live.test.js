"use strict";
const test = require("node:test");
const assert = require("node:assert");
for (const name of ["clock", "frames", "live", "store"]) require(`../../assets/js/${name}.js`);
const { makeLive, makeStore, makeClock, frames, live } = globalThis.muster;

const NOW = 1_795_400_000_000;

/** A page in a world of the test's making: time passes when told, the server is `w.server`. */
function world({ status = 200 } = {}) {
  const w = { t: 1_000, timers: [], sockets: [], probes: 0, status };
  const store = makeStore({ schedule: (task) => task() });
  const clock = makeClock({ mono: () => w.t, wall: () => NOW + w.t });
  const units = frames.makeUnits();
  w.live = makeLive({
    store, clock, units,
    mono: () => w.t,
    random: () => 1,
    location: { protocol: "https:", host: "centre.test" },
    later: (fn, ms) => w.timers.push({ at: w.t + ms, fn }),
    probe: async () => (w.probes++, w.status),
    open: (url) => {
      const socket = { url, readyState: 0, sent: [], closed: false, send: (m) => socket.sent.push(JSON.parse(m)), close: () => { socket.closed = true; } };
      w.sockets.push(socket);
      return socket;
    },
  });
  w.store = store;
  w.units = units;
  w.pass = (ms) => {
    const end = w.t + ms;
    for (;;) {
      const next = w.timers.filter((x) => x.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      w.timers.splice(w.timers.indexOf(next), 1);
      w.t = Math.max(w.t, next.at);
      next.fn();
    }
    w.t = end;
  };
  w.socket = () => w.sockets[w.sockets.length - 1];
  w.say = (message) => w.socket().onmessage({ data: message instanceof ArrayBuffer ? message : JSON.stringify(message) });
  w.accept = (seq = 0, more = {}) => {
    w.socket().readyState = 1;
    w.socket().onopen();
    w.say(w.snap(seq, more));
  };
  w.snap = (seq, more = {}) => ({ t: "snap", v: 1, epoch: "e1", seq, now: NOW + w.t, view: "wall", area: "4401", cards: {}, tombs: {}, summary: {}, vitals: { pulse: { at: NOW + w.t } }, demo: false, ...more });
  w.beat = (seq = 0, pulseAge = 0) => w.say({ t: "beat", seq, now: NOW + w.t, vitals: { pulse: { at: NOW + w.t - pulseAge } } });
  w.drop = (code = 1006) => { w.socket().readyState = 3; w.socket().onclose({ code }); };
  w.state = () => w.live.state().state;
  w.start = () => w.live.start({ view: "wall", area: "4401" });
  return w;
}

test("it asks for its view and area, and is live from the first snapshot on", () => {
  const w = world();
  w.start();
  const url = new URL(w.socket().url);
  assert.deepEqual([url.protocol, url.host, url.pathname], ["wss:", "centre.test", "/live"]);
  assert.deepEqual([url.searchParams.get("view"), url.searchParams.get("area")], ["wall", "4401"]);
  assert.equal(w.state(), "connecting");
  w.accept();
  assert.equal(w.state(), "live");
  assert.equal(w.live.state().retry_in_ms, null);
  w.start();
  assert.equal(w.sockets.length, 1, "asking for the same again changes nothing");
});

test("silence of a server that is still connected marks the page within three seconds, and a message heals it", () => {
  const w = world(), seen = [];
  w.live.onState((s) => seen.push(s.state));
  w.start();
  w.accept();
  w.pass(1_900);
  assert.equal(w.state(), "live");
  w.pass(200);
  assert.equal(w.state(), "late");
  w.pass(900);
  assert.deepEqual([w.state(), w.live.state().silent_ms, w.live.state().data_at], ["lost", 3_000, NOW + 1_000]);
  w.pass(500);
  assert.equal(seen[seen.length - 1], "lost", "listeners hear of it from the watchdog");
  w.beat();
  assert.equal(w.state(), "live");
  assert.equal(seen[seen.length - 1], "live");
});

test("messages that carry old data are no sign of health", () => {
  const w = world();
  w.start();
  w.accept();
  for (let age = 0; age <= 12_000; age += 1_000) {
    w.pass(1_000);
    w.beat(0, age);
  }
  const { state, silent_ms, data_at } = w.live.state();
  assert.deepEqual([state, silent_ms, data_at], ["late", 12_000, NOW + w.t - 12_000]);
  w.beat(0, 500);
  assert.equal(w.state(), "live");
});

test("it tries again for ever, after 1-2-4-8-15-15 s, and counts the seconds down", () => {
  const w = world(), waits = [];
  w.start();
  w.accept();
  w.drop();
  for (let n = 0; n < 6; n++) {
    waits.push(w.live.state().retry_in_ms);
    w.pass(waits[n] - 1);
    assert.equal(w.sockets.length, n + 1);
    w.pass(1);
    assert.equal(w.sockets.length, n + 2);
    assert.equal(w.live.state().retry_in_ms, 0, "trying now");
    w.drop();
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 15_000, 15_000]);
  w.pass(3_600_000);
  assert.ok(w.sockets.length > 100, "an hour later it still tries");
  w.live.retry(); // the network is back
  w.accept(0, { epoch: "e2" });
  assert.equal(w.state(), "live");
  w.drop();
  assert.equal(w.live.state().retry_in_ms, 1_000, "from the start again");
});

test("the pauses are jittered, so that a hundred walls do not come back at once", () => {
  const pauses = new Set(Array.from({ length: 50 }, () => live.backoff(3)));
  assert.ok(pauses.size > 20);
  for (const p of pauses) assert.ok(p >= 5_600 && p <= 8_000);
});

test("a socket that opens and says nothing, or never opens, is given up after six seconds", () => {
  const w = world();
  w.start();
  w.pass(7_000);
  assert.equal(w.sockets[0].closed, true);
  w.pass(1_000);
  assert.equal(w.sockets.length, 2);
  w.accept();
  w.pass(6_600);
  assert.equal(w.sockets[1].closed, true);
  w.sockets[1].onmessage({ data: JSON.stringify(w.snap(9)) });
  assert.equal(w.store.seq, 0, "what a socket says after that is not heard");
});

test("a short break of the connection shows as late, a longer one as lost", () => {
  const w = world();
  w.start();
  w.accept();
  w.drop();
  assert.equal(w.state(), "late");
  w.pass(3_000);
  assert.equal(w.state(), "lost");
  w.accept();
  assert.equal(w.state(), "live");
});

test("a gap asks for a snapshot, once, and again when none comes", () => {
  const w = world();
  w.start();
  w.accept();
  for (const seq of [3, 4, 5]) w.say({ t: "delta", seq, now: NOW + w.t });
  assert.deepEqual(w.socket().sent, [{ t: "resync" }]);
  w.pass(3_100);
  w.beat(5);
  assert.deepEqual(w.socket().sent.filter((m) => m.t === "resync").length, 2);
  w.say(w.snap(5));
  w.say({ t: "delta", seq: 6, now: NOW + w.t });
  assert.equal(w.store.seq, 6);
});

test("what comes before the snapshot of a new connection is not folded into the old picture", () => {
  const w = world();
  w.start();
  w.accept(3);
  w.drop();
  w.pass(1_000);
  w.socket().readyState = 1;
  w.socket().onopen();
  w.say({ t: "delta", seq: 4, now: NOW, put: { alarm: { a: { id: "a", v: 1 } } } });
  assert.deepEqual(w.store.cards.alarm, {});
  assert.equal(w.state(), "late", "not live before its snapshot");
  w.say(w.snap(4));
  assert.equal(w.state(), "live");
});

test("every two seconds it says how far it is", () => {
  const w = world();
  w.start();
  w.accept(7);
  w.live.noteFps(60);
  w.pass(1_000);
  w.beat(7);
  w.pass(1_000);
  const { t, seq, fps, skew } = w.socket().sent[0];
  assert.deepEqual({ t, seq, fps, skew }, { t: "ack", seq: 7, fps: 60, skew: 0 });
});

test("a session that has ended is said, tried again seldom, and over once somebody has signed in", () => {
  const w = world();
  w.start();
  w.accept();
  w.say({ t: "bye", reason: "session" });
  w.drop(4401);
  assert.equal(w.live.state().ended, "session");
  assert.equal(w.live.state().retry_in_ms, 30_000);
  w.live.retry();
  w.accept();
  assert.deepEqual([w.live.state().ended, w.state()], [null, "live"]);
});

test("a refused handshake is looked into, because the socket itself does not say why", async () => {
  for (const [status, ended] of [[401, "session"], [403, "scope"], [404, "scope"], [503, null], [200, null]]) {
    const w = world({ status });
    w.start();
    w.drop(1006);
    await new Promise(setImmediate);
    assert.deepEqual([w.probes, w.live.state().ended], [1, ended], `status ${status}`);
  }
});

test("a server that restarts is found again after the shortest pause", () => {
  const w = world();
  w.start();
  w.accept();
  w.say({ t: "bye", reason: "restart" });
  w.drop(1012);
  assert.deepEqual([w.live.state().ended, w.live.state().retry_in_ms], [null, 1_000]);
  w.pass(1_000);
  w.accept(0, { epoch: "e2" });
  assert.deepEqual([w.store.epoch, w.state()], ["e2", "live"]);
});

test("positions wait for the cards, and a new epoch forgets the old ones", () => {
  const w = world();
  const buffer = new ArrayBuffer(30), view = new DataView(buffer);
  [0x4d, 1, 1, 0].forEach((b, i) => view.setUint8(i, b));
  view.setUint32(4, 1, true);
  view.setFloat64(8, NOW, true);
  view.setInt32(16, 23_100_000, true);
  w.start();
  w.socket().readyState = 1;
  w.socket().onopen();
  w.say(buffer);
  assert.equal(w.units.frames, 0);
  w.say(w.snap(0));
  w.say(buffer);
  assert.equal(w.units.lat[0], 23.1);
  w.say(w.snap(1));
  assert.equal(w.units.at[0], NOW, "the same epoch gives out the same slots");
  w.say(w.snap(0, { epoch: "e2" }));
  assert.equal(w.units.at[0], 0);
});

test("a message that cannot be read asks for a snapshot instead of ending everything", () => {
  const w = world();
  w.start();
  w.accept();
  w.socket().onmessage({ data: "{not json" });
  assert.deepEqual(w.socket().sent, [{ t: "resync" }]);
  assert.equal(w.state(), "live");
});

test("another view starts anew, and stopping stops", () => {
  const w = world();
  w.start();
  w.accept();
  w.live.start({ view: "console", area: "440112" });
  assert.equal(w.sockets[0].closed, true);
  assert.equal(w.state(), "connecting");
  assert.equal(new URL(w.socket().url).searchParams.get("view"), "console");
  w.accept();
  w.live.stop();
  w.pass(60_000);
  assert.equal(w.sockets.length, 2);
  assert.equal(w.timers.length, 0, "no timer is left behind");
});
