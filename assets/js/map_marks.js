/* Incidents and camera alerts on the map: a few hundred DOM markers, kept by id. A marker is moved and restyled, never
   replaced, so focus, hover and a running ring survive every update. */
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

  class Marks {
    /** `pane`: where markers go; `interactive`: whether they can be focused and chosen. */
    constructor(map, { pane, interactive, title }) {
      this.map = map;
      this.pane = pane;
      this.interactive = interactive;
      this.title = title;
      this.known = new Map();
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
      const icon = root.L.divIcon({ className: "map-mark-anchor", html: body, iconSize: [0, 0] });
      const marker = root.L.marker(card.at, { icon, pane: this.pane, keyboard: this.interactive, interactive: this.interactive, riseOnHover: true });
      marker.addTo(this.map);
      if (this.interactive) {
        marker.on("click keypress", (e) => {
          if (e.type === "keypress" && e.originalEvent.key !== "Enter") return;
          muster.select({ kind, id: card.id }, "map");
        });
      }
      const mark = { kind, id: String(card.id), marker, body, lat: card.at[0], lon: card.at[1] };
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
        if (!card) continue;
        const incident = mark.kind === "incident";
        out.push({ key, lat: mark.lat, lon: mark.lon, half: incident ? 14 : 10, rank: mark.sev, text: incident && mark.sev <= 2 ? text(card) : "" });
      }
      return out;
    }
  }

  muster.mapMarks = { Marks, unacked };
})(typeof window === "undefined" ? globalThis : window);
