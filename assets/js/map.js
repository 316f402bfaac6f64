/* The map of a screen: finds the Leaflet map that dash-leaflet made, and puts ground, units, incidents and a frame on it.
   `muster.map.attach(options)` is all a page calls; `muster.map.focus(place)` looks somewhere. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const UNTOUCHED_MS = 60000; // nobody is pushed off what they look at
  const BACK_MS = 20000; // a wall returns to the whole picture
  const FLY_S = 0.8, FLY_ZOOM = 14;
  const LINKS = ["live", "connecting", "late", "lost"];
  const PANES = { "muster-base": 150, "muster-units": 450, "muster-names": 460, "muster-marks": 600 };

  // Every map that Leaflet makes is remembered, so that attach() can find it by the id of its container.
  if (root.L) root.L.Map.addInitHook(function () { (root.__maps = root.__maps || []).push(this); });

  const say = (key, params) => (muster.text ? muster.text(key, params) : key);
  const handles = [];

  /** Resolve to the loaded Leaflet map in the container with this id. */
  function findMap(mapId) {
    return new Promise((resolve) => {
      const look = () => {
        root.__maps = (root.__maps || []).filter((m) => m._container && m._mapPane); // Leaflet empties what was removed
        const found = root.__maps.find((m) => m._container.id === mapId && m._container.isConnected);
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
      for (const [name, z] of Object.entries(PANES)) if (!map.getPane(name)) map.createPane(name).style.zIndex = z;
      this.base = new muster.mapBase.Base(map, "muster-base", "muster-names");
      this.frame = new muster.mapFrame.Frame(map.getContainer().parentElement, say);
      this.marks = new muster.mapMarks.Marks(map, { pane: "muster-marks", interactive: this.options.interactive, title: (kind, card) => this.describe(kind, card) });
      this.layer = muster.mapLayer.unitLayer({
        units: () => muster.units,
        now: () => muster.clock.now(),
        say,
        limits: this.options.limits,
        glide: options.glide,
        withLabels: this.options.labels,
        labels: () => this.marks.labels(this.cards(), (card) => this.title(card)),
        covers: () => this.frame.covers(),
        names: (view) => this.base.boxes(view),
        avoid: (view) => this.avoid(view),
        stems: () => this.markBoxes || [],
      }).addTo(map);
      this.listen();
      if (this.options.interactive) {
        this.listenToPointer();
        this.wholeButton();
      }
      this.base.load(options.shapesUrl || "/map/shapes.json").then((about) => this.ground(about));
      this.all();
    }

    cards() {
      return muster.store.cards;
    }
    title(card) {
      return muster.mapLabels.cut(card.title || say(`category.${card.category}`), 20); // where it is, the map shows
    }
    describe(kind, card) {
      const what = kind === "incident" ? card.title || say(`category.${card.category}`) : say(`camera_rule.${card.rule}`);
      return [say(`severity.${card.sev || 4}`), what, card.place].filter(Boolean).join(" · ");
    }
    scale() {
      const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
      return Math.min(3, Math.max(0.8, rem / 16));
    }

    /* Marks stand beside one another, names beside the marks. */
    arrange(anyway) {
      const scale = this.scale();
      if (!this.marks.arrange(scale) && !anyway) return;
      this.markBoxes = this.marks.boxes(scale);
      this.base.arrange(this.markBoxes);
      this.layer.over.again();
      this.layer.touch();
    }
    avoid(view) {
      const { mercX, mercY } = muster.mapScene, boxes = this.base.boxes(view);
      for (const b of this.markBoxes || []) {
        const x = mercX(b.lon) * view.world - view.left + b.dx, y = mercY(b.lat) * view.world - view.top + b.dy;
        if (x > -b.half && y > -b.half && x < view.w + b.half && y < view.h + b.half) boxes.push({ x: x - b.half, y: y - b.half, w: 2 * b.half, h: 2 * b.half });
      }
      return boxes;
    }

    ground(about) {
      this.hasGround = !!about;
      if (!this.home && about && about.bounds) {
        const [south, west, north, east] = about.bounds;
        this.home = [[south, west], [north, east]];
      }
      this.goHome(false);
      this.arrange(true);
      this.tell();
      if (this.home && this.options.onShape) this.options.onShape(muster.mapScene.aspect(this.home));
    }
    goHome(animate) {
      if (this.home) {
        // As large as the room allows: below the head, and not rounded to a step of the zoom.
        const { map } = this, snap = map.options.zoomSnap;
        const head = this.frame.head.offsetTop + this.frame.head.offsetHeight;
        map.options.zoomSnap = 0;
        map.fitBounds(this.home, { paddingTopLeft: [12, head + 8], paddingBottomRight: [12, 12], animate, duration: FLY_S });
        map.options.zoomSnap = snap;
      }
      this.measure();
    }
    measure() {
      const rem = parseFloat(getComputedStyle(document.documentElement).fontSize) || 16;
      const metres = muster.mapScene.ground(this.map.getCenter().lat) / (256 * 2 ** this.map.getZoom());
      this.frame.measure(metres, 9 * rem);
    }

    on(target, names, tell, options) {
      for (const name of names) {
        target.addEventListener(name, tell, options);
        this.stops.push(() => target.removeEventListener(name, tell, options));
      }
    }
    onMap(names, tell) {
      this.map.on(names, tell);
      this.stops.push(() => this.map.off(names, tell));
    }

    listen() {
      const container = this.map.getContainer(), page = document.documentElement;
      this.on(container, ["pointerdown", "wheel", "keydown"], () => { this.touchedAt = performance.now(); }, { passive: true });
      this.onMap("zoomend moveend", () => this.measure());
      this.onMap("zoomend resize", () => this.arrange(true));
      this.onMap("resize", () => { if (this.touchedAt === -Infinity) this.goHome(false); });
      const sizes = new ResizeObserver(() => this.map.invalidateSize({ animate: false }));
      sizes.observe(container);
      // The shell says on the page's root how theme and link are.
      const shell = new MutationObserver((changes) => {
        if (changes.some((c) => c.attributeName === "data-link")) this.setLink(page.dataset.link);
        if (changes.some((c) => c.attributeName !== "data-link")) this.retheme();
      });
      shell.observe(page, { attributes: true, attributeFilter: ["data-mantine-color-scheme", "data-link"] });
      this.setLink(page.dataset.link);
      const beat = setInterval(() => this.tell(), 1000);
      this.stops.push(() => sizes.disconnect(), () => shell.disconnect(), () => clearInterval(beat));
      this.stops.push(muster.onSelect((what, _before, by) => this.selected(what, by)));
      if (document.fonts) document.fonts.ready.then(() => { this.layer.retheme(); this.arrange(true); });
    }

    listenToPointer() {
      const { map } = this;
      let waiting = null;
      this.onMap("mousemove", (e) => {
        if (!waiting) requestAnimationFrame(() => { this.hover(waiting); waiting = null; });
        waiting = e;
      });
      this.onMap("mouseout movestart", () => this.frame.hint(null));
      this.onMap("click", (e) => {
        const hit = this.layer.pick(e.containerPoint);
        if (!hit) muster.select(null, "map");
        else if (hit.kind === "unit") muster.select(hit, "map");
        else map.setView(e.latlng, map.getZoom() + 2);
      });
    }

    /* Below the two buttons of the zoom: the whole area again. */
    wholeButton() {
      const zoom = this.map.getContainer().querySelector(".leaflet-control-zoom");
      if (!zoom) return;
      const button = zoom.appendChild(document.createElement("a"));
      button.href = "#";
      button.className = "map-whole";
      button.title = say("map.whole");
      button.setAttribute("role", "button");
      button.setAttribute("aria-label", say("map.whole"));
      button.append(muster.svg.glyph("whole"));
      this.on(button, ["click"], (e) => {
        e.preventDefault();
        e.stopPropagation();
        this.goHome(true);
      });
      this.on(button, ["dblclick"], (e) => e.stopPropagation());
      this.stops.push(() => button.remove());
      for (const [name, key] of [["in", "map.zoom_in"], ["out", "map.zoom_out"]]) {
        const other = zoom.querySelector(`.leaflet-control-zoom-${name}`);
        if (!other) continue;
        other.title = say(key);
        other.setAttribute("aria-label", say(key));
      }
    }

    hover({ containerPoint: point }) {
      const hit = this.layer.pick(point);
      this.map.getContainer().classList.toggle("is-over", !!hit);
      if (!hit) return this.frame.hint(null);
      this.frame.hint(hit.kind === "unit" ? this.unitLine(hit) : say("map.cell", hit), point);
    }
    unitLine({ id, slot }) {
      const card = this.cards().unit[id] || {};
      const age = muster.words.span(muster.clock.now() - muster.units.at[slot]);
      return say("map.unit", { name: card.name || id, activity: say(`activity.${card.lost ? "lost" : card.activity}`), age });
    }

    /** Take everything from the store again (first snapshot, resynchronised). */
    all() {
      const cards = this.cards();
      this.layer.roster.all(cards.unit);
      this.severe = new Set(Object.values(cards.incident).filter((card) => card.sev === 1).map((card) => card.id));
      this.showMarks();
      this.layer.touch();
    }

    /** Take a delta: `put` {kind: {id: card}} and `drop` {kind: {id: version}} as they came over the wire. */
    changed({ put = {}, drop = {} }) {
      const { unit } = this.cards();
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
      this.arrange();
    }

    /* An incident that is new at severity 1 is flown to once, unless somebody is using the map. */
    meet(id) {
      const card = this.cards().incident[id];
      if (!card || card.sev !== 1 || this.severe.has(id)) return;
      this.severe.add(id);
      if (!this.options.fly || !card.at || performance.now() - this.touchedAt < UNTOUCHED_MS) return;
      this.flyTo(card.at, FLY_ZOOM);
      clearTimeout(this.back);
      this.back = setTimeout(() => { if (performance.now() - this.touchedAt > UNTOUCHED_MS) this.goHome(true); }, BACK_MS);
    }
    flyTo(at, zoom) {
      const still = document.hidden || root.matchMedia("(prefers-reduced-motion: reduce)").matches;
      if (still) this.map.setView(at, zoom, { animate: false });
      else this.map.flyTo(at, zoom, { duration: FLY_S });
    }

    /** Look at a place: {lat, lon, zoom?}; nothing moves when it is well in view already. */
    focus({ lat, lon, zoom }) {
      if (!Number.isFinite(lat) || !Number.isFinite(lon)) return;
      if (!zoom && this.map.getBounds().pad(-0.06).contains([lat, lon])) return;
      this.flyTo([lat, lon], Math.max(zoom || 0, this.map.getZoom()));
    }

    selected(what, by) {
      this.layer.select(what && what.kind === "unit" ? what.id : null);
      this.marks.select(what);
      this.arrange();
      if (!what || by === "map") return;
      const card = (this.cards()[what.kind] || {})[what.id], { units } = muster;
      if (card && card.at) this.focus({ lat: card.at[0], lon: card.at[1] });
      else if (card && what.kind === "unit" && units.at[card.slot] > 0) this.focus({ lat: units.lat[card.slot], lon: units.lon[card.slot] });
    }

    /** Say how the page's link is; anything but "live" dims the map. */
    setLink(state) {
      if (!LINKS.includes(state)) return;
      this.link = state;
      this.tell();
    }
    retheme() {
      this.layer.retheme();
      this.base.retheme();
    }
    tell() {
      if (!this.map._container || !this.map._container.isConnected) this.remove(); // the screen is gone
      else this.frame.tell(this.link, this.layer.stats, muster.clock.now(), this.hasGround);
    }

    /** Let go of everything. */
    remove() {
      clearTimeout(this.back);
      cancelAnimationFrame(this.marksFrame);
      for (const stop of this.stops) stop();
      this.frame.remove();
      this.layer.remove();
      handles.splice(handles.indexOf(this), 1);
    }
  }

  /** Put Muster on a map. `mapId`: id of the dl.Map; `shapesUrl`; `fit`: [[south, west], [north, east]] or nothing for all
   *  of the ground; `labels`; `view`: "wall" has no pointer and flies to new incidents of severity 1; `limits`: seconds to
   *  late, stale, lost as {tasked, idle}; `glide`; `onShape(ratio)` hears how wide the ground is to its height. Resolves to the handle once the map is there. */
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
  };
})(typeof window === "undefined" ? globalThis : window);
