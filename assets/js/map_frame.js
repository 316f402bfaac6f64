/* What lies beside the picture of a map: head, legend, scale bar, tooltip. They take no pointer and never move. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const LEGEND = ["available", "busy", "awaiting", "accepted", "en_route", "on_scene", "lost", "out_of_service"];
  const STATES = { live: "state-live", connecting: "state-unknown", late: "state-late", lost: "state-lost" };

  function el(tag, className, parent) {
    const node = document.createElement(tag);
    node.className = className;
    if (parent) parent.appendChild(node);
    return node;
  }
  function setText(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }

  class Frame {
    /** Put the parts into `box`; `say(key, params)` speaks. */
    constructor(box, say) {
      this.box = box;
      this.say = say;
      this.head = el("div", "map-head", box);
      this.mark = el("span", "map-head-mark", this.head);
      this.line = el("span", "map-head-text parts", this.head);
      this.legend = el("ul", "map-legend", box);
      for (const activity of LEGEND) this._row(muster.svg.glyph(`unit-${activity}`), say(`activity.${activity}`));
      this._row(el("span", "map-legend-stale"), say("map.legend_stale"));
      const count = el("span", "map-legend-count");
      count.textContent = "12";
      this._row(count, say("map.legend_count"));
      this.scale = el("div", "map-scale", box);
      this.tip = el("div", "map-tip", box);
      this.tip.hidden = true;
    }

    _row(mark, text) {
      const item = el("li", "map-legend-row", this.legend);
      el("span", "map-legend-mark", item).append(mark);
      el("span", "", item).textContent = text;
    }

    /** Say in the head how things stand: link, age of the newest position, what is old, datum, ground (undefined: not known yet). */
    tell(link, stats, now, ground) {
      const parts = [this.say(`map.link_${link}`)];
      if (stats.newest) parts.push(this.say("map.newest", { age: muster.words.span(Math.max(0, now - stats.newest)) }));
      else if (stats.units) parts.push(this.say("map.no_positions"));
      if (stats.stale) parts.push(this.say("map.stale", { n: stats.stale }));
      if (stats.lost) parts.push(this.say("map.lost", { n: stats.lost }));
      parts.push("WGS-84");
      if (ground !== undefined) parts.push(this.say(ground ? "map.ground" : "map.no_ground"));
      muster.rows.setParts(this.line, parts.join(" · "));
      if (this.box.dataset.link === link && this.mark.firstChild) return;
      this.box.dataset.link = link;
      this.mark.replaceChildren(muster.svg.glyph(STATES[link]));
    }

    /** Draw the scale bar for `metres` per pixel, at most `most` pixels long. */
    measure(metres, most) {
      const length = muster.mapCells.niceBelow(metres * most);
      this.scale.style.width = `${Math.round(length / metres)}px`;
      setText(this.scale, length >= 1000 ? `${length / 1000} km` : `${length} m`);
    }

    /** Show a line beside a point of the box, or hide it with null. */
    hint(line, point) {
      this.tip.hidden = line === null;
      if (line === null) return;
      setText(this.tip, line);
      const { clientWidth: w, clientHeight: h } = this.box, gap = 14;
      const left = point.x + gap + this.tip.offsetWidth > w ? point.x - gap - this.tip.offsetWidth : point.x + gap;
      const top = point.y + gap + this.tip.offsetHeight > h ? point.y - gap - this.tip.offsetHeight : point.y + gap;
      this.tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(top)}px)`;
    }

    /** List the boxes that head, legend and scale cover, in pixels of the box. */
    covers() {
      const zero = this.box.getBoundingClientRect();
      return [this.head, this.legend, this.scale].map((node, i) => {
        const r = node.getBoundingClientRect();
        return { key: `frame:${i}`, x: r.x - zero.x, y: r.y - zero.y, w: r.width, h: r.height };
      });
    }

    remove() {
      for (const node of [this.head, this.legend, this.scale, this.tip]) node.remove();
    }
  }

  muster.mapFrame = { Frame };
})(typeof window === "undefined" ? globalThis : window);
