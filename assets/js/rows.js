/* Rows: a small keyed reconciler. A row that stays keeps its node, so focus, running animations and
   the eye stay with it; text nodes are written only when they change.

   A row model is {key, cls?, data?, label?, ring?, glyph?, cells: {name: text}, marks?: {name: glyph}}. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});

  function setText(node, text) {
    if (node.textContent !== text) node.textContent = text;
  }

  /** Write a line of parts between dots, each in a span: where the line is too long CSS leaves out whole parts (.parts). */
  function setParts(node, line) {
    if (node.dataset.line === line) return;
    node.dataset.line = line;
    node.replaceChildren(...line.split(" · ").map((text) => Object.assign(document.createElement("span"), { textContent: text })));
  }

  function setAttribute(node, name, value) {
    if (value === null || value === undefined || value === false) node.removeAttribute(name);
    else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, String(value));
  }

  /** Put glyph `name` into a holder, only when it is another one. */
  function setGlyph(holder, name) {
    if ((holder.dataset.shows || "") === (name || "")) return;
    holder.dataset.shows = name || "";
    holder.replaceChildren(...(name ? [muster.svg.glyph(name)] : []));
  }

  function create(model, tag) {
    const row = document.createElement(tag);
    row.dataset.key = model.key;
    if (model.glyph !== undefined) {
      const badge = document.createElement("span");
      badge.className = "row-glyph";
      const holder = document.createElement("span");
      holder.className = "row-glyph-shape";
      badge.append(holder);
      row.append(badge);
    }
    for (const name of Object.keys(model.cells)) {
      const cell = document.createElement("span");
      cell.className = `row-${name}`;
      const mark = document.createElement("span");
      mark.className = "row-mark";
      const text = document.createElement("span");
      text.className = "row-text";
      cell.append(mark, text);
      row.append(cell);
    }
    return row;
  }

  function update(row, model) {
    const cls = model.cls || "row";
    if (row.className !== cls) row.className = cls;
    for (const [name, value] of Object.entries(model.data || {})) setAttribute(row, `data-${name}`, value);
    if (model.label !== undefined) setAttribute(row, "aria-label", model.label);
    const badge = row.querySelector(":scope > .row-glyph");
    if (badge) {
      setGlyph(badge.firstChild, model.glyph);
      const ring = badge.querySelector(".ring");
      if (model.ring && !ring) {
        const made = document.createElement("span");
        made.className = "ring";
        badge.append(made);
      } else if (!model.ring && ring) ring.remove();
    }
    for (const [name, text] of Object.entries(model.cells)) {
      const cell = row.querySelector(`:scope > .row-${name}`);
      setText(cell.lastChild, text);
      setGlyph(cell.firstChild, (model.marks || {})[name]);
    }
    if (model.share !== undefined) {
      const share = String(model.share);
      if (row.style.getPropertyValue("--share") !== share) row.style.setProperty("--share", share);
    }
  }

  /** Make `container` show `models` in order; nodes are kept by key. */
  function render(container, models, tag) {
    const known = new Map();
    for (const node of container.children) known.set(node.dataset.key, node);
    let before = container.firstChild;
    for (const model of models) {
      let row = known.get(model.key);
      if (row) known.delete(model.key);
      else row = create(model, tag || "li");
      update(row, model);
      if (row === before) before = row.nextSibling;
      else container.insertBefore(row, before);
    }
    for (const gone of known.values()) gone.remove();
  }

  /** How many whole rows of `rowHeight` fit into `height`, in `columns`; all measures in px. */
  function capacity(height, rowHeight, columns) {
    if (!(rowHeight > 0)) return 0;
    return Math.max(0, Math.floor((height + 0.5) / rowHeight)) * Math.max(1, columns || 1);
  }

  /** What of `total` is shown and what is counted, when `room` rows fit. */
  function fit(total, room) {
    const shown = Math.min(total, room);
    return { shown, hidden: total - shown };
  }

  /** Measure a list: its row height (--row, rem) and columns (--columns) come from CSS. */
  function room(container) {
    const style = getComputedStyle(container);
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const row = parseFloat(style.getPropertyValue("--row")) * rem;
    const columns = parseInt(style.getPropertyValue("--columns"), 10) || 1;
    return capacity(container.clientHeight, row, columns);
  }

  muster.rows = { render, capacity, fit, room, setText, setParts, setAttribute, setGlyph };
})(typeof window === "undefined" ? globalThis : window);
