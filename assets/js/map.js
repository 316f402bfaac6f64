/* The map of a screen: finds the Leaflet map that dash-leaflet made, and puts ground, units, incidents, legend, head and
   scale on it. `muster.map.attach(options)` is all a page calls; `muster.map.focus(place)` looks somewhere. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const UNTOUCHED_MS = 60000; // nobody is pushed off what they look at
  const BACK_MS = 20000; // a wall returns to the whole picture
  const FLY_S = 0.8, FLY_ZOOM = 14;
  const EARTH_M = 40075016.686;
  const LINKS = ["live", "connecting", "late", "lost"];
  const LEGEND = ["available", "busy", "awaiting", "accepted", "en_route", "on_scene", "lost"];

  // Every map that Leaflet makes is remembered, so that attach() can find it by the id of its container.
  if (root.L) root.L.Map.addInitHook(function () { (root.__maps = root.__maps || []).push(this); });

  const say = (key, params) => (muster.text ? muster.text(key, params) : key);
  const handles = [];

  function el(tag, className, parent) {
    const node = document.createElement(tag);
    node.className = className;
    if (parent) parent.appendChild(node);
    return node;
  }
  function setText(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }
  const glyph = (name) => (muster.svg ? muster.svg.glyph(name) : document.createRange().createContextualFragment(muster.mapShapes.glyphSvg(name)).firstChild);

  /** Resolve to the loaded Leaflet map in the container with this id. */
  function findMap(mapId) {
    return new Promise((resolve) => {
      const look = () => {
        const maps = (root.__maps = (root.__maps || []).filter((m) => m._container)); // Leaflet empties what was removed
        const found = maps.find((m) => m._container.id === mapId && m._container.isConnected);
        if (found && found._loaded && found.getSize().x) resolve(found);
        else setTimeout(look, 50);
      };
      look();
    });
  }

  class MapHandle {
    constructor(map, options) {
      const wall = options.view === "wall";
      this.map = map;
      this.options = { labels: true, interactive: !wall, fly: wall, limits: muster.mapShapes.LIMITS, ...options };
      this.touchedAt = -Infinity;
      this.link = "live";
      this.home = options.fit || null;
      this.severe = new Set(); // incidents of severity 1 that were already here
      this.stops = [];
      for (const [name, z] of [["muster-base", 150], ["muster-units", 450], ["muster-marks", 600]]) if (!map.getPane(name)) map.createPane(name).style.zIndex = z;
      this.base = new muster.mapBase.Base(map, "muster-base");
      this.layer = muster.mapLayer.unitLayer({
        units: () => muster.units,
        now: () => this.now(),
        say,
        limits: this.options.limits,
        glide: options.glide,
        withLabels: this.options.labels,
        labels: () => this.marks.labels((kind) => this.cards()[kind] || {}, (card) => this.title(card)),
        covers: () => this.covers(),
      });
      this.marks = new muster.mapMarks.Marks(map, { pane: "muster-marks", interactive: this.options.interactive, title: (kind, card) => this.describe(kind, card) });
      this.frame();
      this.layer.addTo(map);
      this.listen();
      this.base.load(options.shapesUrl || "/map/shapes.json").then((about) => this.ground(about));
      this.all();
    }

    now() {
      return muster.clock && muster.clock.now ? muster.clock.now() : Date.now();
    }
    cards() {
      return (muster.store && muster.store.cards) || {};
    }
    title(card) {
      const words = [card.title || say(`category.${card.category}`), card.place].filter(Boolean).join(" · ");
      return muster.mapLabels.cut(words, 26);
    }
    describe(kind, card) {
      const what = kind === "incident" ? this.title(card) : say(`camera_rule.${card.rule}`);
      return `${say(`severity.${card.sev || 4}`)} ${what}`;
    }

    /* Head, legend and scale lie beside the map, not in it: they take no pointer and never move. */
    frame() {
      const box = this.map.getContainer().parentElement;
      this.head = el("div", "map-head", box);
      this.head.setAttribute("role", "status");
      this.headGlyph = el("span", "map-head-glyph", this.head);
      this.headText = el("span", "map-head-text", this.head);
      this.legend = el("ul", "map-legend", box);
      const row = (mark, text) => {
        const item = el("li", "map-legend-row", this.legend);
        el("span", "map-legend-mark", item).append(mark);
        el("span", "", item).textContent = text;
      };
      for (const activity of LEGEND) row(glyph(`unit-${activity}`), say(`activity.${activity}`));
      row(Object.assign(document.createElement("span"), { className: "map-legend-stale" }), say("map.legend_stale"));
      row(Object.assign(document.createElement("span"), { className: "map-legend-count", textContent: "12" }), say("map.legend_count"));
      this.scale = el("div", "map-scale", box);
      this.scaleText = el("span", "", this.scale);
      this.tip = el("div", "map-tip", box);
      this.tip.hidden = true;
      this.stops.push(() => [this.head, this.legend, this.scale, this.tip].forEach((node) => node.remove()));
    }

    ground(about) {
      this.hasGround = !!about;
      if (!this.home && about && about.bounds) {
        const [south, west, north, east] = about.bounds;
        this.home = [[south, west], [north, east]];
      }
      this.goHome(false);
      this.tell();
    }

    goHome(animate) {
      if (this.home) this.map.fitBounds(this.home, { padding: [12, 12], animate: !!animate, duration: FLY_S });
      this.drawScale();
    }

    listen() {
      const { map } = this;
      const container = map.getContainer();
      const touched = () => { this.touchedAt = performance.now(); };
      for (const name of ["pointerdown", "wheel", "keydown"]) {
        container.addEventListener(name, touched, { passive: true });
        this.stops.push(() => container.removeEventListener(name, touched));
      }
      const onResize = () => { if (this.touchedAt === -Infinity) this.goHome(false); };
      map.on("zoomend moveend", this.drawScale, this);
      map.on("resize", onResize);
      this.stops.push(() => map.off("zoomend moveend", this.drawScale, this).off("resize", onResize));
      const observer = new ResizeObserver(() => map.invalidateSize({ animate: false }));
      observer.observe(container);
      this.stops.push(() => observer.disconnect());
      const page = document.documentElement; // the shell says there how theme and link are
      const pageChanged = (changes) => {
        if (changes.some((c) => c.attributeName === "data-link")) this.setLink(page.dataset.link);
        if (changes.some((c) => c.attributeName !== "data-link")) this.retheme();
      };
      const shell = new MutationObserver(pageChanged);
      shell.observe(page, { attributes: true, attributeFilter: ["data-mantine-color-scheme", "data-link"] });
      this.stops.push(() => shell.disconnect());
      if (page.dataset.link) this.setLink(page.dataset.link);
      this.stops.push(muster.onSelect((what, _, by) => this.selected(what, by)));
      const beat = setInterval(() => this.tell(), 1000);
      this.stops.push(() => clearInterval(beat));
      if (document.fonts) document.fonts.ready.then(() => this.layer.retheme());
      if (this.options.interactive) this.listenToPointer();
    }

    retheme() {
      this.layer.retheme();
      this.base.retheme();
    }

    listenToPointer() {
      const { map } = this;
      let waiting = null;
      const hover = (e) => {
        const first = !waiting;
        waiting = e;
        if (first) requestAnimationFrame(() => { this.hover(waiting); waiting = null; });
      };
      const click = (e) => {
        const hit = this.layer.pick(e.containerPoint);
        if (!hit) muster.select(null, "map");
        else if (hit.kind === "unit") muster.select(hit, "map");
        else map.setView(e.latlng, map.getZoom() + 2);
      };
      const leave = () => { this.tip.hidden = true; };
      map.on("mousemove", hover).on("click", click).on("mouseout movestart", leave);
      this.stops.push(() => map.off("mousemove", hover).off("click", click).off("mouseout movestart", leave));
    }

    hover(e) {
      const hit = this.layer.pick(e.containerPoint);
      this.map.getContainer().classList.toggle("is-over", !!hit);
      this.tip.hidden = !hit;
      if (!hit) return;
      setText(this.tip, hit.kind === "unit" ? this.unitLine(hit) : say("map.cell", hit));
      this.tip.style.transform = `translate(${Math.round(e.containerPoint.x + 14)}px, ${Math.round(e.containerPoint.y + 14)}px)`;
    }
    unitLine({ id, slot }) {
      const card = (this.cards().unit || {})[id] || {};
      const age = muster.words.span(this.now() - muster.units.at[slot]);
      return say("map.unit", { name: card.name || id, activity: say(`activity.${card.lost ? "lost" : card.activity}`), age });
    }

    /** Take everything from the store again (first snapshot, resynchronised). */
    all() {
      const cards = this.cards();
      this.layer.roster.all(cards.unit || {});
      this.severe = new Set(Object.values(cards.incident || {}).filter((card) => card.sev === 1).map((card) => card.id));
      this.showMarks();
      this.layer.touch();
    }

    /** Take a delta: `put` {kind: {id: card}} and `drop` {kind: {id: version}} as they came over the wire. */
    changed({ put = {}, drop = {} }) {
      const { unit = {} } = this.cards();
      for (const id of Object.keys(put.unit || {})) if (unit[id]) this.layer.roster.put(unit[id]);
      for (const id of Object.keys(drop.unit || {})) if (!unit[id]) this.layer.roster.drop(id);
      if ([put, drop].some((part) => part.incident || part.camera_alert || part.alarm)) this.marksSoon();
      for (const id of Object.keys(put.incident || {})) this.meet(id);
      this.layer.touch();
    }

    marksSoon() {
      if (this.marksFrame) return;
      this.marksFrame = requestAnimationFrame(() => {
        this.marksFrame = 0;
        this.showMarks();
      });
    }
    showMarks() {
      const cards = this.cards();
      const ringing = muster.mapMarks.unacked(cards.alarm);
      for (const kind of ["incident", "camera_alert"]) this.marks.show(kind, cards[kind], ringing);
      this.marks.select(muster.selected());
    }

    /* An incident that is new at severity 1 is flown to once, unless somebody is using the map. */
    meet(id) {
      const card = (this.cards().incident || {})[id];
      if (!card || card.sev !== 1 || this.severe.has(id)) return;
      this.severe.add(id);
      if (!this.options.fly || !card.at || performance.now() - this.touchedAt < UNTOUCHED_MS) return;
      this.flyTo(card.at, FLY_ZOOM);
      clearTimeout(this.back);
      this.back = setTimeout(() => { if (performance.now() - this.touchedAt > UNTOUCHED_MS) this.goHome(true); }, BACK_MS);
    }

    /* Where head, legend and scale lie, in pixels of the map: no label goes under them. */
    covers() {
      const zero = this.map.getContainer().getBoundingClientRect();
      return [this.head, this.legend, this.scale].map((node, i) => {
        const r = node.getBoundingClientRect();
        return { key: `cover${i}`, x: r.x - zero.x, y: r.y - zero.y, w: r.width, h: r.height };
      });
    }

    flyTo(at, zoom) {
      const still = root.matchMedia("(prefers-reduced-motion: reduce)").matches || document.hidden;
      if (still) this.map.setView(at, zoom, { animate: false });
      else this.map.flyTo(at, zoom, { duration: FLY_S });
    }

    /** Look at a place: {lat, lon, zoom?}; nothing moves when it is well in view already. */
    focus({ lat, lon, zoom }) {
      if (!Number.isFinite(lat) || !Number.isFinite(lon)) return;
      if (!zoom && this.map.getBounds().pad(-0.15).contains([lat, lon])) return;
      this.flyTo([lat, lon], Math.max(zoom || 0, this.map.getZoom()));
    }

    selected(what, by) {
      this.layer.selected = what && what.kind === "unit" ? what.id : null;
      this.layer._placeAt = 0;
      this.marks.select(what);
      this.layer.touch();
      if (!what || by === "map") return;
      const card = (this.cards()[what.kind] || {})[what.id];
      if (card && card.at) this.focus({ lat: card.at[0], lon: card.at[1] });
      else if (card && what.kind === "unit" && muster.units && muster.units.at[card.slot] > 0) this.focus({ lat: muster.units.lat[card.slot], lon: muster.units.lon[card.slot] });
    }

    /** Say how the page's link is: "live", "late" or "lost"; anything but live dims the map. */
    setLink(state) {
      if (this.link === state || !LINKS.includes(state)) return;
      this.link = state;
      const box = this.map.getContainer().parentElement;
      box.dataset.link = state;
      this.tell();
    }

    tell() {
      if (!this.map._container || !this.map._container.isConnected) return this.remove(); // the screen is gone
      const { stats } = this.layer, say1 = (key, params) => say(`map.${key}`, params);
      const parts = [say1(`link_${this.link}`)];
      if (stats.newest) parts.push(say1("newest", { age: muster.words.span(Math.max(0, this.now() - stats.newest)) }));
      else if (stats.units) parts.push(say1("no_positions"));
      if (stats.stale) parts.push(say1("stale", { n: stats.stale }));
      if (stats.lost) parts.push(say1("lost", { n: stats.lost }));
      parts.push("WGS-84");
      if (this.hasGround !== undefined) parts.push(say1(this.hasGround ? "ground" : "no_ground"));
      const name = `state-${this.link === "connecting" ? "unknown" : this.link}`;
      if (this.headGlyph.dataset.shows !== name) {
        this.headGlyph.dataset.shows = name;
        this.headGlyph.replaceChildren(glyph(name));
      }
      setText(this.headText, parts.join(" · "));
    }

    drawScale() {
      const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
      const metres = (EARTH_M * Math.cos((this.map.getCenter().lat * Math.PI) / 180)) / (256 * 2 ** this.map.getZoom());
      const length = muster.mapCells.niceBelow(metres * 9 * rem);
      this.scale.style.width = `${Math.round(length / metres)}px`;
      setText(this.scaleText, length >= 1000 ? `${length / 1000} km` : `${length} m`);
    }

    /** Let go of everything. */
    remove() {
      clearTimeout(this.back);
      cancelAnimationFrame(this.marksFrame);
      for (const stop of this.stops) stop();
      this.layer.remove();
      handles.splice(handles.indexOf(this), 1);
    }
  }

  /** Put Muster on a map. `mapId`: id of the dl.Map; `shapesUrl`; `fit`: [[south, west], [north, east]] or nothing for all
   *  of the ground; `labels`; `view`: "wall" has no pointer and flies to new incidents of severity 1; `limits`: seconds to
   *  late, stale, lost as {tasked, idle}; `glide`. Resolves to the handle once the map is there. */
  async function attach(options) {
    const map = await findMap(options.mapId);
    const old = handles.find((h) => h.options.mapId === options.mapId);
    if (old && old.map === map) return old;
    if (old) old.remove();
    const handle = new MapHandle(map, options);
    handles.push(handle);
    return handle;
  }

  muster.map = {
    attach,
    handles,
    /** Look at {lat, lon, zoom?} on every map of the page. */
    focus: (place) => handles.forEach((h) => h.focus(place)),
    /** The store was filled anew. */
    all: () => handles.forEach((h) => h.all()),
    /** A delta was merged into the store. */
    changed: (delta) => handles.forEach((h) => h.changed(delta)),
    /** A frame of positions was written into muster.units. */
    frame: () => handles.forEach((h) => h.layer.touch()),
    /** The link of the page changed: "live", "late", "lost". */
    link: (state) => handles.forEach((h) => h.setLink(state)),
  };
})(typeof window === "undefined" ? globalThis : window);
