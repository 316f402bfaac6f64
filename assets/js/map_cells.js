/* Arithmetic of the map that needs no map: counting idle units in cells, grid lines, the scale bar. Pure. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});

  /* Idle units are counted when too many of them stand in crowded cells, where single ones would run together;
     two limits, so that the picture does not jump between the two ways. While counting, cells of a few stay single. */
  const CROWD = 9, FEW = 3, COUNT_ABOVE = 0.25, SINGLE_BELOW = 0.15;

  const ASIDE = [0, 0.25, 0.5, 0.75, 1]; // places for a number that cannot stand in the middle, in shares of its cell

  const STALE = 2, LOST = 3; // age classes of map_shapes.js

  /** Say whether to count, given the share of idle units in crowded cells and whether we count now. */
  function counting(crowded, now) {
    return now ? crowded >= SINGLE_BELOW : crowded > COUNT_ABOVE;
  }

  /** Cells of `side` pixels over a view; they are fixed to the ground, so panning moves them along and recounts nothing. */
  class Cells {
    constructor() {
      this.cols = this.rows = 0;
      this.n = new Uint16Array(0);
    }

    /** Begin a picture: `originX/Y` is the world pixel of the view's corner. */
    begin(originX, originY, width, height, side) {
      this.side = side;
      this.shiftX = ((originX % side) + side) % side;
      this.shiftY = ((originY % side) + side) % side;
      this.cols = Math.ceil((width + this.shiftX) / side);
      this.rows = Math.ceil((height + this.shiftY) / side);
      const size = this.cols * this.rows;
      if (this.n.length < size) {
        this.n = new Uint16Array(size);
        this.stale = new Uint16Array(size);
        this.lost = new Uint16Array(size);
        this.unready = new Uint16Array(size);
        this.sumX = new Float64Array(size);
        this.sumY = new Float64Array(size);
      } else {
        for (const a of [this.n, this.stale, this.lost, this.unready, this.sumX, this.sumY]) a.fill(0, 0, size);
      }
    }

    /** Return the number of the cell a view pixel lies in, or -1 outside. */
    at(x, y) {
      const col = Math.floor((x + this.shiftX) / this.side), row = Math.floor((y + this.shiftY) / this.side);
      return col < 0 || row < 0 || col >= this.cols || row >= this.rows ? -1 : row * this.cols + col;
    }

    /** Count one unit of age class `age`. */
    add(x, y, age, isUnready) {
      const i = this.at(x, y);
      if (i < 0) return;
      this.n[i]++;
      if (age === STALE) this.stale[i]++;
      else if (age === LOST) this.lost[i]++;
      if (isUnready) this.unready[i]++;
      this.sumX[i] += x;
      this.sumY[i] += y;
    }

    /** Return the share of units that stand in crowded cells, 0 to 1. */
    crowded() {
      let all = 0, many = 0;
      for (let i = 0; i < this.cols * this.rows; i++) {
        all += this.n[i];
        if (this.n[i] >= CROWD) many += this.n[i];
      }
      return all ? many / all : 0;
    }

    /** Say whether the units of the cell at x, y are few enough to be drawn one by one (also outside every cell). */
    single(x, y) {
      const i = this.at(x, y);
      return i < 0 || this.n[i] <= FEW;
    }

    /** Call `see(i, x, y, n)` for every cell that is counted; x, y is their middle, kept clear of the cell's edges and, as
     *  far as the cell has room, of the boxes in `avoid` and of the other numbers. */
    each(see, avoid = []) {
      const { side, cols, rows, n } = this;
      const edge = side * 0.3, scale = side / 52;
      const near = this._near(avoid);
      for (let i = 0; i < cols * rows; i++) {
        if (n[i] <= FEW) continue;
        const x0 = (i % cols) * side - this.shiftX, y0 = Math.floor(i / cols) * side - this.shiftY;
        const x = Math.min(Math.max(this.sumX[i] / n[i], x0 + edge), x0 + side - edge);
        const y = Math.min(Math.max(this.sumY[i] / n[i], y0 + edge), y0 + side - edge);
        const w = (11 + 8 * String(n[i]).length) * scale, h = 21 * scale;
        const spot = this._clear(x, y, x0 + side * 0.1, y0 + side * 0.1, side * 0.8, w, h, near[i] || []);
        this._put(near, { x: spot.x - w / 2, y: spot.y - h / 2, w, h });
        see(i, spot.x, spot.y, n[i]);
      }
    }

    /* The boxes by the cells they touch. */
    _near(boxes) {
      const near = [];
      for (const box of boxes) this._put(near, box);
      return near;
    }
    _put(near, box) {
      const reach = this.side * 0.3; // a number may stand out of its cell a little
      const col = (x) => Math.min(this.cols - 1, Math.max(0, Math.floor((x + this.shiftX) / this.side)));
      const row = (y) => Math.min(this.rows - 1, Math.max(0, Math.floor((y + this.shiftY) / this.side)));
      if (!this.cols || !this.rows) return;
      for (let c = col(box.x - reach); c <= col(box.x + box.w + reach); c++)
        for (let r = row(box.y - reach); r <= row(box.y + box.h + reach); r++) (near[r * this.cols + c] ||= []).push(box);
    }

    /* The place for a number of size w × h nearest to x, y that no box covers; x, y itself when there is none. */
    _clear(x, y, left, top, room, w, h, boxes) {
      const hits = (px, py) => boxes.some((b) => px - w / 2 < b.x + b.w && b.x < px + w / 2 && py - h / 2 < b.y + b.h && b.y < py + h / 2);
      if (!boxes.length || !hits(x, y)) return { x, y };
      let best = { x, y }, near = Infinity;
      for (const fx of ASIDE)
        for (const fy of ASIDE) {
          const px = left + fx * room, py = top + fy * room, d = (px - x) ** 2 + (py - y) ** 2;
          if (d < near && !hits(px, py)) {
            near = d;
            best = { x: px, y: py };
          }
        }
      return best;
    }
  }

  /** Return the largest of 1, 2, 5 × 10^k that is not above `most`. */
  function niceBelow(most) {
    const ten = 10 ** Math.floor(Math.log10(most));
    const lead = most / ten;
    return (lead >= 5 ? 5 : lead >= 2 ? 2 : 1) * ten;
  }

  const STEPS = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30];
  /** Return the spacing of grid lines in degrees so that they lie at least `least` pixels apart. */
  function gridStep(pixelsPerDegree, least) {
    return STEPS.find((step) => step * pixelsPerDegree >= least) || STEPS[STEPS.length - 1];
  }

  /** List the grid values from `low` to `high`, without the dust of floating point. */
  function gridValues(low, high, step) {
    const values = [];
    for (let k = Math.ceil(low / step); k * step <= high && values.length < 400; k++) values.push(Math.round(k * step * 1e6) / 1e6);
    return values;
  }

  muster.mapCells = { Cells, counting, niceBelow, gridStep, gridValues, CROWD, FEW };
})(typeof window === "undefined" ? globalThis : window);
