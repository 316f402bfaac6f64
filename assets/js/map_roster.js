/* Units by slot: what each is doing, from its card. A slot is where a unit's position stands in muster.units. Pure. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});

  class Roster {
    constructor() {
      this.size = 0; // slots in use: all below
      this.act = new Uint8Array(0); // activity by slot, number of map_shapes.ACTIVITIES; 0: nothing to draw
      this.lost = new Uint8Array(0);
      this.ids = [];
      this.names = [];
      this.slots = new Map();
    }

    _grow(n) {
      if (n <= this.act.length) return;
      const room = Math.max(1024, 2 ** Math.ceil(Math.log2(n)));
      for (const name of ["act", "lost"]) {
        const wider = new Uint8Array(room);
        wider.set(this[name]);
        this[name] = wider;
      }
    }

    /** Take a card. */
    put(card) {
      const slot = card.slot;
      if (!Number.isInteger(slot) || slot < 0) return;
      const before = this.slots.get(card.id);
      if (before !== undefined && before !== slot) this._clear(before, card.id);
      this._grow(slot + 1);
      this.size = Math.max(this.size, slot + 1);
      this.act[slot] = muster.mapShapes.CODE[card.activity] || 0;
      this.lost[slot] = card.lost ? 1 : 0;
      this.ids[slot] = card.id;
      this.names[slot] = card.name || card.id;
      this.slots.set(card.id, slot);
    }

    _clear(slot, id) {
      if (this.ids[slot] !== id) return; // somebody else has the slot by now
      this.act[slot] = 0;
      this.lost[slot] = 0;
      this.ids[slot] = this.names[slot] = undefined;
    }

    /** Let go of a unit. */
    drop(id) {
      const slot = this.slots.get(id);
      if (slot === undefined) return;
      this.slots.delete(id);
      this._clear(slot, id);
    }

    /** Begin anew with these cards, {id: card}. */
    all(cards) {
      this.act.fill(0);
      this.lost.fill(0);
      this.ids = [];
      this.names = [];
      this.slots.clear();
      this.size = 0;
      for (const card of Object.values(cards)) this.put(card);
    }
  }

  muster.mapRoster = { Roster };
})(typeof window === "undefined" ? globalThis : window);
