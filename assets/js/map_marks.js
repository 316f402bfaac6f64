/* Incidents and camera alerts on the map: a few hundred DOM markers, kept by id. A marker is moved and restyled, never
   replaced, so focus, hover and a running ring survive every update. Where they would hide one another they stand a
   little aside (map_spread.js), and a line leads to their place (map_over.js). */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const OPEN_ALARM = new Set(["unacked", "rtn_unacked"]);

  /** Collect the subjects (`kind:id`) that have an alarm nobody has acknowledged. */
  function unacked(alarms) {
    const subjects = new Set();
    for (const alarm of Object.values(alarms || {})) if (OPEN_ALARM.has(alarm.status)) subjects.add(alarm.subject);
    return subjects;
  }

  const isPlace = (at) => Array.isArray(at) && Number.isFinite(at[0]) && Number.isFinite(at[1]);

  /* Half the size of a mark in pixels at scale 1 (40-map.css): routine ones that somebody has are smaller. */
  const radius = (mark) => (mark.kind === "camera_alert" ? 17 : mark.sev <= 2 || mark.ring ? 14 : 11.5);

  class Marks {
    /** `pane`: where markers go; `interactive`: whether they can be focused and chosen. */
    constructor(map, { pane, interactive, title }) {
      this.map = map;
      this.pane = pane;
      this.interactive = interactive;
      this.title = title;
      this.known = new Map();
      this.shifts = new Map(); // key → {dx, dy}: where marks stand beside their places
      this.under = new Map(); // key → key of the mark it is counted at
    }

    /** Make the markers of one kind equal to its cards. */
    show(kind, cards, ringing) {
      for (const card of Object.values(cards || {})) if (isPlace(card.at)) this._put(kind, card, ringing.has(`${kind}:${card.id}`));
      for (const [key, mark] of this.known)
        if (mark.kind === kind && (!cards || !cards[mark.id] || !isPlace(cards[mark.id].at))) {
          mark.marker.remove();
          this.known.delete(key);
        }
    }

    /** Place the marks at the map's zoom so that none lies on another; `scale` is that of the screen. Says whether anything
     *  was to be done. */
    arrange(scale) {
      const zoom = this.map.getZoom(), list = [];
      for (const [key, mark] of this.known) {
        const { x, y } = this.map.project([mark.lat, mark.lon], zoom);
        const chosen = mark.body.classList.contains("is-selected");
        const camera = mark.kind === "camera_alert";
        const rank = chosen ? -1 : mark.sev * 4 - (mark.ring ? 2 : 0) + (camera ? 1 : 0);
        list.push({ key, x, y, r: radius(mark) * scale + (mark.ring && mark.sev < 4 ? 5 * scale : 0), rank, must: chosen || mark.sev <= 2 });
      }
      const seen = list.map((m) => `${m.key} ${m.rank} ${m.r} ${Math.round(m.x)} ${Math.round(m.y)}`).join();
      if (seen === this.seen) return false;
      this.seen = seen;
      const { at, under } = muster.mapSpread.spread(list, this.shifts);
      this.shifts = at;
      this.under = under;
      const more = new Map();
      for (const host of under.values()) more.set(host, (more.get(host) || 0) + 1);
      for (const [key, mark] of this.known) this._shift(mark, at.get(key), more.get(key) || 0);
      return true;
    }

    _shift(mark, spot, more) {
      const hidden = !spot, { dx, dy } = spot || { dx: 0, dy: 0 };
      const node = mark.marker.getElement();
      if (node) {
        node.classList.toggle("is-under", hidden);
        if (this.interactive) node.tabIndex = !hidden && mark.body.classList.contains("is-selected") ? 0 : -1; // the queue leads to the others
      }
      const place = `${dx} ${dy}`;
      if (mark.place !== place) {
        mark.place = place;
        mark.body.style.setProperty("--dx", `${dx}px`);
        mark.body.style.setProperty("--dy", `${dy}px`);
      }
      const text = more ? `+${more}` : "";
      if (mark.more.textContent !== text) mark.more.textContent = text;
    }

    /** List the boxes that the marks cover, in pixels beside their places: {lat, lon, dx, dy, half}. */
    boxes(scale) {
      const out = [];
      for (const [key, mark] of this.known) {
        const spot = this.shifts.get(key);
        if (spot) out.push({ lat: mark.lat, lon: mark.lon, ...spot, half: radius(mark) * scale });
      }
      return out;
    }

    _put(kind, card, ring) {
      const key = `${kind}:${card.id}`;
      const mark = this.known.get(key) || this._make(kind, card, key);
      const [lat, lon] = card.at;
      if (mark.lat !== lat || mark.lon !== lon) {
        mark.lat = lat;
        mark.lon = lon;
        mark.marker.setLatLng([lat, lon]);
      }
      const sev = card.sev || 4;
      if (mark.sev !== sev) {
        mark.sev = sev;
        mark.body.dataset.sev = sev;
        mark.body.querySelector(".map-mark-glyph").replaceChildren(muster.svg.glyph(`sev-${sev}`));
        mark.marker.setZIndexOffset((5 - sev) * 1000 + (kind === "incident" ? 500 : 0));
      }
      if (mark.ring !== ring) {
        mark.ring = ring;
        mark.body.classList.toggle("is-ringing", ring);
        const old = mark.body.querySelector(".ring");
        if (ring && !old) mark.body.appendChild(Object.assign(document.createElement("span"), { className: "ring" }));
        else if (!ring && old) old.remove();
      }
      if (mark.v === card.v) return;
      mark.v = card.v;
      const title = this.title(kind, card);
      const node = mark.marker.getElement();
      if (node && title !== mark.title) {
        mark.title = title;
        node.setAttribute("aria-label", title);
      }
    }

    _make(kind, card, key) {
      const body = document.createElement("span");
      body.className = `map-mark map-mark-${kind}`;
      if (kind === "camera_alert") {
        const camera = document.createElement("span");
        camera.className = "map-mark-camera";
        camera.appendChild(muster.svg.glyph("camera"));
        body.appendChild(camera);
      }
      body.appendChild(Object.assign(document.createElement("span"), { className: "map-mark-glyph" }));
      const more = body.appendChild(Object.assign(document.createElement("span"), { className: "map-mark-more" }));
      const icon = root.L.divIcon({ className: "map-mark-anchor", html: body, iconSize: [0, 0] });
      const marker = root.L.marker(card.at, { icon, pane: this.pane, keyboard: this.interactive, interactive: this.interactive, riseOnHover: true });
      marker.addTo(this.map);
      if (this.interactive) {
        marker.on("click keypress", (e) => {
          if (e.type === "keypress" && e.originalEvent.key !== "Enter") return;
          muster.select({ kind, id: card.id }, "map");
        });
      }
      const mark = { kind, id: String(card.id), marker, body, more, lat: card.at[0], lon: card.at[1] };
      this.known.set(key, mark);
      return mark;
    }

    /** Mark one thing as selected. */
    select(what) {
      for (const mark of this.known.values()) mark.body.classList.toggle("is-selected", !!what && mark.kind === what.kind && mark.id === what.id);
    }

    /** List what the label painter must know: every marker is in the way, incidents of severity 1 and 2 want a label. */
    labels(cards, text) {
      const out = [];
      for (const [key, mark] of this.known) {
        const card = (cards[mark.kind] || {})[mark.id];
        if (!card || this.under.has(key)) continue;
        const incident = mark.kind === "incident";
        const named = incident && (mark.sev <= 2 || mark.body.classList.contains("is-selected"));
        const { dx, dy } = this.shifts.get(key) || { dx: 0, dy: 0 };
        out.push({ key, lat: mark.lat, lon: mark.lon, dx, dy, half: radius(mark), rank: mark.sev, text: named ? text(card) : "" });
      }
      return out;
    }
  }

  muster.mapMarks = { Marks, unacked };
})(typeof window === "undefined" ? globalThis : window);
