/* What is to be seen: every unit projected into the view, given its age class, and sorted into those drawn one by one
   and those that may be counted. Knows neither DOM nor Leaflet. Pixels are CSS pixels of the view, instants ms. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const EARTH_M = 40075016.686;
  const CELL = 52; // side of a counting cell at scale 1
  const MARGIN = 16;
  const GLIDE_MS = 900, GLIDE_MOST_M = 500, GLIDE_LEAST_PX = 2;
  const LOST_SINGLY = 300; // so many lost idle units are drawn one by one before they are counted
  const OUTSIDE = 255; // "age" of a unit that is not in view
  const TOP = 5; // individually drawn: on scene, accepted, en route, awaiting, lost

  const mercX = (lon) => (lon + 180) / 360;
  /** Return the Web Mercator ordinate of a latitude, 0 (north) to 1. */
  function mercY(lat) {
    const s = Math.sin((Math.max(-85.05, Math.min(85.05, lat)) * Math.PI) / 180);
    return 0.5 - Math.log((1 + s) / (1 - s)) / (4 * Math.PI);
  }
  const ground = (lat) => EARTH_M * Math.cos((lat * Math.PI) / 180); // metres of a whole turn at a latitude

  /** Return the width of [[south, west], [north, east]] over its height, on the map. */
  const aspect = ([[south, west], [north, east]]) => (mercX(east) - mercX(west)) / (mercY(south) - mercY(north));

  const ARRAYS = {
    lat: Float64Array, lon: Float64Array, // as last seen
    mx: Float64Array, my: Float64Array, // where it is, 0 to 1 of the world
    fx: Float64Array, fy: Float64Array, since: Float64Array, // where a glide began, and when
    x: Float32Array, y: Float32Array, age: Uint8Array, idle: Int32Array,
  };

  class Scene {
    constructor({ glide = true } = {}) {
      this.glide = glide;
      this.cells = new muster.mapCells.Cells();
      this.counting = false;
      this.room = 0;
      this.idleCount = 0;
      this.top = Array.from({ length: TOP }, () => []);
      this.stats = { units: 0, placed: 0, late: 0, stale: 0, lost: 0, newest: 0 };
    }

    _grow(n) {
      if (n <= this.room) return;
      this.room = Math.max(1024, 2 ** Math.ceil(Math.log2(n)));
      for (const [name, Kind] of Object.entries(ARRAYS)) {
        const wider = new Kind(this.room);
        if (this[name]) wider.set(this[name]);
        this[name] = wider;
      }
    }

    /** Look at all units. `units`: arrays by slot; `view`: {w, h, world (pixels of the whole world), left, top (world pixel
     *  of the view's corner), scale}; `now`: server time; `t`: monotonic ms; `limits`: {tasked, idle}. Returns how many glide. */
    look(units, roster, view, now, t, limits) {
      const S = muster.mapShapes;
      const n = units ? Math.min(roster.size, units.lat.length) : 0;
      this._grow(n);
      const { act, lost } = roster, { x, y, age, idle, since } = this;
      const margin = MARGIN * view.scale, st = this.stats;
      st.units = st.placed = st.late = st.stale = st.lost = st.newest = 0;
      const top = (this.top = Array.from({ length: TOP }, () => []));
      const gone = []; // idle units that are lost
      let count = 0, gliding = 0;
      for (let s = 0; s < n; s++) {
        const code = act[s];
        age[s] = OUTSIDE;
        if (!code) continue;
        st.units++;
        const at = units.at[s];
        if (!(at > 0)) continue;
        st.placed++;
        if (at > st.newest) st.newest = at;
        const tasked = code >= S.FIRST_TASKED;
        const a = lost[s] ? S.LOST : S.ageClass(now - at, tasked ? limits.tasked : limits.idle);
        if (a === S.LATE) st.late++;
        else if (a === S.STALE) st.stale++;
        else if (a === S.LOST) st.lost++;
        if (units.lat[s] !== this.lat[s] || units.lon[s] !== this.lon[s]) this._move(s, units.lat[s], units.lon[s], view.world, t);
        let mx = this.mx[s], my = this.my[s];
        if (since[s]) {
          const f = (t - since[s]) / GLIDE_MS;
          if (f >= 1) since[s] = 0;
          else {
            mx = this.fx[s] + (mx - this.fx[s]) * f;
            my = this.fy[s] + (my - this.fy[s]) * f;
          }
        }
        const px = mx * view.world - view.left, py = my * view.world - view.top;
        x[s] = px;
        y[s] = py;
        if (px < -margin || py < -margin || px > view.w + margin || py > view.h + margin) continue;
        age[s] = a;
        if (since[s]) gliding++;
        if (a === S.LOST) (tasked ? top[TOP - 1] : gone).push(s);
        else if (tasked) top[code - S.FIRST_TASKED].push(s);
        else idle[count++] = s;
      }
      if (gone.length > LOST_SINGLY) for (const s of gone) idle[count++] = s; // a dead feed: count them, too
      else top[TOP - 1].push(...gone);
      this.idleCount = count;
      this._count(view, act);
      return gliding;
    }

    /* A new place: glide there when that is believable and can be seen, else jump. */
    _move(s, lat, lon, world, t) {
      const { mx, my, fx, fy, since } = this;
      const toX = mercX(lon), toY = mercY(lat);
      const known = this.lat[s] !== 0 || this.lon[s] !== 0;
      const f = since[s] ? Math.min(1, (t - since[s]) / GLIDE_MS) : 1;
      const fromX = fx[s] + (mx[s] - fx[s]) * f, fromY = fy[s] + (my[s] - fy[s]) * f;
      const step = Math.hypot(toX - fromX, toY - fromY);
      const glides = this.glide && known && step * world >= GLIDE_LEAST_PX && step * ground(lat) < GLIDE_MOST_M;
      fx[s] = glides ? fromX : toX;
      fy[s] = glides ? fromY : toY;
      since[s] = glides ? t : 0;
      mx[s] = toX;
      my[s] = toY;
      this.lat[s] = lat;
      this.lon[s] = lon;
    }

    _count(view, act) {
      const { cells, idle, x, y, age, idleCount } = this;
      const available = muster.mapShapes.CODE.available;
      cells.begin(view.left, view.top, view.w, view.h, CELL * view.scale);
      for (let i = 0; i < idleCount; i++) cells.add(x[idle[i]], y[idle[i]], age[idle[i]], act[idle[i]] !== available);
      this.counting = muster.mapCells.counting(cells.crowded(), this.counting);
    }

    /** Call `see(slot)` for every unit that is drawn one by one, in painting order without the cells: idle ones first. */
    eachIdle(see) {
      const { idle, x, y, cells, counting } = this;
      for (let i = 0; i < this.idleCount; i++) if (!counting || cells.single(x[idle[i]], y[idle[i]])) see(idle[i]);
    }
    eachTop(see) {
      for (const list of this.top) for (const s of list) see(s);
    }

    /** Say whether a slot is in view. */
    shows(slot) {
      return slot !== undefined && slot < this.room && this.age[slot] !== OUTSIDE;
    }

    /** Return {slot} of the unit nearest to a point within `reach` pixels, {cell} for a counted cell there, or null. */
    pick(px, py, reach) {
      let best = -1, near = reach * reach;
      const look = (s) => {
        const d = (this.x[s] - px) ** 2 + (this.y[s] - py) ** 2;
        if (d < near) {
          near = d;
          best = s;
        }
      };
      this.eachTop(look);
      this.eachIdle(look);
      if (best >= 0) return { slot: best };
      const { cells } = this;
      if (!this.counting || cells.single(px, py)) return null;
      const i = cells.at(px, py);
      return { cell: { n: cells.n[i], stale: cells.stale[i], lost: cells.lost[i], unready: cells.unready[i] } };
    }
  }

  muster.mapScene = { Scene, mercX, mercY, ground, aspect, OUTSIDE };
})(typeof window === "undefined" ? globalThis : window);
