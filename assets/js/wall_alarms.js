/* Rows of the alarm list: alarms, and the open incidents no alarm speaks of. Pure: context in, row models (rows.js) out. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const w = () => muster.words;
  const { values, card, joined, areaName, placeOf, incidentTitle, index, split, bySort } = muster.told;

  const ACTIVE = new Set(["unacked", "acked", "rtn_unacked"]);
  const isOpen = (alarm) => alarm.status === "unacked" || alarm.status === "rtn_unacked";

  const FRESH_MS = 60_000;

  /** Before everything: active unacknowledged 1 and 2; then other 1; then unacknowledged 3 and 4; then what is over and
      nobody had owned; then the rest by severity. */
  function band(sev, status) {
    if (status === "unacked" && sev <= 2) return 0;
    if (status === "rtn_unacked") return 3;
    if (sev === 1) return 1;
    return status === "unacked" ? 2 : 4;
  }

  /** Within a band by severity; a new one of severity 1 leads for a minute, so that it is never below what fits; then the oldest. */
  function place(c, sev, status, raisedAt) {
    const leads = sev === 1 && status === "unacked" && c.now - raisedAt < FRESH_MS;
    return [band(sev, status), sev, leads ? 0 : 1, isOpen({ status }) && !leads ? raisedAt : -raisedAt];
  }

  function subject(c, alarm) {
    const [kind, id] = split(alarm.subject);
    const order = kind === "order" ? card(c, "order", id) : undefined;
    const incident = kind === "incident" ? card(c, "incident", id) : order ? card(c, "incident", order.incident) : undefined;
    return { kind, id, order, incident };
  }

  function alarmTitle(c, alarm, incident) {
    const params = { ...(alarm.params || {}) };
    const [kind, id] = split(alarm.subject);
    if (kind === "unit" && !params.unit) params.unit = (card(c, "unit", id) || {}).name;
    if (kind === "dispute") params.dispute = (card(c, "dispute", id) || {}).no || params.dispute;
    if (kind === "source") params.source = w().sayOr(c.texts, `source.${id}`, params.source || (card(c, "source", id) || {}).name);
    let base = w().say(c.texts, `alarm.${alarm.rule}`, params);
    if (alarm.rule === "incident_untaken" && (alarm.title || incident)) base = alarm.title || incidentTitle(c, incident);
    if (alarm.rule === "camera_alert") base = joined(w().sayOr(c.texts, `camera_rule.${params.rule || (card(c, kind, id) || {}).rule}`, base), alarm.title || params.camera);
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

  function alarmRow(c, alarm, byIncident) {
    const { incident } = subject(c, alarm);
    const open = isOpen(alarm);
    // Once somebody has an incident, what is done about it says more than who has it.
    const handled = alarm.status === "acked" && alarm.rule === "incident_untaken" && incident;
    const where = alarm.rule === "incident_untaken" || !incident ? placeOf(c, incident) || alarm.place || areaName(c, alarm.area) : joined(incidentTitle(c, incident), incident.place);
    return {
      key: `alarm:${alarm.id}`,
      cls: `row row-alarm${open ? " row-open" : ""}${alarm.drill ? " row-drill" : ""}`,
      data: { sev: alarm.sev },
      glyph: `sev-${alarm.sev}`,
      ring: alarm.status === "unacked" && alarm.sev <= 3, // of 1 and 2 it flashes, of 3 it stands still (30-wall.css)
      cells: { title: alarmTitle(c, alarm, incident), time: w().timer(c.now - alarm.raised_at, c.texts), sub: where, state: handled ? incidentState(c, incident, byIncident.get(incident.id) || []) : alarmState(c, alarm) },
      sort: place(c, alarm.sev, alarm.status, alarm.raised_at),
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
      sort: place(c, incident.sev, "", incident.opened_at),
    };
  }

  /** All alarm rows, then the open incidents no alarm speaks of; sorted. */
  function alarmRows(c, orders) {
    const { byIncident } = orders || index(c);
    const rows = [];
    const told = new Set();
    for (const alarm of values(c, "alarm")) {
      if (!ACTIVE.has(alarm.status)) continue;
      const [kind, id] = split(alarm.subject);
      if (kind === "incident") told.add(id);
      rows.push(alarmRow(c, alarm, byIncident));
    }
    for (const incident of values(c, "incident")) {
      if (!told.has(incident.id)) rows.push(incidentRow(c, incident, byIncident.get(incident.id) || []));
    }
    return rows.sort(bySort);
  }

  Object.assign((muster.wallView = muster.wallView || {}), { alarmRows, alarmTitle, incidentRow, index, areaName });
})(typeof window === "undefined" ? globalThis : window);
