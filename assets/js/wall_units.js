/* Rows of the unit board: lost first, then those that have not answered, on scene, on their way, idle. Pure. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const w = () => muster.words;
  const { values, card, joined, areaName, incidentTitle, index, bySort } = muster.told;

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
      row.cells.time = [say("activity.lost"), age === null ? "" : w().timer(age, c.texts)].filter(Boolean).join(" ");
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

  Object.assign((muster.wallView = muster.wallView || {}), { unitRows, positionState });
})(typeof window === "undefined" ? globalThis : window);
