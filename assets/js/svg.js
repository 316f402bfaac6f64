/* SVG: glyphs from the sprite, and the small bar chart of the wall (no chart library on wall and phone). */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const NS = "http://www.w3.org/2000/svg";
  const script = root.document && root.document.currentScript;
  const SPRITE = script ? new URL("../icons/glyphs.svg", script.src).href : "/assets/icons/glyphs.svg";

  let kept = false; // the sprite is part of the page

  /** Where a glyph is drawn from. */
  const drawing = (name) => `${kept ? "" : SPRITE}#${name}`;

  /** Make the sprite part of the page: the glyphs that say that the server is gone are first needed when it is. */
  async function keep() {
    const answer = await fetch(SPRITE);
    if (!answer.ok) return;
    const sprite = document.importNode(new DOMParser().parseFromString(await answer.text(), "image/svg+xml").documentElement, true);
    sprite.setAttribute("aria-hidden", "true");
    sprite.style.cssText = "position: absolute; width: 0; height: 0;";
    document.body.prepend(sprite);
    kept = true;
    for (const use of document.querySelectorAll("svg.glyph use")) use.setAttribute("href", `#${use.getAttribute("href").split("#")[1]}`);
  }

  /** A glyph of the sprite; `label` names it for those who cannot see it. */
  function glyph(name, label) {
    const svg = document.createElementNS(NS, "svg");
    svg.setAttribute("class", `glyph glyph-${name}`);
    if (label) {
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label", label);
    } else svg.setAttribute("aria-hidden", "true");
    const use = document.createElementNS(NS, "use");
    use.setAttribute("href", drawing(name));
    svg.append(use);
    return svg;
  }

  /** Fill every element that asks for a glyph by `data-glyph` (what layouts/parts/glyph.py draws). */
  function fill(scope) {
    for (const holder of scope.querySelectorAll("[data-glyph]")) {
      if (holder.dataset.shows === holder.dataset.glyph) continue;
      holder.dataset.shows = holder.dataset.glyph;
      holder.replaceChildren(glyph(holder.dataset.glyph));
    }
  }

  /** The next "round" number for the top of an axis: 4, 5, 8, 10, 20, 40, 50, 80, 100 … */
  function ceiling(peak) {
    if (peak <= 4) return 4;
    const power = 10 ** Math.floor(Math.log10(peak));
    for (const step of [1, 2, 4, 5, 8, 10]) if (peak <= step * power) return step * power;
    return 10 * power;
  }

  /** Lay out bars for `hours` [[start_ms, n] …] in a box of w × h px with em px of text.
      Returns {bars: [{x, y, w, h, n, at, last}], lines: [{y, text}], labels: [{x, text}], top}. */
  function bars(hours, w, h, em, label) {
    const peak = hours.reduce((most, [, n]) => Math.max(most, n), 0);
    const top = ceiling(peak);
    const left = em * (0.75 + 0.6 * String(top).length);
    const bottom = h - em * 1.5;
    const head = em * 0.6;
    const slot = (w - left) / Math.max(1, hours.length);
    const y = (n) => bottom - ((bottom - head) * n) / top;
    const out = hours.map(([at, n], i) => ({
      x: left + slot * i + slot * 0.12,
      y: y(n),
      w: slot * 0.76,
      h: bottom - y(n),
      n,
      at,
      last: i === hours.length - 1,
    }));
    const every = slot * 4 >= em * 3.2 ? 4 : slot * 6 >= em * 3.2 ? 6 : 12;
    const labels = [];
    hours.forEach(([at], i) => {
      const hour = muster.words.hour(at);
      if (hour % every === 0) labels.push({ x: left + slot * (i + 0.5), text: label(hour) });
    });
    const lines = [0, top / 2, top].map((n) => ({ y: y(n), text: String(n) }));
    return { bars: out, lines, labels, left, bottom, top, peak };
  }

  const escaped = (s) => String(s).replace(/[&<>"]/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" })[c]);
  const r = (n) => Math.round(n * 10) / 10;

  /** The chart as SVG markup, `size` in px. */
  function chart(hours, { width, height, em, label, title }) {
    const c = bars(hours, width, height, em, label);
    const parts = [`<svg class="chart" role="img" aria-label="${escaped(title)}" width="${r(width)}" height="${r(height)}" viewBox="0 0 ${r(width)} ${r(height)}">`];
    for (const line of c.lines) {
      parts.push(`<line class="chart-line" x1="${r(c.left)}" x2="${r(width)}" y1="${r(line.y)}" y2="${r(line.y)}"/>`);
      parts.push(`<text class="chart-axis" x="${r(c.left - em * 0.4)}" y="${r(line.y + em * 0.36)}" text-anchor="end">${line.text}</text>`);
    }
    for (const b of c.bars) {
      parts.push(`<rect class="chart-bar${b.last ? " chart-bar-now" : ""}" x="${r(b.x)}" y="${r(b.y)}" width="${r(b.w)}" height="${r(b.h)}"/>`);
    }
    for (const l of c.labels) {
      const x = Math.min(Math.max(l.x, c.left + em), width - em * 1.2);
      parts.push(`<text class="chart-axis" x="${r(x)}" y="${r(height - em * 0.2)}" text-anchor="middle">${escaped(l.text)}</text>`);
    }
    parts.push("</svg>");
    return parts.join("");
  }

  /** Bars without axes, for a tile: 100 × 24 units, stretched by CSS. */
  function spark(hours) {
    const peak = Math.max(1, ...hours.map(([, n]) => n));
    const slot = 100 / Math.max(1, hours.length);
    const rects = hours.map(([, n], i) => {
      const h = Math.max(n ? 1.5 : 0.4, (24 * n) / peak);
      return `<rect class="chart-bar${i === hours.length - 1 ? " chart-bar-now" : ""}" x="${r(slot * i + slot * 0.14)}" y="${r(24 - h)}" width="${r(slot * 0.72)}" height="${r(h)}"/>`;
    });
    return `<svg class="spark" viewBox="0 0 100 24" preserveAspectRatio="none" aria-hidden="true">${rects.join("")}</svg>`;
  }

  muster.svg = { glyph, fill, ceiling, bars, chart, spark };
  if (script && root.fetch) keep().catch(() => {}); // without it every glyph is asked for by itself
})(typeof window === "undefined" ? globalThis : window);
