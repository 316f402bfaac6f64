/* Marks that stand on one another: each keeps its place or moves a little aside, the worst first; what finds no room is
   counted at its neighbour. Names of the ground step aside, too. Pure; pixels of one zoom, so that panning changes nothing. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const STEPS = [0.7, 1.1, 1.5, 1.9, 2.4, 2.9, 3.4, 4, 4.6]; // how far aside, in radii of the mark and of the one it avoids
  const FAR = [5.3, 6, 7, 8]; // for those that must be seen
  const TURNS = [0, 1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6].map((n) => (n * Math.PI) / 6);
  const TOUCH = 0.92; // marks may touch with their corners
  const CELL = 64;

  /* Circles in a coarse grid. */
  class Circles {
    constructor() {
      this.cells = new Map();
    }
    *around(x, y, r) {
      for (let cx = Math.floor((x - r) / CELL); cx <= Math.floor((x + r) / CELL); cx++)
        for (let cy = Math.floor((y - r) / CELL); cy <= Math.floor((y + r) / CELL); cy++) yield cx * 1e7 + cy;
    }
    add(circle) {
      for (const key of this.around(circle.x, circle.y, circle.r)) {
        const list = this.cells.get(key);
        if (list) list.push(circle);
        else this.cells.set(key, [circle]);
      }
    }
    /** The circle that covers most of the place x, y, r; null when it is free. */
    worst(x, y, r) {
      let found = null, most = 0;
      for (const key of this.around(x, y, r))
        for (const c of this.cells.get(key) || []) {
          const over = (c.r + r) * TOUCH - Math.hypot(c.x - x, c.y - y);
          if (over > most) {
            most = over;
            found = c;
          }
        }
      return found;
    }
  }

  /** Find a place for every mark.
   *
   * `marks`: [{key, x, y, r, rank, must}], lower rank first; one that is `must` is never hidden. `before`: Map key → {dx, dy}
   * of the last time, tried first so that marks do not hop. Returns {at: Map key → {dx, dy}, under: Map key → key of the
   * mark it is counted at}.
   */
  function spread(marks, before = new Map()) {
    const taken = new Circles(), at = new Map(), under = new Map(), placed = [], hosts = [];
    const order = [...marks].sort((a, b) => a.rank - b.rank || (a.key < b.key ? -1 : 1));
    for (const m of order) {
      const host = taken.worst(m.x, m.y, m.r);
      const spot = host ? aside(m, host, taken, before.get(m.key)) : { dx: 0, dy: 0 };
      if (!spot && !m.must) {
        const near = (h) => Math.hypot(h.x - m.x, h.y - m.y) < 2 * CELL;
        let counter = hosts.find(near); // few counts, not one at each mark
        if (!counter) hosts.push((counter = mildest(placed.filter(near)) || host)); // and on none that must be seen
        under.set(m.key, counter.key);
        continue;
      }
      const { dx, dy } = spot || { dx: 0, dy: 0 };
      at.set(m.key, { dx, dy });
      const circle = { key: m.key, x: m.x + dx, y: m.y + dy, r: m.r, rank: m.rank };
      taken.add(circle);
      placed.push(circle);
    }
    return { at, under };
  }

  const mildest = (list) => list.reduce((best, one) => (!best || one.rank > best.rank ? one : best), null);

  function aside(m, host, taken, last) {
    if (last && (last.dx || last.dy) && !taken.worst(m.x + last.dx, m.y + last.dy, m.r)) return last;
    // Away from the one that is in the way; on top of one another, each key has a direction of its own.
    const away = m.x === host.x && m.y === host.y ? direction(m.key) : Math.atan2(m.y - host.y, m.x - host.x);
    for (const step of m.must ? [...STEPS, ...FAR] : STEPS)
      for (const turn of TURNS) {
        const d = step * (m.r + host.r) * 0.5;
        const dx = Math.cos(away + turn) * d, dy = Math.sin(away + turn) * d;
        if (!taken.worst(m.x + dx, m.y + dy, m.r)) return { dx: Math.round(dx), dy: Math.round(dy) };
      }
    return null;
  }

  function direction(key) {
    let n = 7;
    for (const c of String(key)) n = (n * 31 + c.codePointAt(0)) % 3600;
    return (n / 3600) * 2 * Math.PI;
  }

  const cover = (a, b) => Math.max(0, Math.min(a.x + a.w, b.x + b.w) - Math.max(a.x, b.x)) * Math.max(0, Math.min(a.y + a.h, b.y + b.h) - Math.max(a.y, b.y));

  /** Choose where a name of size w × h stands near its place x, y, so that the boxes cover it least: {dx, dy}. */
  function nameSpot({ x, y, w, h }, boxes) {
    const moves = [[0, 0], [0, -1], [0, 1], [-0.5, 0], [0.5, 0], [-0.5, -1], [0.5, -1], [-0.5, 1], [0.5, 1], [0, -2], [0, 2], [-1, 0], [1, 0]];
    let best = { dx: 0, dy: 0 }, least = Infinity;
    for (const [mx, my] of moves) {
      const dx = mx * w, dy = my * h * 1.15;
      const box = { x: x + dx - w / 2, y: y + dy - h / 2, w, h };
      const covered = boxes.reduce((sum, b) => sum + cover(box, b), 0);
      if (covered < least) {
        least = covered;
        best = { dx: Math.round(dx), dy: Math.round(dy) };
      }
      if (!covered) break;
    }
    return best;
  }

  muster.mapSpread = { spread, nameSpot };
})(typeof window === "undefined" ? globalThis : window);
