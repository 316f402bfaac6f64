/* The counters of the wall: figure, age, edge and glyph of each. What is lost reads "—", never 0. Pure. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const w = () => muster.words;
  const { values, card, joined } = muster.told;
  const STATES = ["live", "late", "stale", "lost"];

  const worstOf = (bySev) => [1, 2, 3, 4].find((sev) => ((bySev || {})[sev] || 0) > 0);

  const TILES = {
    unacked(c, say) {
      const a = c.summary.alarms;
      const sev = worstOf(a.by_sev);
      const sub = a.unacked ? joined(a.oldest_at ? say("wall.kpi.oldest", { age: w().timer(c.now - a.oldest_at, c.texts) }) : "", a.overdue ? say("wall.kpi.overdue", { n: a.overdue }) : "") : say("wall.kpi.none_unacked");
      return { part: a, number: a.unacked, unit: say("wall.kpi.unit_row"), sub, edge: a.unacked && sev ? `sev${sev}` : "", glyph: a.unacked && sev ? `sev-${sev}` : "" };
    },
    open(c, say) {
      const i = c.summary.incidents;
      return { part: i, number: i.open, unit: say("wall.kpi.unit_piece"), sub: say("wall.kpi.today_closed", { today: w().count(i.today), closed: w().count(i.closed_today) }) };
    },
    awaiting(c, say) {
      const o = c.summary.orders;
      const due = o.awaiting && o.oldest_due_at ? o.oldest_due_at - c.now : null;
      const overdue = Boolean(o.overdue) || (due !== null && due < 0);
      const nearest = due === null ? "" : due < 0 ? say("wall.units.overdue", { age: `+${w().timer(-due)}` }) : say("wall.kpi.nearest_due", { age: w().timer(due) });
      const sub = o.awaiting ? joined(nearest, o.overdue > 1 ? say("wall.kpi.overdue", { n: o.overdue }) : "") : say("wall.kpi.none_awaiting");
      return { part: o, number: o.awaiting, unit: say("wall.kpi.unit_order"), sub, edge: overdue && o.awaiting ? "warn" : "", glyph: overdue && o.awaiting ? "state-late" : "" };
    },
    available(c, say) {
      const u = c.summary.units;
      // What is wrong first; a nought says nothing.
      const sub = joined(...["lost", "stale", "on_scene", "en_route"].map((name) => (u[name] ? say(`wall.kpi.unit_${name}`, { n: w().count(u[name]) }) : "")));
      return { part: u, number: u.available, unit: say("wall.kpi.of", { total: w().count(u.on_duty) }), sub, edge: u.lost ? "plain" : "", glyph: u.lost ? "unit-lost" : "" };
    },
    disputes(c, say) {
      const d = c.summary.disputes;
      const card = d.red ? "red" : d.yellow ? "yellow" : "";
      return { part: d, number: d.open, unit: say("wall.kpi.unit_piece"), sub: say("wall.kpi.cards", { red: d.red, yellow: d.yellow }), edge: card, glyph: card ? `card-${card}` : "" };
    },
    cameras(c, say) {
      const k = c.summary.cameras;
      const known = k.total - (k.unknown || 0);
      const value = known > 0 ? ((100 * k.online) / known).toFixed(1) : w().DASH;
      const sub = joined(
        say("wall.kpi.camera_count", { online: w().count(k.online), total: w().count(known) }),
        k.offline ? say("wall.kpi.camera_offline", { n: w().count(k.offline) }) : "",
        k.unknown ? say("wall.kpi.camera_unknown", { n: w().count(k.unknown) }) : "",
      );
      return { part: k, value, unit: known > 0 ? say("wall.kpi.percent") : "", sub };
    },
    today(c, say) {
      const i = c.summary.incidents;
      const hours = (c.summary.trend || {}).hours || [];
      const sum = hours.reduce((n, [, m]) => n + m, 0);
      const top = hours.reduce((best, h) => (h[1] > best[1] ? h : best), [0, 0]);
      const sub = top[1] ? say("wall.kpi.today_sub", { n: w().count(sum), hour: say("time.hour", { h: w().hour(top[0]) }) }) : "";
      return { part: i, number: i.today, unit: say("wall.kpi.unit_today"), sub, hours };
    },
  };
  const PART = { unacked: "alarms", open: "incidents", awaiting: "orders", available: "units", disputes: "disputes", cameras: "cameras", today: "incidents" };

  // Kinds of sources that feed a part (the same table as projections/summary.py).
  const FED_BY = { incidents: ["incidents", "hotline"], units: ["positions"], disputes: ["disputes"], cameras: ["cameras"] };

  /** The names of the silent sources of a part when others of its sources still speak: then the figure is incomplete, not unknown. */
  function missing(c, partName, part) {
    const behind = part.behind || [];
    const feeding = values(c, "source").filter((s) => (FED_BY[partName] || []).includes(s.kind));
    if (!behind.length || feeding.every((s) => behind.includes(s.id))) return "";
    return feeding.filter((s) => behind.includes(s.id)).map((s) => w().sayOr(c.texts, `source.${s.id}`, s.name)).join(" ");
  }

  /** One tile: {state, value, unit, sub, age, edge, glyph, hours}; lost shows "—" and the last value, never 0. */
  function tile(name, c) {
    const say = (key, params) => w().say(c.texts, key, params);
    const part = (c.summary || {})[PART[name]];
    if (!part) return { state: "loading", value: "", unit: "", sub: "", age: "", edge: "", glyph: "", hours: null };
    const t = TILES[name](c, say);
    const value = t.value !== undefined ? t.value : w().count(t.number);
    const given = STATES.includes(part.state) ? part.state : "lost";
    const silent = given === "stale" || given === "lost" ? missing(c, PART[name], part) : "";
    const state = silent ? "stale" : given;
    const age = part.as_of ? c.now - part.as_of : null;
    const shown = { state, value, unit: t.unit, sub: t.sub, age: age === null ? "" : w().span(age), edge: t.edge || "", glyph: t.glyph || "", hours: t.hours || null };
    if (state === "late") shown.age = say("wall.kpi.late", { age: w().span(age) });
    const last = [value, t.unit === say("wall.kpi.percent") ? t.unit : ""].join("");
    if (silent) {
      shown.sub = say("wall.kpi.partial", { sources: silent, state: say(`source_state.${given}`), age: age === null ? "" : w().timer(age) });
    } else if (state === "stale") {
      shown.sub = say("wall.kpi.stale", { age: w().timer(age), time: part.as_of ? w().minute(part.as_of) : w().DASH });
    } else if (state === "lost") {
      const known = value !== w().DASH && part.as_of;
      Object.assign(shown, { value: w().DASH, unit: "", edge: "", glyph: "", hours: null, sub: known ? say("wall.kpi.lost", { age: w().timer(age), value: last }) : say("wall.kpi.lost_never") });
    }
    if (state === "stale" || state === "lost") shown.age = "";
    return shown;
  }

  Object.assign((muster.wallView = muster.wallView || {}), { tile });
})(typeof window === "undefined" ? globalThis : window);
