/* The wall screen: hears of changes, lets wall_*.js say what they mean, and puts that into the page.
   Drawing happens at most once a frame, and once a second for the ages. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const SHIFT_EVERY_MS = 600_000;
  const SHIFTS = [[0, 0], [2, 0], [2, 2], [0, 2], [-2, 2], [-2, 0], [-2, -2], [0, -2], [2, -2]];
  const SLOW_START_MS = 5000;

  /** Where the page stands against burning in: one of nine places, a step every ten minutes: pure. */
  const shiftAt = (ms) => SHIFTS[Math.floor(ms / SHIFT_EVERY_MS) % SHIFTS.length];

  /** Figures of a part are figures until its sources are lost; then they are what was, and nobody knows what is. */
  const known = (part) => Boolean(part) && part.state !== "lost";

  class Wall {
    constructor(page) {
      this.page = page;
      this.grid = page.querySelector(".wall-grid");
      this.texts = muster.shell.texts();
      this.limits = JSON.parse(page.dataset.limits);
      this.mountedAt = performance.now();
      this.stops = [];
      this.frame = 0;
    }

    start() {
      const { area } = this.page.dataset;
      this.stops.push(muster.shell.onSettings((s) => this.preset(s.preset)));
      this.preset(muster.shell.current().preset);
      const sizes = new ResizeObserver(() => this.soon());
      for (const list of this.page.querySelectorAll(".rows, .trend")) sizes.observe(list);
      this.stops.push(() => sizes.disconnect());
      const off = muster.store.on(["incident", "order", "unit", "alarm", "camera_alert", "dispute", "level", "source", "summary"], () => this.soon());
      if (off) this.stops.push(off);
      const quiet = muster.live.onState(() => this.link());
      if (quiet) this.stops.push(quiet);
      const { map } = this.page.dataset;
      if (muster.map && map) muster.map.attach({ mapId: map, view: "wall", limits: this.limits, onShape: (ratio) => this.shape(ratio) });
      muster.live.start({ view: "wall", area });
      if (root.document.fonts) root.document.fonts.ready.then(() => this.soon());
      this.tick();
    }

    stop() {
      clearTimeout(this.timer);
      cancelAnimationFrame(this.frame);
      for (const off of this.stops) off();
    }

    /** Once a second, on the second of the server's clock. */
    tick() {
      this.link();
      this.soon();
      const [x, y] = shiftAt(Date.now());
      this.grid.style.setProperty("--shift-x", `${x}px`);
      this.grid.style.setProperty("--shift-y", `${y}px`);
      this.timer = setTimeout(() => this.tick(), 1000 - (muster.clock.now() % 1000) + 5);
    }

    soon() {
      if (this.frame) return;
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.draw();
      });
    }

    /** The panels make room for the ground as it is: beside a tall one, below a wide one. */
    shape(ratio) {
      this.grid.dataset.ground = ratio < 1 ? "tall" : "wide";
    }

    preset(n) {
      if (n === 1) this.grid.removeAttribute("data-preset");
      else this.grid.dataset.preset = String(n);
    }

    say(key, params) {
      return muster.words.say(this.texts, key, params);
    }

    part(name) {
      return this.page.querySelector(`[data-part="${name}"]`);
    }

    text(name, text) {
      const node = this.part(name);
      if (node) muster.rows[node.classList.contains("parts") ? "setParts" : "setText"](node, text);
    }

    link() {
      muster.shell.drawLink(muster.live.state(), muster.clock.now());
    }

    draw() {
      const { store } = muster;
      const c = {
        cards: store.cards,
        summary: store.summary || {},
        vitals: store.vitals || {},
        now: muster.clock.now(),
        texts: this.texts,
        area: this.page.dataset.area,
        limits: this.limits,
      };
      muster.shell.drawLevel(muster.wallView.level(c), Boolean(store.demo));
      this.tiles(c);
      this.footer(c);
      if (!store.ready) {
        if (performance.now() - this.mountedAt > SLOW_START_MS) this.page.classList.add("wall-slow");
        return;
      }
      this.page.classList.remove("wall-slow");
      this.page.dataset.ready = "true";
      const orders = muster.wallView.index(c);
      this.alarms(c, orders);
      this.units(c, orders);
      this.disputes(c);
      this.cameras(c);
      this.trend(c);
    }

    tiles(c) {
      for (const node of this.page.querySelectorAll("[data-tile]")) {
        const t = muster.wallView.tile(node.dataset.tile, c);
        const { setText, setParts, setAttribute, setGlyph } = muster.rows;
        setAttribute(node, "data-state", t.state);
        setAttribute(node, "data-edge", t.edge || null);
        const at = (name) => node.querySelector(`.kpi-${name}`);
        setText(at("value"), t.value);
        setText(at("unit"), t.unit);
        setParts(at("sub"), t.sub);
        setGlyph(at("glyph"), t.glyph);
        setText(at("age-text"), t.age);
        setGlyph(at("age-mark"), t.state === "late" ? "state-late" : "");
        const spark = at("spark");
        const hours = t.hours ? JSON.stringify(t.hours) : "";
        if (spark && spark.dataset.hours !== hours) {
          spark.dataset.hours = hours;
          spark.innerHTML = t.hours && t.hours.length ? muster.svg.spark(t.hours) : "";
        }
      }
    }

    /** Show what fits of `models` in the list `name`; the rest is counted below it. `total` may exceed the models given. */
    list(name, models, { total = models.length, more = "wall.more", empty = "" } = {}) {
      const list = this.part(`${name}-rows`);
      const room = muster.rows.room(list);
      const { shown, hidden } = muster.rows.fit(total, room);
      muster.rows.render(list, models.slice(0, shown));
      const columns = parseInt(getComputedStyle(list).getPropertyValue("--columns"), 10) || 1;
      if (hidden > 0 && shown > 0) {
        list.dataset.full = "true";
        list.style.setProperty("--row-full", `${Math.floor((list.clientHeight / (room / columns)) * 100) / 100}px`);
      } else delete list.dataset.full;
      this.text(`${name}-more`, hidden > 0 && shown > 0 ? this.say(more, { n: muster.words.count(hidden) }) : "");
      const note = this.part(`${name}-empty`);
      if (note) {
        note.hidden = total > 0 || !empty;
        muster.rows.setText(note, total > 0 ? "" : empty);
      }
    }

    /** "nothing to report · 14:32:07 checked": the server's time of the last word from it. */
    good(c, key) {
      const heard = muster.live.state().data_at || c.now;
      return `${this.say(key)} · ${this.say("wall.checked", { time: muster.words.clock(heard) })}`;
    }

    /** What an empty list says: that there is nothing, or that nobody knows, as its source has fallen silent. */
    empty(c, part, key) {
      return part && part.state === "lost" ? this.say("wall.kpi.lost_empty") : this.good(c, key);
    }

    alarms(c, orders) {
      const rows = muster.wallView.alarmRows(c, orders);
      this.list("alarms", rows, { empty: this.good(c, "wall.alarms.empty") });
      const { alarms, incidents } = c.summary;
      this.text("alarms-note", alarms && incidents ? this.say("wall.alarms.head", { unacked: alarms.unacked, open: known(incidents) ? incidents.open : null }) : "");
    }

    units(c, orders) {
      const room = muster.rows.room(this.part("units-rows"));
      const position = (unit) => {
        const at = muster.units && unit.slot !== null && unit.slot !== undefined ? muster.units.at[unit.slot] : 0;
        return at || null;
      };
      const board = muster.wallView.unitRows(c, room, position, orders);
      this.list("units", board.rows, { total: board.total, more: "wall.more_units", empty: this.empty(c, c.summary.units, "wall.units.empty") });
      const u = c.summary.units;
      const figure = (n) => muster.words.count(known(u) ? n : null);
      this.text("units-note", u ? this.say("wall.units.head", { on_duty: figure(u.on_duty), available: figure(u.available) }) : "");
    }

    disputes(c) {
      const panel = this.page.querySelector(".wall-disputes");
      const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
      const most = panel.clientHeight > 26 * rem ? 8 : 5;
      muster.rows.render(this.part("disputes-bars"), muster.wallView.disputeBars(c, most), "div");
      const d = c.summary.disputes;
      const quiet = d && (!known(d) || d.open === 0);
      this.part("disputes-bars").hidden = Boolean(quiet);
      this.list("disputes", quiet ? [] : muster.wallView.disputeRows(c), { empty: quiet ? this.empty(c, d, "wall.disputes.empty") : "" });
      this.text("disputes-note", d && !quiet ? this.say("wall.disputes.head", { open: muster.words.count(d.open), age: d.oldest_at ? muster.words.timer(c.now - d.oldest_at, c.texts) : "" }) : "");
    }

    cameras(c) {
      const rows = muster.wallView.cameraRows(c);
      this.list("cameras", rows, { empty: this.empty(c, c.summary.cameras, "wall.cameras.empty") });
      const oldest = Math.min(...rows.map((r) => r.raised_at));
      this.text("cameras-note", rows.length ? this.say("wall.cameras.head", { n: rows.length, age: muster.words.timer(c.now - oldest, c.texts) }) : known(c.summary.cameras) ? this.say("wall.cameras.head_none") : "");
    }

    trend(c) {
      const box = this.part("trend-chart");
      const hours = (c.summary.trend || {}).hours || [];
      const em = parseFloat(getComputedStyle(box).fontSize);
      const { clientWidth: width, clientHeight: height } = box;
      const last = hours.length ? hours[hours.length - 1][1] : 0;
      this.text("trend-note", hours.length ? this.say("wall.trend.head", { n: known(c.summary.incidents) ? last : null }) : "");
      const total = hours.reduce((n, [, m]) => n + m, 0);
      const key = JSON.stringify([hours, width, height]);
      if (this.drawn === key || !width || !height) return;
      this.drawn = key;
      const title = this.say("wall.trend.label", { total, peak: hours.reduce((n, [, m]) => Math.max(n, m), 0) });
      box.innerHTML = hours.length ? muster.svg.chart(hours, { width, height, em, title, label: (h) => this.say("time.hour", { h }) }) : "";
    }

    footer(c) {
      muster.rows.render(this.part("sources"), muster.wallView.sourceRows(c), "span");
      const pulse = (c.vitals.pulse || {}).at;
      this.text("pulse", pulse ? this.say("wall.pulse", { age: muster.words.span(c.now - pulse) }) : "");
      const skew = muster.clock.skew ? muster.clock.skew() : null;
      this.text("skew", skew === null || skew === undefined ? "" : this.say("wall.skew", { skew: muster.wallView.skewText(skew) }));
    }
  }

  let wall = null;

  muster.wall = { shiftAt };
  const life = {
    mount(page) {
      wall = new Wall(page);
      wall.start();
    },
    unmount() {
      if (wall) wall.stop();
      wall = null;
    },
  };
  // Assets load in the order of their names; shell.js comes before wall.js.
  if (muster.shell && root.document) muster.shell.screen("wall", life);
})(typeof window === "undefined" ? globalThis : window);
