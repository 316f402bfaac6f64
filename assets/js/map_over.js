/* What is drawn over the units: how far a stale one may have gone, the selection, and labels. Labels follow their units in
   every picture; which are shown and on which side is decided a few times a second. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const PLACE_EVERY_MS = 250;
  const FEW_CIRCLES = 6, MOST_NAMED = 240, FEW_LOST = 6;
  const RANKS = [[4, 20], [3, 30], [2, 40], [1, 45], [0, 50]]; // lost, awaiting, en route, accepted, on scene

  class Over {
    /** `feed`: {say, labels() → incidents and the like, covers() → boxes no label may lie under, names(view) → boxes it
     *  should not, stems() → {lat, lon, dx, dy} of marks, withLabels}. */
    constructor(feed, scene, roster, ink) {
      Object.assign(this, { feed, scene, roster, ink, selected: null });
      this.sides = new Map();
      this.shown = [];
      this.box = new muster.mapPixels.Box(); // what draw() has drawn on, in CSS pixels
      this.again();
    }

    /** Choose labels anew in the next picture. */
    again() {
      this.chosenAt = -Infinity;
    }

    /** Draw on a 2D context in device pixels. */
    draw(ctx, view, units, now, t) {
      const k = this.ink.k;
      this.box.empty();
      ctx.setTransform(k, 0, 0, k, 0, 0);
      this._uncertainty(ctx, view, units, now);
      this._selection(ctx);
      this._stems(ctx, view);
      if (this.feed.withLabels) this._labels(ctx, view, units, now, t);
      ctx.setTransform(1, 0, 0, 1, 0, 0);
    }

    _drew(x, y, w, h) {
      const edge = 4 * this.ink.scale; // half a line, and rounding
      this.box.add(x - edge, y - edge, x + w + edge, y + h + edge);
    }

    _uncertainty(ctx, view, units, now) {
      const { scene } = this, S = muster.mapShapes, stale = [], idle = [];
      for (let i = 0; i < 4; i++) for (const s of scene.top[i]) if (scene.age[s] === S.STALE) stale.push(s);
      // Idle ones only where they stay few; their dashed rings say it anyway.
      for (let i = 0; i < scene.idleCount && idle.length <= FEW_CIRCLES; i++) if (scene.age[scene.idle[i]] === S.STALE) idle.push(scene.idle[i]);
      if (!scene.counting && idle.length <= FEW_CIRCLES) stale.push(...idle);
      const q = this.ink.scale;
      ctx.strokeStyle = this.ink.colours.t3;
      ctx.lineWidth = q;
      ctx.setLineDash([4 * q, 4 * q]);
      for (const s of stale) {
        const metres = S.uncertaintyM(units.speed[s], now - units.at[s]);
        const r = (metres / muster.mapScene.ground(scene.lat[s])) * view.world;
        if (r < 10 * q) continue;
        ctx.beginPath();
        ctx.arc(scene.x[s], scene.y[s], r, 0, 2 * Math.PI);
        ctx.stroke();
        this._drew(scene.x[s] - r, scene.y[s] - r, 2 * r, 2 * r);
      }
      ctx.setLineDash([]);
    }

    _selection(ctx) {
      const s = this.roster.slots.get(this.selected), { scene } = this;
      if (!scene.shows(s)) return;
      const q = this.ink.scale;
      for (const [width, token] of [[6, "bg0"], [2.5, "t1"]]) {
        ctx.beginPath();
        ctx.arc(scene.x[s], scene.y[s], 17 * q, 0, 2 * Math.PI);
        ctx.lineWidth = width * q;
        ctx.strokeStyle = this.ink.colours[token];
        ctx.stroke();
      }
      this._drew(scene.x[s] - 17 * q, scene.y[s] - 17 * q, 34 * q, 34 * q);
    }

    _labels(ctx, view, units, now, t) {
      if (t - this.chosenAt >= PLACE_EVERY_MS) this._choose(view, units, now, t);
      const { scene } = this, k = this.ink.k;
      const boxes = new Map();
      for (const label of this.shown) {
        if (label.slot === undefined) {
          label.x = label.mx * view.world - view.left + label.dx;
          label.y = label.my * view.world - view.top + label.dy;
        } else {
          if (!scene.shows(label.slot)) continue;
          label.x = scene.x[label.slot];
          label.y = scene.y[label.slot];
        }
        boxes.set(label, muster.mapLabels.boxAt(label.side, label));
      }
      for (const [label, box] of boxes) if (label.side.dx !== undefined) this._leader(ctx, label, box);
      for (const [label, box] of boxes) {
        ctx.drawImage(label.image, Math.round(box.x * k) / k, Math.round(box.y * k) / k, label.w, label.h);
        this._drew(box.x, box.y, label.w, label.h);
      }
    }

    /* From the places of the marks that stand aside to the marks. */
    _stems(ctx, view) {
      const { mercX, mercY } = muster.mapScene, q = this.ink.scale;
      for (const m of this.feed.stems ? this.feed.stems() : []) {
        if (!m.dx && !m.dy) continue;
        const x = mercX(m.lon) * view.world - view.left, y = mercY(m.lat) * view.world - view.top;
        if (x < -80 * q || y < -80 * q || x > view.w + 80 * q || y > view.h + 80 * q) continue;
        this._leader(ctx, { x, y }, { x: x + m.dx, y: y + m.dy, w: 0, h: 0 });
        ctx.beginPath();
        ctx.arc(x, y, 2.6 * q, 0, 2 * Math.PI);
        ctx.fillStyle = this.ink.colours.t2;
        ctx.fill();
        this._drew(x - 3 * q, y - 3 * q, 6 * q, 6 * q);
      }
    }

    /* From a thing to its label that stands farther away. */
    _leader(ctx, { x, y }, box) {
      const tx = Math.min(Math.max(x, box.x), box.x + box.w), ty = Math.min(Math.max(y, box.y), box.y + box.h), q = this.ink.scale;
      for (const [width, token] of [[3.5, "bg0"], [1.5, "t2"]]) {
        ctx.beginPath();
        ctx.moveTo(x, y);
        ctx.lineTo(tx, ty);
        ctx.lineWidth = width * q;
        ctx.strokeStyle = this.ink.colours[token];
        ctx.stroke();
      }
      this._drew(Math.min(x, tx), Math.min(y, ty), Math.abs(tx - x), Math.abs(ty - y));
    }

    _choose(view, units, now, t) {
      this.chosenAt = t;
      const { mercX, mercY } = muster.mapScene, q = this.ink.scale;
      const box = (key, x, y, half) => ({ key, x: x - half, y: y - half, w: 2 * half, h: 2 * half });
      const obstacles = this.feed.covers ? [...this.feed.covers()] : [];
      for (const n of this.feed.names ? this.feed.names(view) : []) obstacles.push({ ...n, soft: true });
      const labels = this._unitLabels(units, now);
      for (const l of labels) obstacles.push({ ...box(l.key, l.x, l.y, 10 * q), soft: true });
      for (const more of this.feed.labels()) {
        const mx = mercX(more.lon), my = mercY(more.lat);
        const x = mx * view.world - view.left + more.dx, y = my * view.world - view.top + more.dy;
        if (x < 0 || y < 0 || x > view.w || y > view.h) continue;
        const half = more.half * q;
        obstacles.push(box(more.key, x, y, half));
        if (more.text) labels.push({ ...more, mx, my, x, y, gap: half + 3 * q, strong: true, must: true });
      }
      for (const l of labels) {
        l.image = this.ink.text(l.text, l.strong);
        l.w = l.image.width / this.ink.k;
        l.h = l.image.height / this.ink.k;
      }
      const placed = muster.mapLabels.place(labels, obstacles, view, this.sides);
      this.sides = new Map([...placed].map(([key, { side }]) => [key, side]));
      this.shown = labels.filter((l) => placed.has(l.key));
      for (const l of this.shown) l.side = this.sides.get(l.key);
    }

    /** List the boxes of the labels that stand still, in pixels of the view: what is counted keeps clear of them. */
    covers() {
      return this.shown.filter((label) => label.slot === undefined).map((label) => muster.mapLabels.boxAt(label.side, label));
    }

    /* Units with a label, most wanted first: the selected, the lost, those without an answer, on the way, there. In an
       overview, where idle units are counted, only the selected and a few lost ones have a name. */
    _unitLabels(units, now) {
      const { scene, roster, feed } = this, S = muster.mapShapes, out = [];
      const chosen = roster.slots.get(this.selected);
      const add = (s, rank, gap) => {
        const name = muster.mapLabels.cut(roster.names[s], 14), age = scene.age[s];
        let text = name;
        if (age === S.LOST) text = feed.say("map.label_lost", { name, time: muster.words.minute(units.at[s]) });
        else if (age !== S.LIVE) text = feed.say("map.label_age", { name, age: muster.words.span(now - units.at[s]) });
        out.push({ key: `unit:${roster.ids[s]}`, slot: s, x: scene.x[s], y: scene.y[s], gap: gap * this.ink.scale, rank, text, strong: age === S.LOST });
      };
      if (scene.shows(chosen)) add(chosen, 0, 21);
      for (const [list, rank] of scene.counting ? RANKS.slice(0, 1) : RANKS)
        for (const s of scene.top[list]) {
          if (out.length >= (scene.counting ? FEW_LOST : MOST_NAMED)) return out;
          if (s !== chosen) add(s, rank, 13);
        }
      return out;
    }
  }

  muster.mapOver = { Over };
})(typeof window === "undefined" ? globalThis : window);
