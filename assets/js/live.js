/* The page's one connection to the server: opens it, for ever; says how it is; feeds store, clock and units.

   States: "connecting" (nothing has come yet), "live", "late" (messages come but what they carry is old; the next one is
   overdue; the connection is being made again), "lost" (silence for 3 s). Silence is measured on the monotonic clock by a watchdog of our own: whether
   the server died, hangs, or the network is cut, the page says so, and heals by itself. */
(function (ns) {
  "use strict";
  const LATE_MS = 2_000, LOST_MS = 3_000, DEAD_MS = 6_000, PULSE_LATE_MS = 3_000;
  const BACKOFF_MS = [1_000, 2_000, 4_000, 8_000, 15_000], ENDED_MS = 30_000;
  const WATCH_MS = 500, ACK_MS = 2_000, RESYNC_MS = 3_000;
  const ENDINGS = { 4401: "session", 4403: "scope" };

  /** How long to wait before try number `n` (from 0), in ms: 1-2-4-8-15 s, each between 70 and 100 % of it. */
  function backoff(n, random = Math.random()) {
    return Math.round(BACKOFF_MS[Math.min(n, BACKOFF_MS.length - 1)] * (0.7 + 0.3 * random));
  }

  /** Name the state: `heard` says whether a snapshot ever came, `silent` and `pulse` (null: unknown) are ages in ms. */
  function judge({ heard, open, silent, pulse }) {
    if (!heard) return "connecting";
    if (silent >= LOST_MS) return "lost";
    return !open || silent >= LATE_MS || (pulse !== null && pulse > PULSE_LATE_MS) ? "late" : "live";
  }

  /** Make the connection. Everything it touches can be replaced in a test. */
  function makeLive(env = {}) {
    const mono = env.mono || (() => performance.now());
    const later = env.later || ((fn, ms) => setTimeout(fn, ms));
    const random = env.random || Math.random;
    const open = env.open || ((url) => new WebSocket(url));
    const probe = env.probe || ask;
    const part = (name) => env[name] || ns[name];
    const listeners = new Set();

    let wanted = null; // {view, area}
    let socket = null;
    let generation = 0; // of sockets: events of an old one mean nothing
    let startedAt = 0, heardAt = 0, triedAt = 0, retryAt = null, tries = 0;
    let heard = false, inSync = false, askedAt = -Infinity;
    let dataAt = null, pulseAt = null, ended = null, last = "", watching = false;
    let fps = null;

    function state() {
      const t = mono(), silent = t - (heard ? heardAt : startedAt);
      const pulse = pulseAt === null || dataAt === null ? null : dataAt - pulseAt;
      const name = judge({ heard, open: Boolean(socket && inSync), silent, pulse });
      const old = name === "late" && pulse !== null && pulse > PULSE_LATE_MS;
      return {
        state: name,
        silent_ms: Math.max(0, old ? Math.max(silent, pulse + silent) : silent),
        data_at: old ? pulseAt : dataAt,
        retry_in_ms: wanted === null || (socket && inSync) ? null : retryAt === null ? 0 : Math.max(0, retryAt - t),
        ended,
      };
    }

    function tell(always) {
      const now = state(), key = `${now.state}|${now.ended}`;
      if (key === last && !always) return;
      last = key;
      for (const fn of [...listeners]) {
        try {
          fn(now);
        } catch (fault) {
          console.error(fault);
        }
      }
    }

    function connect() {
      retryAt = null;
      triedAt = mono();
      const mine = ++generation;
      let opened = false;
      inSync = false;
      socket = open(address());
      socket.binaryType = "arraybuffer";
      socket.onopen = () => {
        if (mine === generation) opened = true;
      };
      socket.onmessage = (event) => {
        if (mine === generation) take(event.data);
      };
      socket.onclose = (event) => {
        if (mine !== generation) return;
        if (ENDINGS[event.code]) ended = ENDINGS[event.code];
        else if (!opened && wanted) refused();
        again();
      };
      socket.onerror = () => {};
      tell(true);
    }

    /* A refused handshake says nothing about why: ask the same question in a way that has an answer. */
    function refused() {
      const asked = wanted;
      Promise.resolve(probe(asked)).then((status) => {
        if (wanted !== asked || inSync) return;
        ended = status === 401 ? "session" : status === 403 || status === 404 ? "scope" : null;
        tell(true);
      }, () => {});
    }

    function again() {
      generation++;
      socket = null;
      inSync = false;
      if (!wanted) return;
      retryAt = mono() + (ended ? ENDED_MS : backoff(tries, random()));
      tries++;
      tell(true);
      schedule();
    }

    function schedule() {
      const mine = generation;
      later(() => {
        if (mine === generation && wanted && !socket && retryAt !== null) connect();
      }, Math.max(0, retryAt - mono()));
    }

    function take(data) {
      heardAt = mono();
      if (typeof data !== "string") {
        const frame = ns.frames.decode(data);
        // Positions without the cards that name their slots would land on the wrong units.
        if (frame && inSync) {
          part("units").apply(frame);
          if (ns.map) ns.map.frame();
        }
        return tell();
      }
      let message;
      try {
        message = JSON.parse(data);
      } catch {
        return resync();
      }
      if (message.t === "bye") {
        if (message.reason === "session" || message.reason === "scope") ended = message.reason;
        return tell();
      }
      fold(message);
      tell();
    }

    function fold(message) {
      const store = part("store"), epoch = store.epoch;
      if (message.t !== "snap" && !inSync) return; // the rest of what was there before the snapshot we asked for
      part("clock").sample(message.now);
      if (typeof message.now === "number") dataAt = message.now;
      const result = store.receive(message);
      if (message.vitals) pulseAt = message.vitals.pulse ? message.vitals.pulse.at : null;
      if (result === "snap") {
        heard = inSync = true;
        ended = null;
        tries = 0;
        askedAt = -Infinity;
        if (message.epoch !== epoch) part("units").clear();
        if (ns.map) ns.map.all();
      } else if (result === "gap") resync();
      else if (result === "ok" && message.t === "delta" && ns.map) ns.map.changed(message);
    }

    function resync() {
      if (mono() - askedAt < RESYNC_MS) return;
      askedAt = mono();
      say({ t: "resync" });
    }

    function say(message) {
      if (socket && socket.readyState === 1) socket.send(JSON.stringify(message));
    }

    function watch() {
      if (!wanted) return (watching = false);
      const t = mono();
      // A socket that is open and says nothing, or never opens, is as good as dead: the network may have forgotten it.
      if (socket && t - Math.max(triedAt, heardAt) > DEAD_MS) {
        const dead = socket;
        again();
        try {
          dead.close();
        } catch { /* it was never open */ }
      }
      tell(state().state !== "live");
      later(watch, WATCH_MS);
    }

    function acknowledge() {
      if (!wanted) return;
      if (inSync) say({ t: "ack", seq: part("store").seq, fps, skew: part("clock").skew() });
      later(acknowledge, ACK_MS);
    }

    function address() {
      const { protocol, host } = env.location || globalThis.location;
      const query = new URLSearchParams({ view: wanted.view, client: clientId() });
      if (wanted.area !== undefined && wanted.area !== null) query.set("area", wanted.area);
      return `${protocol === "https:" ? "wss:" : "ws:"}//${host}/live?${query}`;
    }

    return {
      /** Watch a view of an area, until `stop`; asking for the same again changes nothing. */
      start({ view, area }) {
        if (wanted && wanted.view === view && wanted.area === area) return;
        wanted = { view, area };
        if (socket) {
          const old = socket;
          generation++;
          socket = null;
          old.close();
        }
        heard = inSync = false;
        ended = dataAt = pulseAt = null;
        tries = 0;
        startedAt = mono();
        if (!watching) {
          watching = true;
          later(watch, WATCH_MS);
          later(acknowledge, ACK_MS);
        }
        connect();
      },
      /** Stop watching (the page goes away). */
      stop() {
        const old = socket;
        wanted = socket = null;
        generation++;
        if (old) old.close();
      },
      /** Try now instead of later (the network is back, the page is looked at again, somebody signed in). */
      retry() {
        if (!wanted || socket) return;
        tries = 0;
        generation++;
        connect();
      },
      /** Tell {state, silent_ms, data_at, retry_in_ms, ended}: data_at is the server's time of what is shown. */
      state,
      /** Call `fn(state)` when the state changes, and twice a second while it is not live; returns how to stop that. */
      onState(fn) {
        listeners.add(fn);
        fn(state());
        return () => listeners.delete(fn);
      },
      /** Note how many pictures a second the page manages. */
      noteFps(n) {
        fps = n;
      },
    };
  }

  /** A name for this browser window that survives a reload. */
  function clientId() {
    try {
      const kept = sessionStorage.getItem("muster.client");
      if (kept) return kept;
      const fresh = Math.random().toString(36).slice(2, 10);
      sessionStorage.setItem("muster.client", fresh);
      return fresh;
    } catch {
      return "unnamed";
    }
  }

  /** Ask over HTTP how the server thinks of us; only the status is of interest. */
  async function ask({ view, area }) {
    const cut = new AbortController();
    const query = new URLSearchParams({ view });
    if (area !== undefined && area !== null) query.set("area", area);
    const answer = await fetch(`/snapshot?${query}`, { signal: cut.signal, cache: "no-store", redirect: "manual" });
    const { status, type } = answer;
    cut.abort();
    return type === "opaqueredirect" ? 401 : status; // sent to the sign-in page
  }

  /** Count pictures for half a second, every ten: a loop that always runs would cost more than it tells. */
  function countPictures(live) {
    if (document.hidden) {
      live.noteFps(null);
    } else {
      const from = performance.now();
      let n = 0;
      const step = (t) => {
        n++;
        if (t - from < 500) requestAnimationFrame(step);
        else live.noteFps(Math.round((n * 1000) / (t - from)));
      };
      requestAnimationFrame(step);
    }
    setTimeout(() => countPictures(live), 10_000);
  }

  ns.makeLive = makeLive;
  ns.live = Object.assign(makeLive(), { backoff, judge });
  if (globalThis.document && globalThis.addEventListener) {
    addEventListener("online", () => ns.live.retry());
    document.addEventListener("visibilitychange", () => document.hidden || ns.live.retry());
    countPictures(ns.live);
  }
})((globalThis.muster ??= {}));
