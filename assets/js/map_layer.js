/* The layer of all units: one canvas over the map, painted pixel by pixel, only when something changed.
   It reads positions by slot (muster.units) and what a unit is doing from its card; nothing here draws a unit that is off duty. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const EARTH_M = 40075016.686;
  const CELL = 52; // side of a counting cell, CSS px at scale 1
  const GLIDE_MS = 900, GLIDE_MOST_M = 500, GLIDE_LEAST_PX = 2;
  const PLACE_EVERY_MS = 250;
  const FEW_CIRCLES = 6;
  const LOST_SINGLY = 300; // so many lost idle units are drawn one by one before they are counted in cells
  const TOKENS = { bg0: "#14181D", bg1: "#1C2127", bg2: "#272E37", t1: "#E8ECF0", t2: "#B3BDC8", t3: "#8D99A6", ctl: "#76818E", line: "#3A424D", acc: "#7FD1C7" };

  /** Read the colours of the theme in use. */
  function readInk() {
    const css = getComputedStyle(document.documentElement);
    const ink = {};
    for (const [name, spare] of Object.entries(TOKENS)) ink[name] = css.getPropertyValue("--" + name).trim() || spare;
    ink.idle = ink.t2;
    ink.font = css.getPropertyValue("--font").trim() || "sans-serif";
    return ink;
  }

  /* Cards by slot. A slot is where a unit's position stands in the arrays. */
  class Roster {
    constructor() {
      this.size = 0;
      this.act = new Uint8Array(0);
      this.lost = new Uint8Array(0);
      this.ids = [];
      this.names = [];
      this.slots = new Map();
    }
    grow(n) {
      if (n <= this.act.length) return;
      const room = Math.max(1024, 2 ** Math.ceil(Math.log2(n + 1)));
      for (const name of ["act", "lost"]) {
        const wider = new Uint8Array(room);
        wider.set(this[name]);
        this[name] = wider;
      }
    }
    put(card) {
      const slot = card.slot;
      if (!Number.isInteger(slot) || slot < 0) return;
      const before = this.slots.get(card.id);
      if (before !== undefined && before !== slot) this.clear(before, card.id);
      this.grow(slot + 1);
      this.size = Math.max(this.size, slot + 1);
      this.act[slot] = muster.mapShapes.CODE[card.activity] || 0;
      this.lost[slot] = card.lost ? 1 : 0;
      this.ids[slot] = card.id;
      this.names[slot] = card.name || card.id;
      this.slots.set(card.id, slot);
    }
    clear(slot, id) {
      if (this.ids[slot] !== id) return; // somebody else has the slot by now
      this.act[slot] = 0;
      this.lost[slot] = 0;
      this.ids[slot] = this.names[slot] = undefined;
    }
    drop(id) {
      const slot = this.slots.get(id);
      if (slot === undefined) return;
      this.slots.delete(id);
      this.clear(slot, id);
    }
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

  const mercX = (lon) => (lon + 180) / 360;
  function mercY(lat) {
    const s = Math.sin((Math.max(-85.05, Math.min(85.05, lat)) * Math.PI) / 180);
    return 0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI);
  }

  /** Make the layer. `feed`: {units() → arrays by slot, now() → ms, labels() → more labels, say(key, params), limits?, glide?}. */
  function unitLayer(feed) {
    const S = muster.mapShapes, L = root.L;
    const UnitLayer = L.Layer.extend({
      initialize() {
        this.roster = new Roster();
        this.cells = new muster.mapCells.Cells();
        this.stats = { units: 0, placed: 0, shown: 0, counted: 0, late: 0, stale: 0, lost: 0, newest: 0, paintMs: 0, paints: 0 };
        this._ink = readInk();
        this._glyphs = new Array(S.LOOKS);
        this._numbers = new Map();
        this._texts = new Map();
        this._sides = new Map();
        this._placed = new Map();
        this._room = 0;
        this._cost = 0;
        this._counting = false;
        this.glide = feed.glide !== false && !(root.matchMedia && root.matchMedia("(prefers-reduced-motion: reduce)").matches);
      },

      onAdd(map) {
        this._map = map;
        const canvas = (this._canvas = L.DomUtil.create("canvas", "map-units leaflet-zoom-animated"));
        canvas.setAttribute("aria-hidden", "true");
        this.getPane().appendChild(canvas);
        this._ctx = canvas.getContext("2d", { willReadFrequently: true });
        this._scratch = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
        this._tick = setInterval(() => this.touch(), 1000); // ages grow without any message
        this.touch();
      },
      onRemove() {
        clearInterval(this._tick);
        cancelAnimationFrame(this._frame);
        this._frame = 0;
        this._canvas.remove();
      },
      getEvents() {
        return { move: this._onMove, zoom: this._onMove, moveend: this._onEnd, zoomend: this._onEnd, viewreset: this._onEnd, resize: this._onEnd, zoomanim: this._onZoomAnim };
      },

      /** Ask for a new picture at the next frame; asking often costs nothing. */
      touch() {
        if (this._frame || !this._map) return;
        this._frame = requestAnimationFrame(() => {
          this._frame = 0;
          if (this._map && !this._map._animatingZoom) this.paint();
        });
      },
      /** Take the colours of the theme again. */
      retheme() {
        this._ink = readInk();
        this._forget();
        this.touch();
      },
      _forget() {
        this._glyphs = new Array(S.LOOKS);
        this._numbers.clear();
        this._texts.clear();
      },

      _onMove() {
        // A drag moves the canvas with its pane; a flight changes the zoom in every frame and must be painted in it.
        if (this._map.getZoom() !== this._zoom && !this._map._animatingZoom) this.paint();
        else this.touch();
      },
      _onEnd() {
        this._placeAt = 0;
        if (!this._map._animatingZoom) this.paint();
      },
      _onZoomAnim(e) {
        const map = this._map;
        const scale = map.getZoomScale(e.zoom, this._zoom);
        const corner = map.project(this._corner, e.zoom).subtract(map._getNewPixelOrigin(e.center, e.zoom));
        L.DomUtil.setTransform(this._canvas, corner, scale);
      },

      _fit(size) {
        const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
        const scale = Math.min(3, Math.max(0.8, rem / 16));
        const k = Math.min(3, root.devicePixelRatio || 1);
        const w = Math.max(1, Math.round(size.x * k)), h = Math.max(1, Math.round(size.y * k));
        if (this._k !== k || this._scale !== scale) {
          this._k = k;
          this._scale = scale;
          this._forget();
        }
        if (this._w === w && this._h === h) return;
        this._w = this._canvas.width = w;
        this._h = this._canvas.height = h;
        this._canvas.style.width = size.x + "px";
        this._canvas.style.height = size.y + "px";
        this._image = new ImageData(w, h);
        this._pixels = new muster.mapPixels.Pixels(new Uint32Array(this._image.data.buffer), w, h);
      },

      _grow(n) {
        if (n <= this._room) return;
        const room = (this._room = Math.max(1024, 2 ** Math.ceil(Math.log2(n))));
        for (const [name, Kind] of [["_lat", Float64Array], ["_lon", Float64Array], ["_mx", Float64Array], ["_my", Float64Array], ["_fx", Float64Array], ["_fy", Float64Array], ["_since", Float64Array], ["_x", Float32Array], ["_y", Float32Array], ["_age", Uint8Array], ["_idle", Int32Array]]) {
          const wider = new Kind(room);
          if (this[name]) wider.set(this[name]);
          this[name] = wider;
        }
      },

      /** Paint now. */
      paint() {
        const started = performance.now();
        const map = this._map, size = map.getSize();
        if (!map._loaded || !size.x || !size.y) return;
        this._fit(size);
        const zoom = (this._zoom = map.getZoom());
        const world = 256 * 2 ** zoom;
        const corner = map.containerPointToLayerPoint([0, 0]);
        const origin = map.getPixelOrigin().add(corner); // world pixel of the view's corner
        this._corner = map.containerPointToLatLng([0, 0]);
        L.DomUtil.setTransform(this._canvas, corner, 1);
        const moving = this._sort(size, world, origin, started);
        this._drawUnits();
        this._drawOver(size, world, origin, started);
        const cost = performance.now() - started;
        this._cost = this._cost ? this._cost * 0.9 + cost * 0.1 : cost;
        this.stats.paintMs = cost;
        this.stats.paints++;
        if (moving) this.touch();
      },

      /* Project every unit, sort those in view into idle and individually drawn ones; returns how many are on the move. */
      _sort(size, world, origin, t) {
        const u = feed.units(), roster = this.roster;
        const limits = feed.limits || S.LIMITS;
        const n = u ? Math.min(roster.size, u.lat.length) : 0;
        this._grow(n);
        const { act, lost } = roster, { _lat, _lon, _mx, _my, _fx, _fy, _since, _x, _y, _age, _idle } = this;
        const now = feed.now(), margin = 16 * this._scale;
        const glide = this.glide && this._cost < 8;
        const st = this.stats;
        st.units = st.placed = st.late = st.stale = st.lost = st.newest = 0;
        const top = (this._top = [[], [], [], [], []]);
        const gone = []; // idle units that are lost
        let idle = 0, moving = 0;
        for (let s = 0; s < n; s++) {
          const code = act[s];
          if (!code) continue;
          st.units++;
          const at = u.at[s];
          if (!(at > 0)) continue;
          st.placed++;
          if (at > st.newest) st.newest = at;
          const tasked = code >= S.FIRST_TASKED;
          const age = lost[s] ? S.LOST : S.ageClass(now - at, tasked ? limits.tasked : limits.idle);
          _age[s] = age;
          if (age) age === S.LATE ? st.late++ : age === S.STALE ? st.stale++ : st.lost++;
          const lat = u.lat[s], lon = u.lon[s];
          if (lat !== _lat[s] || lon !== _lon[s]) {
            const mx = mercX(lon), my = mercY(lat);
            const first = _lat[s] === 0 && _lon[s] === 0;
            const f = _since[s] ? Math.min(1, (t - _since[s]) / GLIDE_MS) : 1;
            const fromX = _fx[s] + (_mx[s] - _fx[s]) * f, fromY = _fy[s] + (_my[s] - _fy[s]) * f;
            const step = Math.hypot(mx - fromX, my - fromY);
            const glides = glide && !first && step * world >= GLIDE_LEAST_PX && step * EARTH_M * Math.cos((lat * Math.PI) / 180) < GLIDE_MOST_M;
            _fx[s] = glides ? fromX : mx;
            _fy[s] = glides ? fromY : my;
            _since[s] = glides ? t : 0;
            _mx[s] = mx;
            _my[s] = my;
            _lat[s] = lat;
            _lon[s] = lon;
          }
          let x = _mx[s], y = _my[s];
          if (_since[s]) {
            const f = (t - _since[s]) / GLIDE_MS;
            if (f >= 1) _since[s] = 0;
            else {
              x = _fx[s] + (x - _fx[s]) * f;
              y = _fy[s] + (y - _fy[s]) * f;
            }
          }
          x = x * world - origin.x;
          y = y * world - origin.y;
          _x[s] = x;
          _y[s] = y;
          if (x < -margin || y < -margin || x > size.x + margin || y > size.y + margin) {
            _age[s] = 255; // out of view: not to be picked
            continue;
          }
          if (_since[s]) moving++;
          if (age === S.LOST) (tasked ? top[4] : gone).push(s);
          else if (tasked) top[code - S.FIRST_TASKED].push(s);
          else _idle[idle++] = s;
        }
        if (gone.length > LOST_SINGLY) for (const s of gone) _idle[idle++] = s; // a dead feed: count them, too
        else top[4].push(...gone);
        const cells = this.cells;
        cells.begin(origin.x, origin.y, size.x, size.y, CELL * this._scale);
        for (let i = 0; i < idle; i++) cells.add(_x[_idle[i]], _y[_idle[i]], _age[_idle[i]], act[_idle[i]] !== S.CODE.available);
        this._counting = muster.mapCells.counting(cells.crowded(), this._counting);
        this._idleCount = idle;
        return moving;
      },

      _drawUnits() {
        const { _x, _y, _age, _idle, _pixels: pixels, _k: k } = this;
        const u = feed.units(), act = this.roster.act, st = this.stats;
        pixels.clear();
        st.shown = st.counted = 0;
        const single = (s) => {
          const code = act[s];
          const step = code === S.CODE.en_route && _age[s] !== S.LOST ? S.headingStep(u.heading[s]) : -1;
          pixels.blit(this._glyph(code, _age[s], step), Math.round(_x[s] * k), Math.round(_y[s] * k));
          st.shown++;
        };
        const { cells, _counting: counting } = this;
        for (let i = 0; i < this._idleCount; i++) if (!counting || cells.single(_x[_idle[i]], _y[_idle[i]])) single(_idle[i]);
        if (counting)
          cells.each((i, x, y, n) => {
            st.counted += n;
            pixels.blit(this._number(n - cells.lost[i], cells.lost[i], cells.stale[i] > 0), Math.round(x * k), Math.round(y * k));
          });
        for (const list of this._top) for (const s of list) single(s);
        this._ctx.putImageData(this._image, 0, 0);
      },

      _glyph(code, age, step) {
        const at = S.lookIndex(code, age, step);
        return this._glyphs[at] || (this._glyphs[at] = this._makeGlyph(code, age, step));
      },
      _makeGlyph(code, age, step) {
        const side = S.sizeOf(code, age) * this._scale * this._k;
        const box = Math.ceil(side * 1.25) | 1; // odd, so that the middle is a pixel; room for halo and corners
        const ctx = this._blank(box, box);
        ctx.translate(box / 2, box / 2);
        ctx.scale(side / 32, side / 32);
        S.drawUnit(ctx, { code, age, heading: step < 0 ? null : (step * 2 * Math.PI) / S.HEADINGS }, this._ink);
        return this._lift(box, box);
      },
      _number(n, lost, stale) {
        const text = lost ? (n ? `${n} ×${lost}` : `×${lost}`) : String(n);
        const key = (stale ? "~" : "") + text;
        let made = this._numbers.get(key);
        if (!made) this._numbers.set(key, (made = this._makeNumber(text, stale)));
        return made;
      },
      _makeNumber(text, stale) {
        const ink = this._ink, q = this._scale * this._k;
        const font = `700 ${13 * q}px ${ink.font}`;
        this._scratch.font = font;
        const w = Math.ceil(this._scratch.measureText(text).width + 11 * q) | 1, h = Math.ceil(19 * q) | 1;
        const ctx = this._blank(w + 2, h + 2);
        ctx.translate(1.5, 1.5);
        ctx.beginPath();
        ctx.roundRect(0, 0, w - 1, h - 1, h / 2);
        ctx.fillStyle = ink.bg1;
        ctx.fill();
        ctx.setLineDash(stale ? [3.5 * q, 2.5 * q] : []);
        ctx.strokeStyle = ink.ctl;
        ctx.lineWidth = Math.max(1, 1.2 * q);
        ctx.stroke();
        ctx.setLineDash([]);
        ctx.fillStyle = ink.t2;
        ctx.font = font;
        ctx.textAlign = "center";
        ctx.textBaseline = "middle";
        ctx.fillText(text, (w - 1) / 2, h / 2);
        return this._lift(w + 2, h + 2);
      },
      _blank(w, h) {
        const ctx = this._scratch;
        ctx.canvas.width = w; // also resets every setting
        ctx.canvas.height = h;
        return ctx;
      },
      _lift(w, h) {
        const data = this._scratch.getImageData(0, 0, w, h).data;
        return muster.mapPixels.sprite(new Uint32Array(data.buffer), w, h);
      },

      /* What lies over the pixels: uncertainty, selection, labels. */
      _drawOver(size, world, origin, t) {
        const ctx = this._ctx, k = this._k;
        ctx.setTransform(k, 0, 0, k, 0, 0);
        this._drawUncertainty(ctx, world);
        this._drawSelected(ctx);
        this._drawLabels(ctx, size, world, origin, t);
        ctx.setTransform(1, 0, 0, 1, 0, 0);
      },
      _drawUncertainty(ctx, world) {
        const { _x, _y, _age, _lat } = this, u = feed.units(), now = feed.now();
        const stale = [];
        for (let i = 0; i < 4; i++) for (const s of this._top[i]) if (_age[s] === S.STALE) stale.push(s);
        const idle = []; // circles of idle units only where they stay few; their dashed rings say it anyway
        for (let i = 0; i < this._idleCount && idle.length <= FEW_CIRCLES; i++) if (_age[this._idle[i]] === S.STALE) idle.push(this._idle[i]);
        if (!this._counting && idle.length <= FEW_CIRCLES) stale.push(...idle);
        ctx.strokeStyle = this._ink.t3;
        ctx.lineWidth = this._scale;
        ctx.setLineDash([4 * this._scale, 4 * this._scale]);
        for (const s of stale) {
          const metres = S.uncertaintyM(u.speed ? u.speed[s] : 0, now - u.at[s]);
          const r = (metres / (EARTH_M * Math.cos((_lat[s] * Math.PI) / 180))) * world;
          if (r < 10 * this._scale) continue;
          ctx.beginPath();
          ctx.arc(_x[s], _y[s], r, 0, 2 * Math.PI);
          ctx.stroke();
        }
        ctx.setLineDash([]);
      },
      _drawSelected(ctx) {
        const s = this.roster.slots.get(this.selected);
        if (s === undefined || this._age[s] === 255 || !this.roster.act[s] || !this._lat[s]) return;
        const q = this._scale;
        for (const [width, ink] of [[6, this._ink.bg0], [2.5, this._ink.t1]]) {
          ctx.beginPath();
          ctx.arc(this._x[s], this._y[s], 17 * q, 0, 2 * Math.PI);
          ctx.lineWidth = width * q;
          ctx.strokeStyle = ink;
          ctx.stroke();
        }
      },

      /* Labels of units, most wanted first: the selected, the lost, those without an answer, on the way, there. */
      _unitLabels() {
        const { _x, _y, _age } = this, names = this.roster.names, ids = this.roster.ids, out = [];
        const chosen = this.roster.slots.get(this.selected);
        const u = feed.units(), now = feed.now();
        const add = (s, rank) => {
          const age = now - u.at[s];
          const name = muster.mapLabels.cut(names[s], 14);
          const text = _age[s] === S.LOST ? feed.say("map.label_lost", { name, time: muster.words.minute(u.at[s]) }) : _age[s] ? feed.say("map.label_age", { name, age: muster.words.span(age) }) : name;
          out.push({ key: "u" + ids[s], slot: s, x: _x[s], y: _y[s], gap: (s === chosen ? 21 : 13) * this._scale, rank, text, strong: _age[s] === S.LOST });
        };
        for (const [list, rank] of [[4, 20], [3, 30], [2, 40], [0, 50], [1, 45]]) for (const s of this._top[list]) if (s !== chosen && out.length < 240) add(s, rank);
        if (chosen !== undefined && this.roster.act[chosen] && _age[chosen] !== 255 && this._lat[chosen]) add(chosen, 0);
        return out;
      },
      _drawLabels(ctx, size, world, origin, t) {
        if (!feed.withLabels) return;
        if (!(t - this._placeAt < PLACE_EVERY_MS)) this._choose(size, world, origin, t);
        for (const [, label] of this._placed) {
          if (label.slot !== undefined) {
            if (this._age[label.slot] === 255) continue;
            label.x = this._x[label.slot];
            label.y = this._y[label.slot];
          } else {
            label.x = label.mx * world - origin.x;
            label.y = label.my * world - origin.y;
          }
          const box = muster.mapLabels.boxAt(label.side, label);
          ctx.drawImage(label.image, Math.round(box.x * this._k) / this._k, Math.round(box.y * this._k) / this._k, label.w, label.h);
        }
      },
      _choose(size, world, origin, t) {
        this._placeAt = t;
        const labels = this._unitLabels();
        const obstacles = feed.covers ? feed.covers() : [];
        for (const more of feed.labels()) {
          const mx = mercX(more.lon), my = mercY(more.lat);
          const x = mx * world - origin.x, y = my * world - origin.y;
          if (x < 0 || y < 0 || x > size.x || y > size.y) continue;
          const half = more.half * this._scale;
          obstacles.push({ key: more.key, x: x - half, y: y - half, w: 2 * half, h: 2 * half });
          if (more.text) labels.push({ ...more, mx, my, x, y, gap: half + 3 * this._scale, strong: true });
        }
        const half = 10 * this._scale;
        for (const l of labels) if (l.slot !== undefined) obstacles.push({ key: l.key, x: l.x - half, y: l.y - half, w: 2 * half, h: 2 * half });
        for (const l of labels) {
          l.image = this._text(l.text, l.strong);
          l.w = l.image.width / this._k;
          l.h = l.image.height / this._k;
        }
        const placed = muster.mapLabels.place(labels, obstacles, { w: size.x, h: size.y }, this._sides);
        this._sides = new Map();
        this._placed = new Map();
        for (const l of labels) {
          const p = placed.get(l.key);
          if (!p) continue;
          this._sides.set(l.key, p.side);
          this._placed.set(l.key, { ...l, side: p.side });
        }
      },
      _text(text, strong) {
        const key = (strong ? "!" : "") + text;
        let made = this._texts.get(key);
        if (made) return made;
        if (this._texts.size > 600) this._texts.clear();
        const ink = this._ink, q = this._scale * this._k;
        made = document.createElement("canvas");
        let ctx = made.getContext("2d");
        const font = `${strong ? 700 : 400} ${16 * q}px ${ink.font}`;
        ctx.font = font;
        made.width = Math.ceil(ctx.measureText(text).width + 8 * q);
        made.height = Math.ceil(22 * q);
        ctx = made.getContext("2d");
        ctx.globalAlpha = 0.82;
        ctx.fillStyle = ink.bg0;
        ctx.beginPath();
        ctx.roundRect(0, 0, made.width, made.height, 3 * q);
        ctx.fill();
        ctx.globalAlpha = 1;
        ctx.font = font;
        ctx.fillStyle = strong ? ink.t1 : ink.t2;
        ctx.textBaseline = "middle";
        ctx.fillText(text, 4 * q, made.height / 2 + 0.5 * q);
        this._texts.set(key, made);
        return made;
      },

      /** Return what lies at a container point: {kind: "unit", id, slot}, {kind: "cell", n, stale, lost, unready} or null. */
      pick(point) {
        if (!this._top) return null;
        const { _x, _y } = this, reach = 14 * this._scale;
        let best = -1, near = reach * reach;
        const look = (s) => {
          const dx = _x[s] - point.x, dy = _y[s] - point.y, d = dx * dx + dy * dy;
          if (d < near) {
            near = d;
            best = s;
          }
        };
        for (const list of this._top) for (const s of list) look(s);
        const { cells, _counting: counting } = this;
        for (let i = 0; i < this._idleCount; i++) {
          const s = this._idle[i];
          if (!counting || cells.single(_x[s], _y[s])) look(s);
        }
        if (best < 0 && counting && !cells.single(point.x, point.y)) {
          const i = cells.at(point.x, point.y);
          return { kind: "cell", n: cells.n[i], stale: cells.stale[i], lost: cells.lost[i], unready: cells.unready[i] };
        }
        return best < 0 ? null : { kind: "unit", id: this.roster.ids[best], slot: best };
      },

      /** Return where a unit is shown, as a container point, or null. */
      where(id) {
        const s = this.roster.slots.get(id);
        return s === undefined || !this._room || !this._lat[s] || this._age[s] === 255 ? null : L.point(this._x[s], this._y[s]);
      },
    });
    return new UnitLayer({ pane: "muster-units" });
  }

  muster.mapLayer = { unitLayer, Roster, mercX, mercY };
})(typeof window === "undefined" ? globalThis : window);
