/* A picture as one array of pixels: 20,000 small glyphs are copied into it faster than any drawing call could be made.
   Pure: knows neither DOM nor map. A glyph is {w, h, rgba} or already split by `sprite()`; colours are the 32-bit
   words of an ImageData (little-endian ABGR, not premultiplied). */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const SOLID = 0xb0;

  /** Split a drawn glyph (32-bit words, w × h, hot spot in the middle) into solid pixels and soft edge pixels. */
  function sprite(words, w, h) {
    const solid = [], soft = [];
    for (let y = 0; y < h; y++)
      for (let x = 0; x < w; x++) {
        const word = words[y * w + x];
        const alpha = word >>> 24;
        if (alpha > 8) (alpha >= SOLID ? solid : soft).push(x - (w >> 1), y - (h >> 1), word);
      }
    return { w, h, solid: part(solid), soft: part(soft), forWidth: 0 };
  }
  function part(list) {
    const n = list.length / 3;
    const p = { n, dx: new Int16Array(n), dy: new Int16Array(n), word: new Uint32Array(n), offset: new Int32Array(n) };
    for (let i = 0; i < n; i++) {
      p.dx[i] = list[3 * i];
      p.dy[i] = list[3 * i + 1];
      p.word[i] = list[3 * i + 2];
    }
    return p;
  }
  function fit(s, width) {
    for (const p of [s.solid, s.soft]) for (let i = 0; i < p.n; i++) p.offset[i] = p.dy[i] * width + p.dx[i];
    s.forWidth = width;
  }

  /* A box that grows: [left, right) × [top, bottom). */
  class Box {
    constructor() {
      this.empty();
    }
    empty() {
      this.left = this.top = Infinity;
      this.right = this.bottom = -Infinity;
    }
    add(left, top, right, bottom) {
      if (left < this.left) this.left = left;
      if (top < this.top) this.top = top;
      if (right > this.right) this.right = right;
      if (bottom > this.bottom) this.bottom = bottom;
    }
    /** Return the box in whole pixels within a picture: {x, y, w, h}, w and h 0 when there is nothing. */
    within(width, height) {
      const x = Math.max(0, Math.floor(this.left)), y = Math.max(0, Math.floor(this.top));
      const w = Math.max(0, Math.min(width, Math.ceil(this.right)) - x), h = Math.max(0, Math.min(height, Math.ceil(this.bottom)) - y);
      return w && h ? { x, y, w, h } : { x: 0, y: 0, w: 0, h: 0 };
    }
  }

  class Pixels {
    /** `words`: a Uint32Array of width × height, all zero. */
    constructor(words, width, height) {
      this.words = words;
      this.width = width;
      this.height = height;
      this.box = new Box(); // what was written since clear()
    }

    /** Wipe what was written. */
    clear() {
      const { words, width } = this, { x, y, w, h } = this.box.within(width, this.height);
      for (let row = y; row < y + h; row++) words.fill(0, row * width + x, row * width + x + w);
      this.box.empty();
    }

    /** Copy a sprite with its middle at pixel x, y; parts outside the picture are cut off. */
    blit(s, x, y) {
      const { width, height, words } = this;
      const left = s.w >> 1, above = s.h >> 1;
      const top = y - above, bottom = y - above + s.h;
      if (x - left >= width || x - left + s.w <= 0 || top >= height || bottom <= 0) return;
      this.box.add(x - left, top, x - left + s.w, bottom);
      if (s.forWidth !== width) fit(s, width);
      if (x >= left && y >= above && x - left + s.w <= width && bottom <= height) {
        const at = y * width + x;
        const { offset, word, n } = s.solid;
        for (let i = 0; i < n; i++) words[at + offset[i]] = word[i];
        const soft = s.soft;
        for (let i = 0; i < soft.n; i++) {
          const j = at + soft.offset[i];
          if (words[j] >>> 24 < SOLID) words[j] = soft.word[i];
        }
        return;
      }
      for (const p of [s.solid, s.soft])
        for (let i = 0; i < p.n; i++) {
          const px = x + p.dx[i], py = y + p.dy[i];
          if (px < 0 || py < 0 || px >= width || py >= height) continue;
          const j = py * width + px;
          if (p === s.solid || words[j] >>> 24 < SOLID) words[j] = p.word[i];
        }
    }
  }

  muster.mapPixels = { sprite, Pixels, Box };
})(typeof window === "undefined" ? globalThis : window);
