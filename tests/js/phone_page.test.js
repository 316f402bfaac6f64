"use strict";
// The phone's page around core.js, on a line that is open while the centre cannot keep anything.
const test = require("node:test");
const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");
const vm = require("node:vm");

/** An element that takes whatever is done to it. */
function element(text = "") {
  const known = { textContent: text, dataset: {}, hidden: false, value: "0", clientWidth: 0, clientHeight: 0 };
  return new Proxy(known, {
    get: (target, name) => (name in target ? target[name] : () => element()),
    set: (target, name, value) => ((target[name] = value), true),
  });
}

/** Load the page of unit U-1 with these open orders; time moves by `after`. */
function page(orders, { kept = new Map(), onDuty = true } = {}) {
  let now = 1_000_000;
  const timers = [], sockets = [], elements = {};
  const data = { unit: { id: "U-1", name: "一组", on_duty: onDuty }, tasks: orders, texts: {} };
  elements["phone-data"] = element(JSON.stringify(data));
  class Line {
    constructor() {
      this.readyState = 0;
      this.said = [];
      sockets.push(this);
    }
    send(text) {
      this.said.push(JSON.parse(text));
    }
    close() {
      this.readyState = 3;
      this.onclose({ code: 1006 });
    }
    opens() {
      this.readyState = 1;
      this.onopen();
    }
    hears(message) {
      this.onmessage({ data: JSON.stringify(message) });
    }
  }
  const document = {
    getElementById: (id) => (elements[id] ??= element()),
    createElement: () => element(),
    addEventListener: () => {},
    documentElement: element(),
    visibilityState: "visible",
  };
  const world = {
    document, console, WebSocket: Line, navigator: {}, location: { protocol: "http:", host: "h" },
    performance: { now: () => now }, Math, JSON, Date: class extends Date { static now() { return now; } },
    localStorage: { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => kept.set(k, v) },
    setInterval: (fn, ms) => timers.push({ fn, ms, at: now + ms }),
    setTimeout: (fn, ms) => timers.push({ fn, at: now + ms }),
    clearTimeout: () => {}, addEventListener: () => {}, isSecureContext: false, AudioContext: class { resume() {} },
  };
  world.window = world;
  const context = vm.createContext(world);
  for (const name of ["core.js", "unit.js"]) {
    vm.runInContext(fs.readFileSync(path.join(__dirname, "../../assets/phone", name), "utf8"), context);
  }
  return {
    line: () => sockets[sockets.length - 1],
    button: (id) => elements[id],
    duty: () => elements.duty.textContent,
    after(ms) {
      for (const end = now + ms; now < end; ) {
        now += 500;
        for (const timer of [...timers]) {
          if (now < timer.at) continue;
          if (timer.ms) timer.at += timer.ms;
          else timers.splice(timers.indexOf(timer), 1);
          timer.fn();
        }
        if (sockets.length && this.line().readyState === 1 && now % 5000 === 0) this.line().hears({ t: "beat", now });
      }
    },
  };
}

const order = (extra = {}) => ({
  order_id: "DP-1", unit_id: "U-1", number: "1", title: "t", text: "x", sev: 2, status: "read", queued_at: 1, ack_due_at: 2_000_000,
  ack_limit_s: 60, place: null, ...extra,
});
const receipts = (line, kind) => line.said.filter((m) => m.receipt === kind);

test("an answer that the centre could not keep is said again on the same line until it is confirmed", () => {
  const phone = page([order()]);
  phone.line().opens();
  phone.line().hears({ t: "tasks", orders: [order()], now: 1_000_000 });
  phone.button("next").onclick();
  assert.equal(receipts(phone.line(), "accepted").length, 1);
  phone.after(6_000);
  const said = receipts(phone.line(), "accepted");
  assert.equal(said.length, 2);
  assert.deepEqual(said[0], said[1]);
  phone.line().hears({ t: "ok", event_id: said[0].event_id });
  phone.after(20_000);
  assert.equal(receipts(phone.line(), "accepted").length, 2);
});

test("that the device has the order is said again until it is confirmed", () => {
  const phone = page([]);
  phone.line().opens();
  phone.line().hears({ t: "tasks", orders: [], now: 1_000_000 });
  phone.line().hears({ t: "order", order: order({ status: "sending" }) });
  phone.after(6_000);
  const said = receipts(phone.line(), "delivered");
  assert.equal(said.length, 2);
  phone.line().hears({ t: "ok", event_id: said[0].event_id });
  phone.after(20_000);
  assert.equal(receipts(phone.line(), "delivered").length, 2);
});

test("going on duty without a connection is kept, said once there is one, and survives a reload", () => {
  const kept = new Map();
  const first = page([], { kept, onDuty: false });
  first.button("duty").onclick();
  assert.equal(first.duty(), "phone.end_duty");
  const phone = page([], { kept, onDuty: false });
  assert.equal(phone.duty(), "phone.end_duty");
  phone.line().opens();
  const [said] = phone.line().said.filter((m) => m.t === "status");
  assert.equal(said.on_duty, true);
  assert.deepEqual(Object.keys(said).sort(), ["event_id", "occurred_at", "on_duty", "t", "unit_id"]);
  phone.line().hears({ t: "ok", event_id: said.event_id });
  assert.equal(phone.duty(), "phone.end_duty");
});

test("a change of duty that the centre refuses is taken back on the screen", () => {
  const phone = page([], { onDuty: false });
  phone.line().opens();
  phone.button("duty").onclick();
  const [said] = phone.line().said.filter((m) => m.t === "status");
  phone.line().hears({ t: "refused", event_id: said.event_id, text: "no" });
  assert.equal(phone.duty(), "phone.start_duty");
});
