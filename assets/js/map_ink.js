/* Pre-drawn things in the colours of the theme: glyphs of units, numbers of cells, label texts.
   Each is drawn once for a size and theme, and then only copied. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const TOKENS = { bg0: "#14181D", bg1: "#1C2127", t1: "#E8ECF0", t2: "#B3BDC8", t3: "#8D99A6", ctl: "#76818E", acc: "#7FD1C7" };
  const TEXTS_KEPT = 600;

  class Ink {
    constructor() {
      this.scratch = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
      this.scale = this.k = 1;
      this.retheme();
    }

    /** Read the colours of the theme in use again. */
    retheme() {
      const css = getComputedStyle(document.documentElement);
      this.colours = { font: css.getPropertyValue("--font").trim() || "sans-serif" };
      for (const [name, spare] of Object.entries(TOKENS)) this.colours[name] = css.getPropertyValue("--" + name).trim() || spare;
      this.colours.idle = this.colours.t2;
      this.forget();
    }
    /** Draw for `scale` (size of the screen's root font over 16 px) and `k` device pixels per CSS pixel. */
    resize(scale, k) {
      if (this.scale === scale && this.k === k) return;
      this.scale = scale;
      this.k = k;
      this.forget();
    }
    forget() {
      this.glyphs = new Array(muster.mapShapes.LOOKS);
      this.numbers = new Map();
      this.texts = new Map();
    }

    /** Return the sprite of a unit's glyph; `step`: number of the heading, -1 when unknown. */
    glyph(code, age, step) {
      const at = muster.mapShapes.lookIndex(code, age, step);
      return this.glyphs[at] || (this.glyphs[at] = this._drawGlyph(code, age, step));
    }
    _drawGlyph(code, age, step) {
      const S = muster.mapShapes;
      const side = S.sizeOf(code, age) * this.scale * this.k;
      const box = Math.ceil(side * 1.25) | 1; // odd, so that the middle is a pixel; room for halo and corners
      const ctx = this._blank(box, box);
      ctx.translate(box / 2, box / 2);
      ctx.scale(side / 32, side / 32);
      S.drawUnit(ctx, { code, age, heading: step < 0 ? null : (step * 2 * Math.PI) / S.HEADINGS }, this.colours);
      return this._lift(box, box);
    }

    /** Return the sprite of a cell: `n` idle units, `lost` lost ones beside them, a dashed edge when some are stale. */
    number(n, lost, stale) {
      const text = lost ? (n ? `${n} ×${lost}` : `×${lost}`) : String(n);
      const key = (stale ? "~" : "") + text;
      if (!this.numbers.has(key)) this.numbers.set(key, this._drawNumber(text, stale));
      return this.numbers.get(key);
    }
    _drawNumber(text, stale) {
      const { colours } = this, q = this.scale * this.k;
      const font = `700 ${13 * q}px ${colours.font}`;
      this.scratch.font = font;
      const w = Math.ceil(this.scratch.measureText(text).width + 11 * q) | 1, h = Math.ceil(19 * q) | 1;
      const ctx = this._blank(w + 2, h + 2);
      ctx.translate(1.5, 1.5);
      ctx.beginPath();
      ctx.roundRect(0, 0, w - 1, h - 1, h / 2);
      ctx.fillStyle = colours.bg1;
      ctx.fill();
      ctx.setLineDash(stale ? [3.5 * q, 2.5 * q] : []);
      ctx.strokeStyle = colours.ctl;
      ctx.lineWidth = Math.max(1, 1.2 * q);
      ctx.stroke();
      ctx.fillStyle = colours.t2;
      ctx.font = font;
      ctx.textAlign = "center";
      ctx.textBaseline = "middle";
      ctx.fillText(text, (w - 1) / 2, h / 2);
      return this._lift(w + 2, h + 2);
    }

    /** Return a canvas with a label's text on its ground. */
    text(text, strong) {
      const key = (strong ? "!" : "") + text;
      if (this.texts.has(key)) return this.texts.get(key);
      if (this.texts.size > TEXTS_KEPT) this.texts.clear();
      const { colours } = this, q = this.scale * this.k;
      const canvas = document.createElement("canvas"), ctx = canvas.getContext("2d");
      const font = `${strong ? 700 : 400} ${16 * q}px ${colours.font}`;
      ctx.font = font;
      canvas.width = Math.ceil(ctx.measureText(text).width + 8 * q); // forgets the font
      canvas.height = Math.ceil(22 * q);
      ctx.globalAlpha = 0.82;
      ctx.fillStyle = colours.bg0;
      ctx.beginPath();
      ctx.roundRect(0, 0, canvas.width, canvas.height, 3 * q);
      ctx.fill();
      ctx.globalAlpha = 1;
      ctx.font = font;
      ctx.fillStyle = strong ? colours.t1 : colours.t2;
      ctx.textBaseline = "middle";
      ctx.fillText(text, 4 * q, canvas.height / 2 + 0.5 * q);
      this.texts.set(key, canvas);
      return canvas;
    }

    _blank(w, h) {
      this.scratch.canvas.width = w; // also resets every setting
      this.scratch.canvas.height = h;
      return this.scratch;
    }
    _lift(w, h) {
      const { data } = this.scratch.getImageData(0, 0, w, h);
      return muster.mapPixels.sprite(new Uint32Array(data.buffer), w, h);
    }
  }

  muster.mapInk = { Ink };
})(typeof window === "undefined" ? globalThis : window);
