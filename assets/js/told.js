/* What the wall's lists have in common: finding cards, and saying areas, places and titles. Pure.
   `c` is the context of a drawing: {cards: {kind: {id: card}}, summary, vitals, now (server ms), texts, area, limits}. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const w = () => muster.words;

  const values = (c, kind) => Object.values((c.cards && c.cards[kind]) || {});
  const card = (c, kind, id) => ((c.cards && c.cards[kind]) || {})[id];
  const joined = (...parts) => parts.filter(Boolean).join(" · ");

  function areaName(c, code) {
    for (let n = (code || "").length; n >= 2; n--) {
      const name = c.texts[`area.${code.slice(0, n)}`];
      if (name) return name;
    }
    return "";
  }

  function placeOf(c, incident) {
    if (!incident) return "";
    return [areaName(c, incident.area), incident.place].filter(Boolean).join(" ");
  }

  const categoryName = (c, code) => w().sayOr(c.texts, `category.${code}`, code || "");
  const incidentTitle = (c, incident) => incident.title || categoryName(c, incident.category);

  /** Orders by incident and by unit, so that a row need not search 2,000 of them. */
  function index(c) {
    const byIncident = new Map();
    const byUnit = new Map();
    for (const order of values(c, "order")) {
      for (const [map, key] of [[byIncident, order.incident], [byUnit, order.unit]]) {
        if (!map.has(key)) map.set(key, []);
        map.get(key).push(order);
      }
    }
    return { byIncident, byUnit };
  }

  /** Split "kind:id", the name of an alarm's subject. */
  function split(name) {
    const at = String(name || "").indexOf(":");
    return at < 0 ? ["", ""] : [name.slice(0, at), name.slice(at + 1)];
  }

  /** Order by the `sort` arrays of two models, then by key. */
  const bySort = (a, b) => {
    for (let i = 0; i < a.sort.length; i++) if (a.sort[i] !== b.sort[i]) return a.sort[i] < b.sort[i] ? -1 : 1;
    return a.key < b.key ? -1 : 1;
  };

  Object.assign((muster.told = muster.told || {}), { values, card, joined, areaName, placeOf, categoryName, incidentTitle, index, split, bySort });
})(typeof window === "undefined" ? globalThis : window);
