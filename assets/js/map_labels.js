/* Which labels are shown and where: greedy by priority, none over another, lower ones are left out. Pure. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const SIDES = ["right", "left", "above", "below"];
  const FAR = [2, 3.2, 4.4, 6, 8, 10.5]; // heights of a label away from its anchor, for those that must be seen
  const TURNS = [0, Math.PI, ...[1, -1, 2, -2, 3, -3, 4, -4, 5, -5].map((n) => (n * Math.PI) / 6), Math.PI / 2, -Math.PI / 2];

  /** Return the box of a label of size w × h beside an anchor, `gap` away from it. */
  function boxAt(side, { x, y, w, h, gap }) {
    if (side === "right") return { x: x + gap, y: y - h / 2, w, h };
    if (side === "left") return { x: x - gap - w, y: y - h / 2, w, h };
    if (side.dx !== undefined) return { x: x + side.dx - w / 2, y: y + side.dy - h / 2, w, h };
    if (side === "above") return { x: x - w / 2, y: y - gap - h, w, h };
    return { x: x - w / 2, y: y + gap, w, h };
  }

  const overlap = (a, b) => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;

  /* Boxes in a coarse grid, so that a few hundred labels do not compare all with all. */
  class Taken {
    constructor(side = 96) {
      this.side = side;
      this.cells = new Map();
    }
    *keys(box) {
      const s = this.side;
      for (let cx = Math.floor(box.x / s); cx <= Math.floor((box.x + box.w) / s); cx++)
        for (let cy = Math.floor(box.y / s); cy <= Math.floor((box.y + box.h) / s); cy++) yield cx * 65536 + cy;
    }
    add(box, owner, soft) {
      const entry = { box, owner, soft };
      for (const key of this.keys(box)) {
        const list = this.cells.get(key);
        if (list) list.push(entry);
        else this.cells.set(key, [entry]);
      }
    }
    free(box, owner, hardOnly) {
      for (const key of this.keys(box))
        for (const other of this.cells.get(key) || []) if (other.owner !== owner && !(hardOnly && other.soft) && overlap(other.box, box)) return false;
      return true;
    }
  }

  /** Choose sides for labels.
   *
   * `labels`: [{key, x, y, w, h, gap, rank}] in any order, lower rank first; `obstacles`: [{key, x, y, w, h, soft}] that no
   * label may cover (a label may touch its own, by key; one that is `must` may cover soft ones when it finds no other place); `view`: {w, h}; `before`: Map key → side of the last picture,
   * which is tried first so that labels do not hop. Returns Map key → {side, box}; what does not fit is not in it. A label that
   * must be seen may stand farther away: its side is then {dx, dy}, from the anchor to its middle.
   */
  function place(labels, obstacles, view, before = new Map(), most = 80) {
    const taken = new Taken();
    for (const o of obstacles) taken.add(o, o.key, o.soft);
    const placed = new Map();
    const order = [...labels].sort((a, b) => a.rank - b.rank || (before.has(b.key) ? 1 : 0) - (before.has(a.key) ? 1 : 0) || (a.key < b.key ? -1 : 1));
    const find = (label, hardOnly) => {
      const last = SIDES.includes(before.get(label.key)) ? before.get(label.key) : null;
      for (const side of last ? [last, ...SIDES.filter((s) => s !== last)] : SIDES) {
        const box = boxAt(side, label);
        const inView = box.x >= 0 && box.y >= 0 && box.x + box.w <= view.w && box.y + box.h <= view.h;
        if (inView && taken.free(box, label.key, hardOnly)) return { side, box };
      }
      return null;
    };
    const far = (label) => {
      const last = before.get(label.key);
      const at = (side) => {
        const box = boxAt(side, label);
        return box.x >= 0 && box.y >= 0 && box.x + box.w <= view.w && box.y + box.h <= view.h && taken.free(box, label.key, false) ? { side, box } : null;
      };
      if (last && last.dx !== undefined && at(last)) return at(last);
      for (const step of FAR)
        for (const turn of TURNS) {
          const side = { dx: Math.cos(turn) * (step * label.h + label.w / 2), dy: Math.sin(turn) * step * label.h };
          const found = at(side);
          if (found) return found;
        }
      return null;
    };
    for (const label of order) {
      if (placed.size >= most) break;
      const found = find(label, false) || (label.must && (find(label, true) || far(label)));
      if (!found) continue;
      taken.add(found.box, label.key, false);
      placed.set(label.key, found);
    }
    return placed;
  }

  /** Cut a label's text to `most` columns, a Chinese character counting two. */
  function cut(text, most) {
    let columns = 0, out = "";
    for (const c of text) {
      columns += c.codePointAt(0) > 0x2e7f ? 2 : 1;
      if (columns > most) return out + "…";
      out += c;
    }
    return out;
  }

  muster.mapLabels = { place, boxAt, cut };
})(typeof window === "undefined" ? globalThis : window);
