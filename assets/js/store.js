/* What this page knows: cards by kind and id, counters, signs of life.
   The merge rule is that of dashboard/projections/merge.py; tests/vectors/*.json holds both to the same answers. */
(function (ns) {
  "use strict";
  const KINDS = ["incident", "order", "unit", "alarm", "camera_alert", "dispute", "level", "source"];
  const TOMBS_KEPT = 500;
  const HIDDEN_MS = 250;

  /** Do `task` with the next picture; a page that is not shown gets no pictures, but goes on learning. */
  function withNextPicture(task) {
    const doc = globalThis.document;
    if (doc && !doc.hidden && globalThis.requestAnimationFrame) globalThis.requestAnimationFrame(task);
    else setTimeout(task, HIDDEN_MS);
  }

  /** Make a store. `schedule(task)` decides when listeners hear of what has changed: many messages, one call. */
  function makeStore({ schedule = withNextPicture } = {}) {
    const listeners = new Set();
    let changed = new Set(), due = false;
    const emptyCards = () => Object.fromEntries(KINDS.map((kind) => [kind, {}]));
    let tombs = {};

    function touch(kind) {
      changed.add(kind);
      if (due) return;
      due = true;
      schedule(tell);
    }
    function tell() {
      const seen = changed;
      changed = new Set();
      due = false;
      for (const { kinds, fn } of [...listeners]) {
        if (!kinds.some((kind) => seen.has(kind))) continue;
        try {
          fn(seen);
        } catch (fault) {
          console.error(fault); // one panel's mistake must not silence the others
        }
      }
    }
    const has = (object, key) => Object.prototype.hasOwnProperty.call(object, key);
    const tombsOf = (kind) => (tombs[kind] ??= new Map());

    const store = {
      cards: emptyCards(),
      summary: {},
      vitals: {},
      demo: false,
      ready: false,
      epoch: null,
      seq: null,
      view: "",
      area: "",

      /** Take a card unless what is there is as new; say whether anything changed. */
      put(kind, card) {
        const cards = (store.cards[kind] ??= {}), graves = tombsOf(kind);
        if (has(cards, card.id) && card.v <= cards[card.id].v) return false;
        if (card.v <= (graves.get(card.id) ?? -1)) return false;
        cards[card.id] = card;
        graves.delete(card.id);
        touch(kind);
        return true;
      },
      /** Take a card away and leave a tombstone; say whether a card went. */
      drop(kind, id, v) {
        const cards = (store.cards[kind] ??= {}), graves = tombsOf(kind);
        const there = has(cards, id);
        if (there && v < cards[id].v) return false;
        delete cards[id];
        const grave = Math.max(v, graves.get(id) ?? v);
        graves.delete(id);
        graves.set(id, grave);
        if (graves.size > TOMBS_KEPT) graves.delete(graves.keys().next().value);
        if (there) touch(kind);
        return there;
      },
      /** Fold one message: "snap" (all is new), "ok", "old" (ignored) or "gap" (ask for a snapshot). */
      receive(message) {
        if (message.t === "snap") return fill(message);
        if (message.t === "beat") {
          if (message.vitals) {
            store.vitals = message.vitals;
            touch("vitals");
          }
          return store.seq !== null && message.seq <= store.seq ? "ok" : "gap";
        }
        if (message.t !== "delta") return "old";
        if (store.seq === null || message.seq > store.seq + 1) return "gap";
        if (message.seq <= store.seq) return "old";
        for (const [kind, cards] of Object.entries(message.put || {})) for (const card of Object.values(cards)) store.put(kind, card);
        for (const [kind, ids] of Object.entries(message.drop || {})) for (const [id, v] of Object.entries(ids)) store.drop(kind, id, v);
        if (message.summary) {
          Object.assign(store.summary, message.summary);
          touch("summary");
        }
        store.seq = message.seq;
        return "ok";
      },
      /** Call `fn(kinds)` after cards of these kinds (or "summary", "vitals") have changed; returns how to stop that. */
      on(kinds, fn) {
        const listener = { kinds: [].concat(kinds), fn };
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
      /** Tombstones as plain data (tests). */
      tombs: () => Object.fromEntries(Object.entries(tombs).filter(([, m]) => m.size).map(([kind, m]) => [kind, Object.fromEntries(m)])),
    };

    function fill(message) {
      store.cards = emptyCards();
      for (const [kind, cards] of Object.entries(message.cards)) store.cards[kind] = { ...cards };
      tombs = {};
      for (const [kind, ids] of Object.entries(message.tombs || {})) tombs[kind] = new Map(Object.entries(ids));
      store.summary = { ...(message.summary || {}) };
      store.vitals = message.vitals || {};
      store.demo = Boolean(message.demo);
      store.epoch = message.epoch;
      store.seq = message.seq;
      store.view = message.view || "";
      store.area = message.area || "";
      store.ready = true;
      for (const kind of [...Object.keys(store.cards), "summary", "vitals"]) touch(kind);
      return "snap";
    }
    return store;
  }

  ns.makeStore = makeStore;
  ns.store = makeStore();
})((globalThis.muster ??= {}));
