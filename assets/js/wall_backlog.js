/* Bars and rows of the dispute backlog, and the camera alerts that wait for a verdict. Pure. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const w = () => muster.words;
  const { values, card, joined, areaName } = muster.told;

  /** Bars: red, yellow, then the largest categories, the rest as "other"; shares of the largest bar. */
  function disputeBars(c, most) {
    const d = (c.summary || {}).disputes;
    if (!d || d.state === "lost") return [];
    const named = Object.entries(d.by_category || {}).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1));
    const shown = named.slice(0, named.length > most ? most - 1 : most);
    const rest = named.slice(shown.length).reduce((sum, [, n]) => sum + n, 0);
    const all = [
      ["red", w().say(c.texts, "wall.disputes.red"), d.red || 0, "card-red"],
      ["yellow", w().say(c.texts, "wall.disputes.yellow"), d.yellow || 0, "card-yellow"],
      ...shown.map(([code, n]) => [`c-${code}`, w().sayOr(c.texts, `dispute_category.${code}`, code), n, ""]),
      ...(rest ? [["c-rest", w().say(c.texts, "wall.disputes.other"), rest, ""]] : []),
    ];
    const longest = Math.max(1, ...all.map(([, , n]) => n));
    return all.map(([key, label, n, glyph]) => ({
      key,
      cls: `bar-row bar-${key === "red" || key === "yellow" ? key : "plain"}`,
      share: Math.round((1000 * n) / longest) / 1000,
      cells: { label, track: "", count: w().say(c.texts, "wall.disputes.count", { n: w().count(n) }) },
      marks: { label: glyph },
    }));
  }

  /** Cases with a card, the longest overdue first. No title: a title may name a person, and the wall never does. */
  function disputeRows(c) {
    return values(c, "dispute")
      .filter((d) => d.card === "red" || d.card === "yellow")
      .sort((a, b) => a.due_at - b.due_at || (a.id < b.id ? -1 : 1))
      .map((d) => {
        const left = d.due_at - c.now;
        const key = left < 0 ? "wall.disputes.overdue" : "wall.disputes.left";
        return {
          key: `dispute:${d.id}`,
          cls: `row row-case${d.drill ? " row-drill" : ""}`,
          glyph: `card-${d.card}`,
          cells: {
            title: joined(w().sayOr(c.texts, `dispute_category.${d.category}`, d.category), d.no),
            time: w().say(c.texts, key, { age: w().timer(Math.abs(left), c.texts) }),
            sub: areaName(c, d.area),
            state: w().sayOr(c.texts, `step.${d.step}`, d.step || ""),
          },
        };
      });
  }

  /** Alerts that wait for a verdict, the worst and newest first. */
  function cameraRows(c) {
    return values(c, "camera_alert")
      .filter((a) => a.status === "open" || a.status === "ended" || a.status === "unclear")
      .sort((a, b) => a.sev - b.sev || b.last_at - a.last_at || (a.id < b.id ? -1 : 1))
      .map((a) => {
        const rule = w().sayOr(c.texts, `camera_rule.${a.rule}`, a.rule);
        return {
          key: `camera:${a.id}`,
          cls: `row row-camera${a.drill ? " row-drill" : ""}`,
          data: { sev: a.sev },
          glyph: `sev-${a.sev}`,
          cells: {
            title: a.count > 1 ? `${rule} ${w().say(c.texts, "wall.alarms.times", { n: a.count })}` : rule,
            time: w().timer(c.now - a.raised_at, c.texts),
            sub: [areaName(c, a.area), a.place || a.title].filter(Boolean).join(" "),
            state: a.conf ? w().say(c.texts, `confidence.${a.conf}`) : "",
          },
          raised_at: a.raised_at,
        };
      });
  }

  Object.assign((muster.wallView = muster.wallView || {}), { disputeBars, disputeRows, cameraRows });
})(typeof window === "undefined" ? globalThis : window);
