/* The ground: outlines of areas with quiet names, or a grid of meridians and parallels where there are none.
   In a pane and on a canvas of its own, so that units never make it repaint. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const NAMES_UP_TO = 12.5; // deeper in, one area fills the view and its name only gets in the way

  class Base {
    /** `pane`: where outlines go; `above`: where names go, over the units. */
    constructor(map, pane, above) {
      this.map = map;
      this.pane = pane;
      this.above = above;
      this.renderer = root.L.canvas({ pane, padding: 0.3 });
      this.names = root.L.layerGroup();
      this.lines = root.L.layerGroup();
      this.about = null;
      this.named = []; // {lat, lon, node, marker, w, h, dx, dy}
    }

    /** Fetch the outlines and draw them; resolves to what they are ({datum, source, bounds}), or null when there are none. */
    async load(url) {
      try {
        const answer = await fetch(url, { credentials: "same-origin" });
        if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
        return this.draw(await answer.json());
      } catch (error) {
        console.warn("base map", error);
        return this.draw({ features: [] });
      }
    }

    draw(shapes) {
      if (!shapes.features.length) {
        this.grid();
        this.map.on("moveend", this.grid, this);
        this.lines.addTo(this.map);
        return null;
      }
      this.shapes = root.L.geoJSON(shapes, { pane: this.pane, renderer: this.renderer, interactive: false, style: () => this.style() }).addTo(this.map);
      const english = ((this.map.getContainer().closest("[lang]") || {}).lang || "").startsWith("en");
      for (const { properties: p } of shapes.features) {
        const html = document.createElement("span");
        html.textContent = (english && p.name_en) || p.name;
        const icon = root.L.divIcon({ className: "map-area-name", html, iconSize: [0, 0] });
        const marker = root.L.marker(p.label, { icon, pane: this.above, interactive: false, keyboard: false }).addTo(this.names);
        this.named.push({ lat: p.label[0], lon: p.label[1], node: html, marker, w: 0, h: 0, dx: 0, dy: 0 });
      }
      this.map.on("zoomend", this.showNames, this);
      this.showNames();
      this.about = shapes.muster || {};
      return this.about;
    }

    showNames() {
      if (this.map.getZoom() <= NAMES_UP_TO) this.names.addTo(this.map);
      else this.names.remove();
    }

    /** Let the names step aside for `boxes` of marks: {lat, lon, dx, dy, half} in pixels. */
    arrange(boxes) {
      const { map } = this, zoom = map.getZoom();
      if (!map.hasLayer(this.names)) return;
      const taken = boxes.map((b) => {
        const { x, y } = map.project([b.lat, b.lon], zoom);
        return { x: x + b.dx - b.half, y: y + b.dy - b.half, w: 2 * b.half, h: 2 * b.half };
      });
      for (const name of this.named) {
        const { x, y } = map.project([name.lat, name.lon], zoom);
        name.w = name.node.offsetWidth;
        name.h = name.node.offsetHeight;
        Object.assign(name, muster.mapSpread.nameSpot({ x, y, w: name.w, h: name.h }, taken));
        taken.push({ x: x + name.dx - name.w / 2, y: y + name.dy - name.h / 2, w: name.w, h: name.h });
        name.node.style.setProperty("--dx", `${name.dx}px`);
        name.node.style.setProperty("--dy", `${name.dy}px`);
      }
    }

    /** List the boxes of the names in a view, {world, left, top}, in its pixels. */
    boxes(view) {
      if (!this.map.hasLayer(this.names)) return [];
      const { mercX, mercY } = muster.mapScene;
      return this.named.map((n, i) => {
        const x = mercX(n.lon) * view.world - view.left + n.dx, y = mercY(n.lat) * view.world - view.top + n.dy;
        return { key: `name:${i}`, x: x - n.w / 2, y: y - n.h / 2, w: n.w, h: n.h };
      });
    }

    style() {
      const css = getComputedStyle(document.documentElement);
      const token = (name, spare) => css.getPropertyValue(name).trim() || spare;
      return { color: token("--line", "#3A424D"), weight: 1.4, fill: true, fillColor: token("--bg1", "#1C2127"), fillOpacity: 1 };
    }

    grid() {
      const { gridStep, gridValues } = muster.mapCells, L = root.L;
      const b = this.map.getBounds().pad(0.1);
      const perDegree = (256 * 2 ** this.map.getZoom()) / 360;
      const step = gridStep(perDegree, 110);
      const places = Math.max(0, Math.ceil(-Math.log10(step)));
      const line = { pane: this.pane, renderer: this.renderer, interactive: false, color: this.style().color, weight: 1 };
      this.lines.clearLayers();
      const name = (at, text) => L.marker(at, { icon: L.divIcon({ className: "map-grid-name", html: text, iconSize: [0, 0] }), pane: this.pane, interactive: false, keyboard: false }).addTo(this.lines);
      const inner = this.map.getBounds();
      for (const lon of gridValues(b.getWest(), b.getEast(), step)) {
        L.polyline([[b.getSouth(), lon], [b.getNorth(), lon]], line).addTo(this.lines);
        name([inner.getSouth(), lon], `${lon.toFixed(places)}°`);
      }
      for (const lat of gridValues(b.getSouth(), b.getNorth(), step)) {
        L.polyline([[lat, b.getWest()], [lat, b.getEast()]], line).addTo(this.lines);
        name([lat, inner.getWest()], `${lat.toFixed(places)}°`);
      }
    }

    /** Take the colours of the theme again. */
    retheme() {
      if (this.shapes) this.shapes.setStyle(this.style());
      else this.grid();
    }
  }

  muster.mapBase = { Base };
})(typeof window === "undefined" ? globalThis : window);
