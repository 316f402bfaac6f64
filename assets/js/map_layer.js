/* The layer of all units: one canvas over the Leaflet map, painted pixel by pixel, and only when something changed. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const DEAR_MS = 8; // above this cost of a picture units jump instead of gliding
  const GLIDE_EVERY_MS = 25; // with the wait for the next frame: 30 pictures a second while anything glides
  const REACH = 14;

  /** Make the layer. `feed`: {units() → arrays by slot, now() → ms, limits, glide, withLabels, labels(), covers(),
   *  names(view), avoid(view): boxes of the view that numbers keep clear of, say()}. */
  function unitLayer(feed) {
    const S = muster.mapShapes, L = root.L;
    const UnitLayer = L.Layer.extend({
      initialize(options) {
        L.setOptions(this, options);
        this.roster = new muster.mapRoster.Roster();
        this.scene = new muster.mapScene.Scene();
        this.ink = new muster.mapInk.Ink();
        this.over = new muster.mapOver.Over(feed, this.scene, this.roster, this.ink);
        this.stats = this.scene.stats;
        Object.assign(this.stats, { shown: 0, counted: 0, paintMs: 0, paints: 0 });
        this._stale = new muster.mapPixels.Box();
        this._cost = 0;
        this._still = feed.glide === false || root.matchMedia("(prefers-reduced-motion: reduce)").matches;
      },

      onAdd(map) {
        this._map = map;
        const canvas = (this._canvas = L.DomUtil.create("canvas", "map-units leaflet-zoom-animated"));
        canvas.setAttribute("aria-hidden", "true");
        this.getPane().appendChild(canvas);
        this._ctx = canvas.getContext("2d", { willReadFrequently: true });
        this._tick = setInterval(() => this.touch(), 1000); // ages grow without any message
        this.touch();
      },
      onRemove() {
        clearInterval(this._tick);
        clearTimeout(this._glide);
        cancelAnimationFrame(this._frame);
        this._frame = 0;
        this._canvas.remove();
      },
      getEvents() {
        const { _onMove: move, _onEnd: end, _onZoomAnim: zoomanim } = this;
        return { move, zoom: move, moveend: end, zoomend: end, viewreset: end, resize: end, zoomanim };
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
        this.ink.retheme();
        this.over.again();
        this.touch();
      },
      /** Ring one unit, or none with null. */
      select(id) {
        this.over.selected = id;
        this.over.again();
        this.touch();
      },

      _onMove() {
        // A drag moves the canvas with its pane; a flight changes the zoom in every frame and must be painted in it.
        if (this._map.getZoom() !== this._zoom && !this._map._animatingZoom) this.paint();
        else this.touch();
      },
      _onEnd() {
        this.over.again();
        if (!this._map._animatingZoom) this.paint();
      },
      _onZoomAnim(e) {
        if (!this._corner) return;
        const map = this._map;
        const corner = map.project(this._corner, e.zoom).subtract(map._getNewPixelOrigin(e.center, e.zoom));
        L.DomUtil.setTransform(this._canvas, corner, map.getZoomScale(e.zoom, this._zoom));
      },

      _fit(size) {
        const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
        const k = Math.min(3, root.devicePixelRatio || 1);
        this.ink.resize(Math.min(3, Math.max(0.8, rem / 16)), k);
        const w = Math.max(1, Math.round(size.x * k)), h = Math.max(1, Math.round(size.y * k));
        const canvas = this._canvas;
        if (this._pixels && canvas.width === w && canvas.height === h) return;
        canvas.width = w;
        canvas.height = h;
        canvas.style.width = `${size.x}px`;
        canvas.style.height = `${size.y}px`;
        this._image = new ImageData(w, h);
        this.over.box.empty(); // a new canvas is clear
        this._pixels = new muster.mapPixels.Pixels(new Uint32Array(this._image.data.buffer), w, h);
      },

      /** Paint now. */
      paint() {
        const t = performance.now(), map = this._map, size = map.getSize();
        if (!map._loaded || !size.x || !size.y) return;
        this._fit(size);
        this._zoom = map.getZoom();
        this._corner = map.containerPointToLatLng([0, 0]);
        const corner = map.containerPointToLayerPoint([0, 0]), origin = map.getPixelOrigin().add(corner);
        L.DomUtil.setTransform(this._canvas, corner, 1);
        const view = { w: size.x, h: size.y, world: 256 * 2 ** this._zoom, left: origin.x, top: origin.y, scale: this.ink.scale };
        const units = feed.units(), now = feed.now();
        this.scene.glide = !this._still && this._cost < DEAR_MS;
        const gliding = this.scene.look(units, this.roster, view, now, t, feed.limits);
        this._blit(units, view);
        this.over.draw(this._ctx, view, units, now, t);
        const cost = performance.now() - t;
        this._cost = this._cost * 0.9 + cost * 0.1;
        this.stats.paintMs = cost;
        this.stats.paints++;
        clearTimeout(this._glide);
        if (gliding) this._glide = setTimeout(() => this.touch(), GLIDE_EVERY_MS);
      },

      _blit(units, view) {
        const { scene, ink, _pixels: pixels, stats } = this;
        const { x, y, age, cells } = scene, act = this.roster.act, k = ink.k;
        stats.shown = stats.counted = 0;
        const stale = this._stale; // all that the last picture drew on, to be put again
        stale.empty();
        const took = (box, by) => stale.add(box.left * by, box.top * by, box.right * by, box.bottom * by);
        took(pixels.box, 1);
        took(this.over.box, k);
        pixels.clear();
        const single = (s) => {
          const turns = act[s] === S.CODE.en_route && age[s] !== S.LOST;
          pixels.blit(ink.glyph(act[s], age[s], turns ? S.headingStep(units.heading[s]) : -1), Math.round(x[s] * k), Math.round(y[s] * k));
          stats.shown++;
        };
        scene.eachIdle(single);
        if (scene.counting)
          cells.each((i, cx, cy, n) => {
            pixels.blit(ink.number(n - cells.lost[i], cells.lost[i], cells.stale[i] > 0), Math.round(cx * k), Math.round(cy * k));
            stats.counted += n;
          }, [...(feed.avoid ? feed.avoid(view) : []), ...this.over.covers()]);
        scene.eachTop(single);
        took(pixels.box, 1);
        const { x: left, y: top, w, h } = stale.within(pixels.width, pixels.height);
        if (w) this._ctx.putImageData(this._image, 0, 0, left, top, w, h);
      },

      /** Return what lies at a container point: {kind: "unit", id, slot}, {kind: "cell", n, stale, lost, unready} or null. */
      pick(point) {
        const hit = this.scene.pick(point.x, point.y, REACH * this.ink.scale);
        if (!hit) return null;
        return hit.cell ? { kind: "cell", ...hit.cell } : { kind: "unit", id: this.roster.ids[hit.slot], slot: hit.slot };
      },
    });
    return new UnitLayer({ pane: "muster-units" });
  }

  muster.mapLayer = { unitLayer };
})(typeof window === "undefined" ? globalThis : window);
