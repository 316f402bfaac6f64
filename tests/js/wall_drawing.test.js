"use strict";
const test = require("node:test");
const assert = require("node:assert");
const { muster, NOW } = require("./screen.js");
const { capacity, fit, render } = muster.rows;
const { bars, ceiling, chart, spark } = muster.svg;

test("only whole rows are counted as room", () => {
  assert.deepEqual([capacity(760, 76, 1), capacity(759, 76, 1), capacity(759.6, 76, 1), capacity(100, 40, 2), capacity(30, 76, 1), capacity(100, NaN, 1)], [10, 9, 10, 4, 0, 0]);
});

test("what does not fit is counted", () => {
  assert.deepEqual([fit(23, 9), fit(4, 9), fit(0, 9)], [{ shown: 9, hidden: 14 }, { shown: 4, hidden: 0 }, { shown: 0, hidden: 0 }]);
});

test("an axis ends at a round number not below the peak", () => {
  assert.deepEqual([0, 4, 5, 9, 10, 11, 37, 81, 100, 101].map(ceiling), [4, 4, 5, 10, 10, 20, 40, 100, 100, 200]);
});

test("bars stand inside their box, the highest no higher than the axis, the last one marked", () => {
  const hours = Array.from({ length: 24 }, (_, i) => [NOW - (23 - i) * 3_600_000, i]);
  const c = bars(hours, 400, 120, 16, String);
  for (const b of c.bars) assert.ok(b.x >= c.left && b.x + b.w <= 400 && b.y >= 0 && Math.abs(b.y + b.h - c.bottom) < 1e-9);
  assert.deepEqual(c.bars.filter((b) => b.last).map((b) => b.n), [23]);
  assert.ok(c.bars[23].y >= c.lines.at(-1).y);
});

test("chart markup escapes its texts and contains no number that is not one", () => {
  const markup = chart([[NOW, 0], [NOW, 0]], { width: 300, height: 100, em: 16, title: '<b>"&', label: () => "<i>" });
  assert.doesNotMatch(markup, /<b>|<i>|NaN|Infinity/);
  assert.doesNotMatch(spark([[NOW, 0]]), /NaN|Infinity/);
});

/** As much of a DOM as the reconciler touches. */
class Node {
  constructor(tag) {
    Object.assign(this, { tag, children: [], dataset: {}, attributes: {}, className: "", text: "", parent: null, writes: 0 });
    this.style = { values: {}, getPropertyValue: (k) => this.style.values[k] || "", setProperty: (k, v) => (this.style.values[k] = v) };
  }
  get firstChild() { return this.children[0] || null; }
  get lastChild() { return this.children.at(-1) || null; }
  get nextSibling() { return this.parent.children[this.parent.children.indexOf(this) + 1] || null; }
  get textContent() { return this.text; }
  set textContent(text) { this.text = text; this.writes++; }
  append(...nodes) { for (const node of nodes) this.insertBefore(node, null); }
  insertBefore(node, before) {
    node.remove();
    this.children.splice(before ? this.children.indexOf(before) : this.children.length, 0, node);
    node.parent = this;
  }
  remove() { if (this.parent) this.parent.children.splice(this.parent.children.indexOf(this), 1); this.parent = null; }
  replaceChildren(...nodes) { for (const child of [...this.children]) child.remove(); this.append(...nodes); }
  querySelector(selector) {
    const wanted = selector.replace(":scope > ", "").slice(1);
    return this.children.find((child) => child.className === wanted) || null;
  }
  setAttribute(name, value) { this.attributes[name] = value; }
  getAttribute(name) { return name in this.attributes ? this.attributes[name] : null; }
  removeAttribute(name) { delete this.attributes[name]; }
}

function drawn(models, list = new Node("ul")) {
  globalThis.document = { createElement: (tag) => new Node(tag), createElementNS: (_, tag) => new Node(tag) };
  render(list, models);
  delete globalThis.document;
  return list;
}
const model = (key, more = {}) => ({ key, glyph: "sev-1", cells: { title: key, time: "00:01" }, ...more });

test("a row that stays keeps its node, wherever it moves", () => {
  const list = drawn([model("a"), model("b"), model("c")]);
  const [a, b, c] = list.children;
  drawn([model("c"), model("a"), model("d")], list);
  assert.deepEqual(list.children.map((n) => n.dataset.key), ["c", "a", "d"]);
  assert.ok(list.children[0] === c && list.children[1] === a);
  assert.equal(b.parent, null);
});

test("a text that has not changed is not written again", () => {
  const list = drawn([model("a")]);
  const title = list.children[0].querySelector(".row-title").lastChild;
  const before = title.writes;
  drawn([model("a", { cells: { title: "a", time: "00:02" } })], list);
  assert.equal(title.writes, before);
  assert.equal(list.children[0].querySelector(".row-time").lastChild.text, "00:02");
});

test("the ring comes and goes beside the glyph, which stays the same node", () => {
  const list = drawn([model("a", { ring: true })]);
  const badge = list.children[0].querySelector(".row-glyph");
  const shape = badge.firstChild.firstChild;
  assert.ok(badge.querySelector(".ring"));
  drawn([model("a", { ring: false })], list);
  assert.equal(badge.querySelector(".ring"), null);
  assert.ok(badge.firstChild.firstChild === shape);
});
