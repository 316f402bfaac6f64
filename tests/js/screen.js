"use strict";
// What the tests of the wall's JavaScript share: the scripts as the page loads them, and a small town of cards.
const fs = require("node:fs");
const path = require("node:path");

globalThis.muster = globalThis.muster || {};
for (const name of ["told", "words", "svg", "rows", "wall_alarms", "wall_backlog", "wall_bar", "wall_tiles", "wall_units", "shell"]) {
  require(path.join(__dirname, "../../assets/js", `${name}.js`));
}

/** Read the flat tables of a texts file; enough of TOML for files that only hold strings. */
function texts(lang) {
  const out = {};
  let section = "";
  for (const line of fs.readFileSync(path.join(__dirname, `../../dashboard/i18n/${lang}.toml`), "utf8").split("\n")) {
    const table = line.match(/^\[([\w.]+)\]/);
    const entry = line.match(/^"?([\w.-]+)"? = "((?:[^"\\]|\\.)*)"/);
    if (table) section = table[1];
    else if (entry) out[`${section}.${entry[1]}`] = JSON.parse(`"${entry[2]}"`);
  }
  return out;
}

const NOW = Date.UTC(2026, 10, 22, 6, 32, 7); // 14:32:07 at the centre
const ZH = { ...texts("zh-CN"), "area.440118": "增城区", "area.440112": "黄埔区", "source.s-12345": "12345 热线", "dispute_category.labour": "劳资" };

/** A context with the given cards (lists by kind). */
function context(cards, more = {}) {
  const byKind = {};
  for (const [kind, list] of Object.entries(cards)) byKind[kind] = Object.fromEntries(list.map((c) => [c.id, { v: 1, area: "440118", ...c }]));
  const limits = { tasked: [30, 90, 300], idle: [180, 600, 900] };
  return { cards: byKind, summary: {}, vitals: {}, now: NOW, texts: ZH, area: "4401", limits, ...more };
}

const s = (n) => n * 1000;
const alarm = (id, sev, status, age, more = {}) => ({ id, rule: "incident_untaken", subject: `incident:${id}`, sev, status, title: `事件 ${id}`, params: {}, raised_at: NOW - s(age), count: 1, ...more });
const incident = (id, sev, more = {}) => ({ id, no: id, title: `事件 ${id}`, category: "fire", sev, status: "taken", place: "群星村", owner: "", opened_at: NOW - s(600), reports: 1, ...more });
const unit = (id, activity, more = {}) => ({ id, name: id, kind: "k", activity, slot: 0, lost: false, orders: [], ...more });
const order = (id, of, more = {}) => ({ id, unit: of, incident: "i1", sev: 2, status: "queued", queued_at: NOW - s(48), ack_due_at: NOW + s(12), ack_limit_s: 60, ...more });

module.exports = { muster: globalThis.muster, texts, context, alarm, incident, unit, order, NOW, ZH, s };
