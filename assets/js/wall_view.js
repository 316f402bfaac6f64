/* What the wall shows: pure functions from cards, the summary and the time to row and tile models (rows.js).
   `c` is the context: {cards: {kind: {id: card}}, summary, now (server ms), texts, area, limits}. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const w = () => muster.words;

  const SEV_OF_LEVEL = { I: 1, II: 2, III: 3, IV: 4 };
  const STATES = ["live", "late", "stale", "lost"];
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

  // --- alarms and incidents ----------------------------------------------------------------------

  const ACTIVE = new Set(["unacked", "acked", "rtn_unacked"]);
  const isOpen = (alarm) => alarm.status === "unacked" || alarm.status === "rtn_unacked";

  /** Before everything: unacknowledged 1 and 2; then other 1; then unacknowledged 3 and 4; then the rest by severity. */
  function band(sev, open) {
    if (open && sev <= 2) return 0;
    if (sev === 1) return 1;
    return open ? 2 : 3;
  }

  function subject(c, alarm) {
    const [kind, id] = split(alarm.subject);
    const order = kind === "order" ? card(c, "order", id) : undefined;
    const incident = kind === "incident" ? card(c, "incident", id) : order ? card(c, "incident", order.incident) : undefined;
    return { kind, id, order, incident };
  }

  function split(name) {
    const at = String(name || "").indexOf(":");
    return at < 0 ? ["", ""] : [name.slice(0, at), name.slice(at + 1)];
  }

  const TITLED = new Set(["incident_untaken", "camera_alert"]);

  function alarmTitle(c, alarm, incident) {
    const params = { ...(alarm.params || {}) };
    const [kind, id] = split(alarm.subject);
    if (kind === "unit" && !params.unit) params.unit = (card(c, "unit", id) || {}).name;
    if (kind === "source" && !params.source) params.source = w().sayOr(c.texts, `source.${id}`, (card(c, "source", id) || {}).name);
    const base = TITLED.has(alarm.rule) && (alarm.title || incident) ? alarm.title || incidentTitle(c, incident) : w().say(c.texts, `alarm.${alarm.rule}`, params);
    if (alarm.rule === "incident_untaken" && incident && incident.reports > 1) return `${base} × ${w().say(c.texts, "wall.alarms.reports", { n: incident.reports })}`;
    return alarm.rule === "camera_alert" && alarm.count > 1 ? `${base} ${w().say(c.texts, "wall.alarms.times", { n: alarm.count })}` : base;
  }

  function alarmState(c, alarm) {
    if (alarm.status === "acked") {
      return alarm.owner ? w().say(c.texts, "alarm_status.acked_by", { owner: alarm.owner }) : w().say(c.texts, "alarm_status.acked");
    }
    const late = alarm.ack_due_at && alarm.ack_due_at < c.now ? w().say(c.texts, "alarm_status.overdue") : "";
    const raised = alarm.escalated ? w().say(c.texts, "alarm_status.escalated") : late;
    return joined(w().say(c.texts, `alarm_status.${alarm.status}`), raised);
  }

  function alarmRow(c, alarm) {
    const { incident } = subject(c, alarm);
    const open = isOpen(alarm);
    const where = alarm.rule === "incident_untaken" || !incident ? placeOf(c, incident) || alarm.place || areaName(c, alarm.area) : joined(incidentTitle(c, incident), incident.place);
    return {
      key: `alarm:${alarm.id}`,
      cls: `row row-alarm${open ? " row-open" : ""}${alarm.drill ? " row-drill" : ""}`,
      data: { sev: alarm.sev },
      glyph: `sev-${alarm.sev}`,
      ring: alarm.status === "unacked" && alarm.sev <= 2,
      cells: { title: alarmTitle(c, alarm, incident), time: w().timer(c.now - alarm.raised_at, c.texts), sub: where, state: alarmState(c, alarm) },
      sort: [band(alarm.sev, open), alarm.sev, open ? alarm.raised_at : -alarm.raised_at],
    };
  }

  function incidentState(c, incident, orders) {
    const active = orders.filter((o) => !o.ended_at);
    const there = active.filter((o) => o.on_scene_at).length;
    if (there) return w().say(c.texts, "incident_status.on_scene_units", { n: there });
    if (active.length) return w().say(c.texts, "incident_status.engaged_units", { n: active.length });
    if (incident.status === "taken" && incident.owner) return w().say(c.texts, "incident_status.taken_by", { owner: incident.owner });
    return w().say(c.texts, `incident_status.${incident.status}`);
  }

  function incidentRow(c, incident, orders) {
    const reports = incident.reports > 1 ? ` × ${w().say(c.texts, "wall.alarms.reports", { n: incident.reports })}` : "";
    return {
      key: `incident:${incident.id}`,
      cls: `row row-alarm row-incident${incident.drill ? " row-drill" : ""}`,
      data: { sev: incident.sev },
      glyph: `sev-${incident.sev}`,
      ring: false,
      cells: {
        title: incidentTitle(c, incident) + reports,
        time: w().timer(c.now - incident.opened_at, c.texts),
        sub: placeOf(c, incident),
        state: incidentState(c, incident, orders),
      },
      sort: [band(incident.sev, false), incident.sev, -incident.opened_at],
    };
  }

  const bySort = (a, b) => {
    for (let i = 0; i < a.sort.length; i++) if (a.sort[i] !== b.sort[i]) return a.sort[i] < b.sort[i] ? -1 : 1;
    return a.key < b.key ? -1 : 1;
  };

  /** All alarm rows, then the open incidents no alarm speaks of; sorted. */
  function alarmRows(c, orders) {
    const { byIncident } = orders || index(c);
    const rows = [];
    const told = new Set();
    for (const alarm of values(c, "alarm")) {
      if (!ACTIVE.has(alarm.status)) continue;
      const [kind, id] = split(alarm.subject);
      if (kind === "incident") told.add(id);
      rows.push(alarmRow(c, alarm));
    }
    for (const incident of values(c, "incident")) {
      if (!told.has(incident.id)) rows.push(incidentRow(c, incident, byIncident.get(incident.id) || []));
    }
    return rows.sort(bySort);
  }

  // --- units --------------------------------------------------------------------------------------

  const RANK = { lost: 0, awaiting: 1, on_scene: 2, en_route: 3, accepted: 4, busy: 5, available: 6, out_of_service: 7 };
  const TASKED = new Set(["awaiting", "accepted", "en_route", "on_scene"]);

  /** The age class of a position by the limits of its unit's state: live, late, stale, lost; unknown is null. */
  function positionState(age, tasked, limits) {
    if (age === null || age === undefined || !limits) return null;
    const [late, stale, lost] = tasked ? limits.tasked : limits.idle;
    if (age > lost * 1000) return "lost";
    if (age > stale * 1000) return "stale";
    return age > late * 1000 ? "late" : "live";
  }

  function currentOrder(unit, orders) {
    const mine = (orders.byUnit.get(unit.id) || []).filter((o) => !o.ended_at);
    const step = (o) => (o.on_scene_at ? 0 : o.en_route_at ? 1 : o.answered_at ? 2 : 3);
    return mine.sort((a, b) => step(a) - step(b) || a.queued_at - b.queued_at)[0];
  }

  /** Remaining or overrun of an order's receipt: {text, strong, late}. */
  function receipt(c, order) {
    const left = order.ack_due_at - c.now;
    if (left < 0) return { text: w().say(c.texts, "wall.units.overdue", { age: `+${w().timer(-left)}` }), strong: true, late: true };
    return {
      text: w().say(c.texts, "wall.units.remaining", { age: w().timer(left) }),
      strong: left <= (order.ack_limit_s || 0) * 250,
      late: false,
    };
  }

  function travel(c, order) {
    if (!order.en_route_at || !order.eta_s) return { text: w().timer(c.now - (order.en_route_at || order.answered_at || order.queued_at)), late: false };
    const left = order.en_route_at + order.eta_s * 1000 - c.now;
    if (left < 0) return { text: w().say(c.texts, "wall.units.eta_late", { age: `+${w().timer(-left)}` }), late: true };
    return { text: w().say(c.texts, "wall.units.eta", { n: Math.max(1, Math.ceil(left / 60000)) }), late: false };
  }

  /** Light facts of one unit, enough to sort by. */
  function unitFact(c, unit, orders) {
    const state = unit.lost && unit.activity !== "off_duty" ? "lost" : unit.activity;
    if (RANK[state] === undefined) return null;
    const order = TASKED.has(unit.activity) ? currentOrder(unit, orders) : undefined;
    let within = 0;
    if (state === "awaiting") within = order ? order.ack_due_at : 0;
    else if (state === "on_scene") within = order ? -order.on_scene_at : 0;
    else if (state === "en_route" || state === "accepted") within = order ? (order.en_route_at || order.queued_at) + (order.eta_s || 0) * 1000 : 0;
    else if (state === "lost") within = order ? 0 : 1;
    return { unit, state, order, key: unit.id, sort: [RANK[state], within, unit.name] };
  }

  function unitRow(c, fact, position) {
    const { unit, state, order } = fact;
    const at = position ? position(unit) : null;
    const age = at === null || at === undefined ? null : c.now - at;
    const aged = positionState(age, TASKED.has(unit.activity), c.limits);
    const incident = order && card(c, "incident", order.incident);
    const say = (key, params) => w().say(c.texts, key, params);
    const doing = say(`activity.${state === "lost" && TASKED.has(unit.activity) ? unit.activity : state}`);
    const row = {
      key: `unit:${unit.id}`,
      cls: `row row-unit row-unit-${state}`,
      data: {},
      glyph: `unit-${state}`,
      cells: {
        title: unit.name,
        time: doing,
        sub: incident ? joined(incidentTitle(c, incident), incident.place || areaName(c, incident.area), doing) : joined(areaName(c, unit.area), state === "available" ? say("wall.units.standby") : doing),
        state: age === null ? say("wall.units.no_position") : say("wall.units.position", { age: w().ago(c.texts, age) }),
      },
      marks: { state: aged === "late" || aged === "stale" ? `state-${aged}` : "" },
    };
    row.data.age = state === "lost" ? null : aged;
    if (state === "lost") {
      row.cells.time = joined(say("activity.lost"), age === null ? "" : w().timer(age, c.texts));
      row.cells.state = age === null ? say("wall.units.no_position") : say("wall.units.last_seen", { time: w().minute(at) });
      row.cells.sub = incident ? joined(incidentTitle(c, incident), doing) : areaName(c, unit.area);
      row.marks.state = "";
    } else if (order && state === "awaiting") {
      const r = receipt(c, order);
      row.cells.time = r.text;
      row.cls += r.strong ? " row-strong" : "";
      row.marks.time = r.late ? "state-late" : "";
    } else if (order && state === "en_route") {
      const t = travel(c, order);
      row.cells.time = t.text;
      row.marks.time = t.late ? "state-late" : "";
    } else if (order && state === "on_scene") row.cells.time = w().timer(c.now - order.on_scene_at);
    row.marks.time = row.marks.time || "";
    return row;
  }

  /** The first `limit` rows of the unit board and how many there are; `position(unit)` gives the instant of its last fix. */
  function unitRows(c, limit, position, orders) {
    const by = orders || index(c);
    const facts = values(c, "unit").map((unit) => unitFact(c, unit, by)).filter(Boolean).sort(bySort);
    return { total: facts.length, rows: facts.slice(0, limit).map((fact) => unitRow(c, fact, position)) };
  }

  // --- disputes -------------------------------------------------------------------------------------

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

  // --- cameras --------------------------------------------------------------------------------------

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
            sub: [areaName(c, a.area), a.place].filter(Boolean).join(" "),
            state: a.conf ? w().say(c.texts, `confidence.${a.conf}`) : "",
          },
          raised_at: a.raised_at,
        };
      });
  }

  // --- tiles ------------------------------------------------------------------------------------------

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
    const shown = { state, value, unit: t.unit, sub: t.sub, age: age === null ? "" : w().ago(c.texts, age), edge: t.edge || "", glyph: t.glyph || "", hours: t.hours || null };
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

  // --- title bar and footer -----------------------------------------------------------------------------

  /** The response level that holds for the page's area: its own card, else the nearest one above it. */
  function level(c) {
    const mine = values(c, "level")
      .filter((l) => (c.area || "").startsWith(l.id) || l.id === "")
      .sort((a, b) => b.id.length - a.id.length);
    const found = mine.find((l) => l.level && l.level !== "normal") || mine[0];
    const proposal = mine.find((l) => l.proposed_level);
    const name = (found && found.level) || "normal";
    const wartime = found ? found.mode === "wartime" || name !== "normal" : false;
    const sev = SEV_OF_LEVEL[name];
    return {
      wartime,
      mode: w().say(c.texts, wartime ? "level.wartime" : "level.peace"),
      level: sev ? w().say(c.texts, `level.${name}`) : "",
      glyph: sev ? `sev-${sev}` : "",
      elapsed: wartime && found.since ? w().say(c.texts, "level.elapsed", { age: w().stopwatch(c.now - found.since) }) : "",
      drill: Boolean(found && found.drill),
      proposed: proposal ? w().say(c.texts, "level.proposed", { level: w().say(c.texts, `level.${proposal.proposed_level}`) }) : "",
    };
  }

  /** Age class of a source by its own promise: twice late, six times stale, twelve times lost. */
  function sourceState(age, cadenceS) {
    if (age === null) return "unknown";
    const share = age / 1000 / cadenceS;
    if (share > 12) return "lost";
    if (share > 6) return "stale";
    return share > 2 ? "late" : "live";
  }

  /** Footer rows: every source with its age; abnormal ones carry glyph and word and come first. */
  function sourceRows(c) {
    const vitals = c.vitals || {};
    return values(c, "source")
      .map((s) => {
        const seen = Math.max(s.seen_at || 0, (vitals[`source:${s.id}`] || {}).at || 0);
        const age = seen ? c.now - seen : null;
        const state = sourceState(age, s.cadence_s);
        const name = w().sayOr(c.texts, `source.${s.id}`, s.name);
        const word = state === "live" || state === "late" ? "" : w().say(c.texts, `source_state.${state}`);
        return {
          key: `source:${s.id}`,
          cls: `foot-item foot-${state}`,
          cells: { name, age: [word, age === null ? "" : w().span(age)].filter(Boolean).join(" ") },
          marks: { name: state === "live" ? "" : `state-${state}` },
          sort: [-["unknown", "live", "late", "stale", "lost"].indexOf(state), name],
        };
      })
      .sort(bySort);
  }

  /** "+0.2": a clock skew in seconds with its sign. */
  function skewText(ms) {
    const s = ms / 1000;
    const sign = s < -0.049 ? "−" : "+";
    return `${sign}${Math.abs(s).toFixed(1)}`;
  }

  muster.wallView = {
    TILES: Object.keys(TILES),
    index, alarmRows, incidentRow, unitRows, disputeBars, disputeRows, cameraRows, tile, level, sourceRows, sourceState, positionState, skewText, areaName,
  };
})(typeof window === "undefined" ? globalThis : window);
