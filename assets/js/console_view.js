/* What the console shows: pure functions from cards and the time to row models (rows.js).
   `c` is the context of told.js: {cards, summary, now (server ms), texts, area, limits}. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const w = () => muster.words;
  const v = () => muster.wallView;

  const values = (c, kind) => Object.values((c.cards && c.cards[kind]) || {});
  const card = (c, kind, id) => ((c.cards && c.cards[kind]) || {})[id];
  const say = (c, key, params) => w().say(c.texts, key, params);
  const STEPS = ["queued", "delivered", "read", "accepted", "en_route", "on_scene", "done"];
  const FINAL = new Set(["declined", "done", "cancelled", "expired"]);
  const TABS = ["new", "mine", "engaged"];

  /** The incident a row of the queue is about: its own, or that of the order an alarm speaks of; null for a thing of another kind. */
  function incidentOf(c, key) {
    const [kind, ...rest] = key.split(":");
    const id = rest.join(":");
    if (kind === "incident") return id;
    const alarm = card(c, "alarm", id);
    if (!alarm) return null;
    const [subject, ...tail] = alarm.subject.split(":");
    if (subject === "incident") return tail.join(":");
    if (subject === "order") return (card(c, "order", tail.join(":")) || {}).incident || null;
    return null;
  }

  /** The rows of the three tabs: what wants somebody, what has an owner, what units are on. */
  function queue(c) {
    const orders = v().index(c);
    const rows = v().alarmRows(c, orders);
    const wanting = rows.filter((row) => row.key.startsWith("alarm:") && row.cls.includes("row-open"));
    const own = (status) =>
      values(c, "incident")
        .filter((i) => i.status === status)
        .map((i) => v().incidentRow(c, i, orders.byIncident.get(i.id) || []))
        .sort((a, b) => a.data.sev - b.data.sev || a.sort[3] - b.sort[3] || (a.key < b.key ? -1 : 1));
    return { new: wanting, mine: own("taken"), engaged: own("engaged") };
  }

  /** The instants of an order's steps, oldest first: [[step, at] …]; a step that was skipped has none. */
  function steps(order) {
    const at = {
      queued: order.queued_at,
      delivered: order.delivered_at,
      read: order.read_at,
      accepted: order.status === "declined" ? null : order.answered_at,
      en_route: order.en_route_at,
      on_scene: order.on_scene_at,
      done: order.status === "done" ? order.ended_at : null,
    };
    return STEPS.map((step) => [step, at[step] || null]);
  }

  /** The steps to show: those that were taken with their times, and of a running order those to come: [[label, time or ""] …]. */
  function stepper(c, order) {
    const line = steps(order);
    const again = order.attempt > 1 ? ` ×${order.attempt}` : "";
    const label = (step) => say(c, `order_status.${step}`) + (step === "queued" ? again : "");
    if (!FINAL.has(order.status)) {
      // A step that a later one has overtaken is not to come any more.
      const last = line.reduce((most, [, at], i) => (at ? i : most), 0);
      return line.filter(([, at], i) => at || i > last).map(([step, at]) => [label(step), at ? w().clock(at) : ""]);
    }
    const taken = line.filter(([, at]) => at).map(([step, at]) => [label(step), w().clock(at)]);
    if (order.status !== "done" && order.ended_at) taken.push([label(order.status), w().clock(order.ended_at)]);
    return taken;
  }

  /** One row per order of an incident: unit, state, its timer, and the line of steps with their times. */
  function orderRows(c, incidentId) {
    return values(c, "order")
      .filter((o) => o.incident === incidentId)
      .sort((a, b) => a.queued_at - b.queued_at)
      .map((o) => {
        const unit = card(c, "unit", o.unit);
        const due = o.ack_due_at ? o.ack_due_at - c.now : null;
        let time = w().timer(c.now - (o.ended_at || o.on_scene_at || o.en_route_at || o.answered_at || o.queued_at), c.texts);
        if (due !== null) time = due < 0 ? say(c, "console.overdue", { age: `+${w().timer(-due)}` }) : say(c, "console.remaining", { age: w().timer(due) });
        const overdue = !FINAL.has(o.status) && !o.answered_at && (o.overdue > 0 || (due !== null && due < 0));
        return {
          key: `order:${o.id}`,
          cls: `order${overdue ? " order-overdue" : ""}${FINAL.has(o.status) ? " order-ended" : ""}${o.drill ? " row-drill" : ""}`,
          data: { status: o.status },
          cells: {
            title: unit ? unit.name : o.unit,
            time,
            sub: steps(o).filter(([, at]) => at).map(([step, at]) => `${say(c, `order_status.${step}`)} ${w().clock(at)}`).join(" → "),
            state: say(c, `order_status.${o.status}`) + (o.attempt > 1 ? ` ×${o.attempt}` : ""),
          },
          marks: { time: overdue ? "state-late" : "" },
          steps: stepper(c, o),
          order: o,
        };
      });
  }

  /** The facts of a unit whose last position was at `seen` (null: none): [[label, value] …]. */
  function unitFacts(c, unit, seen) {
    const orders = v().index(c).byUnit.get(unit.id) || [];
    const tasks = orders.filter((o) => !FINAL.has(o.status)).map((o) => card(c, "incident", o.incident)).filter(Boolean);
    const kind = w().sayOr(c.texts, `unit_kind.${unit.kind}`, unit.kind || "");
    return [
      [say(c, "console.state"), [say(c, `activity.${unit.lost && unit.activity !== "off_duty" ? "lost" : unit.activity}`), unit.since ? w().clock(unit.since) : ""].filter(Boolean).join(" · ")],
      ...(kind ? [[say(c, "console.category"), kind]] : []),
      ...(unit.members ? [[say(c, "console.members"), String(unit.members)]] : []),
      [say(c, "console.place"), v().areaName(c, unit.area) || w().DASH],
      [say(c, "console.position"), seen ? `${w().clock(seen)} · ${w().ago(c.texts, c.now - seen)}` : say(c, "wall.units.no_position")],
      ...tasks.map((incident) => [say(c, "console.detail"), `${incident.no} ${incident.title}`]),
    ];
  }

  /** The facts of an alarm that is about no incident: [[label, value] …]. */
  function alarmFacts(c, alarm) {
    const [kind, ...rest] = alarm.subject.split(":");
    const source = kind === "source" ? w().sayOr(c.texts, `source.${rest.join(":")}`, "") : "";
    const place = [v().areaName(c, alarm.area), alarm.place].filter(Boolean).join(" ");
    const seen = alarm.last_at && alarm.last_at !== alarm.raised_at ? ` · ${w().clock(alarm.last_at)}` : "";
    return [
      [say(c, "console.place"), place || w().DASH],
      [say(c, "console.raised"), `${w().clock(alarm.raised_at)} · ${w().ago(c.texts, c.now - alarm.raised_at)}`],
      ...(source ? [[say(c, "console.source"), source]] : []),
      ...(alarm.count > 1 ? [[say(c, "console.times"), `${alarm.count}${seen}`]] : []),
      [say(c, "console.state"), say(c, `alarm_status.${alarm.status}`)],
      ...(alarm.owner ? [[say(c, "console.acknowledged_by"), alarm.owner]] : []),
    ];
  }

  /** The facts of an incident: [[label, value] …]. */
  function facts(c, incident) {
    const at = incident.at;
    const place = [v().areaName(c, incident.area), incident.place].filter(Boolean).join(" ");
    return [
      [say(c, "console.number"), incident.no],
      [say(c, "console.category"), w().sayOr(c.texts, `category.${incident.category}`, incident.category)],
      [say(c, "console.place"), [place, at ? `${at[0].toFixed(4)}, ${at[1].toFixed(4)}` : ""].filter(Boolean).join(" · ") || w().DASH],
      [say(c, "console.opened"), `${w().clock(incident.opened_at)} · ${w().ago(c.texts, c.now - incident.opened_at)}`],
      [say(c, "console.owner"), incident.owner || say(c, "console.nobody")],
      [say(c, "console.source"), [w().sayOr(c.texts, incident.source === "desk" ? "console.at_desk" : `source.${incident.source}`, incident.source), incident.reports > 1 ? `${say(c, "console.reports")} ×${incident.reports}` : ""].filter(Boolean).join(" · ") || w().DASH],
      ...(incident.people ? [[say(c, "console.people"), String(incident.people)]] : []),
    ];
  }

  /** A number that changes whenever the incident, its orders or its alarm have: the timeline is read again then. */
  function revision(c, incidentId) {
    let v = (card(c, "incident", incidentId) || {}).v || 0;
    for (const o of values(c, "order")) if (o.incident === incidentId) v = Math.max(v, o.v);
    return v;
  }

  /** The key after (or before, step −1) the selected one. */
  function neighbour(keys, current, step) {
    if (!keys.length) return null;
    const at = keys.indexOf(current);
    if (at < 0) return keys[step > 0 ? 0 : keys.length - 1];
    return keys[Math.min(keys.length - 1, Math.max(0, at + step))];
  }

  /** What a key asks for on the console, or null. */
  function intent(key) {
    return { a: "take", d: "dispatch", n: "note", r: "report", j: "next", k: "previous", z: "undo" }[String(key).toLowerCase()] || null;
  }

    /** What the console's keys do, for the sheet of keys: [[key, text key] …]. */
  const KEYS = [["J / K", "next"], ["A", "take"], ["D", "dispatch"], ["Z", "undo"], ["N", "note"], ["R", "report"]];

  muster.consoleView = { TABS, STEPS, KEYS, queue, incidentOf, orderRows, steps, stepper, facts, unitFacts, alarmFacts, revision, neighbour, intent };
})(typeof window === "undefined" ? globalThis : window);
