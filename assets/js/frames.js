/* Binary frames of unit positions (see "Live protocol" in ARCHITECTURE.md) into typed arrays by slot.
   A unit's `slot` stands on its card. at[slot] is ms since 1970, 0: not known; heading in degrees, speed in m/s, -1: not known. */
(function (ns) {
  "use strict";
  const MAGIC = 0x4d, VERSION = 1, ALL = 1, HEADER = 16, BYTES = 14;
  const MINUTES = 60_000; // an age from here on counts minutes
  const FIRST_ROOM = 1024;

  /** Read a frame without copying it; null for what is none. All machines that show this page are little-endian. */
  function decode(buffer) {
    if (buffer.byteLength < HEADER) return null;
    const head = new DataView(buffer);
    if (head.getUint8(0) !== MAGIC || head.getUint8(1) !== VERSION) return null;
    const n = head.getUint32(4, true);
    if (buffer.byteLength !== HEADER + BYTES * n) return null;
    return {
      all: head.getUint8(2) === ALL,
      n,
      base: head.getFloat64(8, true),
      lat: new Int32Array(buffer, HEADER, n),
      lon: new Int32Array(buffer, HEADER + 4 * n, n),
      slot: new Uint16Array(buffer, HEADER + 8 * n, n),
      age: new Uint16Array(buffer, HEADER + 10 * n, n),
      heading: new Uint8Array(buffer, HEADER + 12 * n, n),
      speed: new Uint8Array(buffer, HEADER + 13 * n, n),
    };
  }

  /** Make the arrays. They are replaced by longer ones when needed, so ask for `units.lat` anew each time. */
  function makeUnits() {
    const units = { lat: null, lon: null, at: null, heading: null, speed: null, size: 0, frames: 0 };
    const shapes = { lat: Float64Array, lon: Float64Array, at: Float64Array, heading: Float32Array, speed: Float32Array };
    function room(size) {
      if (units.lat && size <= units.lat.length) return;
      let length = units.lat ? units.lat.length : FIRST_ROOM;
      while (length < size) length *= 2;
      for (const [name, Type] of Object.entries(shapes)) {
        const longer = new Type(length);
        if (units[name]) longer.set(units[name]);
        units[name] = longer;
      }
    }
    room(FIRST_ROOM);

    /** Take a frame; a fix older than the one that is there changes nothing. Returns how many units it wrote. */
    units.apply = function (frame) {
      const { n, base, slot, age } = frame;
      let top = 0, written = 0;
      for (let i = 0; i < n; i++) if (slot[i] >= top) top = slot[i] + 1;
      room(top);
      if (top > units.size) units.size = top;
      const { lat, lon, at, heading, speed } = units;
      let listed = null;
      if (frame.all) {
        listed = new Uint8Array(units.size);
        for (let i = 0; i < n; i++) listed[slot[i]] = 1;
        for (let s = 0; s < units.size; s++) if (!listed[s]) at[s] = 0; // not ours to show any more
      }
      for (let i = 0; i < n; i++) {
        const s = slot[i], a = age[i];
        const coarse = a >= MINUTES;
        const when = coarse ? base - (a - MINUTES) * 60_000 : base - a * 100;
        if (when + (coarse ? 60_000 : 0) < at[s]) continue;
        at[s] = coarse ? Math.max(when, at[s]) : when;
        lat[s] = frame.lat[i] / 1e6;
        lon[s] = frame.lon[i] / 1e6;
        heading[s] = frame.heading[i] === 255 ? -1 : frame.heading[i] * 2;
        speed[s] = frame.speed[i] === 255 ? -1 : frame.speed[i];
        written++;
      }
      units.frames++;
      return written;
    };
    /** Forget all positions (a new epoch gives out the slots anew). */
    units.clear = function () {
      units.at.fill(0);
      units.size = 0;
    };
    return units;
  }

  ns.frames = { decode, makeUnits };
  ns.units = makeUnits();
})((globalThis.muster ??= {}));
