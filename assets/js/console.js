/* The console: queue, map and incident follow one selection. Lists are drawn here from the live cards; what a person
   does goes to the desk through Dash callbacks (callbacks/console.py), by pressing the page's own buttons. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const AGAIN_MS = 10_000; // units move and are sent elsewhere: what is recommended is asked anew
  const BOARD = 60; // rows of the unit board that are kept in the page; it scrolls

  class Console {
    constructor(page) {
      this.page = page;
      this.texts = muster.shell.texts();
      this.limits = JSON.parse(page.dataset.limits);
      this.tab = "new";
      this.key = null; // the row selected in the queue
      this.told = "@0"; // what the server was last told of the selection
      this.stops = [];
      this.frame = 0;
      this.frozen = false;
      this.aim = ""; // the recommended unit that has the focus: a list drawn anew does not put another one under the finger
      this.choosing = false;
      this.asked = 0; // when the recommendation was last asked for
      this.hurried = ""; // the incident for which D was pressed before its recommendation had come
    }

    start() {
      const { area, map } = this.page.dataset;
      this.stops.push(muster.store.on(["incident", "order", "unit", "alarm", "level", "source", "summary"], () => this.soon()));
      this.stops.push(muster.live.onState(() => this.link()));
      this.stops.push(muster.onSelect((what, _before, by) => by !== "console" && this.selected(what)));
      muster.map.attach({ mapId: map, view: "console", limits: this.limits }).then((handle) => {
        const click = (e) => this.pick(e.latlng);
        handle.map.on("click", click);
        this.stops.push(() => handle.map.off("click", click));
      });
      this.listen();
      this.stops.push(muster.shell.sheet("console.keys_console", muster.consoleView.KEYS.map(([key, name]) => [key, `console.key_${name}`])));
      muster.live.start({ view: "console", area });
      const wanted = new URLSearchParams(root.location.search).get("inc");
      if (wanted) this.select(`incident:${wanted}`);
      this.tick();
    }

    stop() {
      clearTimeout(this.timer);
      cancelAnimationFrame(this.frame);
      for (const off of this.stops) if (off) off();
    }

    on(node, name, tell, options) {
      node.addEventListener(name, tell, options);
      this.stops.push(() => node.removeEventListener(name, tell, options));
    }

    part(name) {
      return this.page.querySelector(`[data-part="${name}"]`);
    }

    say(key, params) {
      return muster.words.say(this.texts, key, params);
    }

    listen() {
      this.on(document, "keydown", (e) => this.pressed(e), true);
      this.on(this.part("queue-tabs"), "click", (e) => {
        const tab = e.target.closest("[data-tab]");
        if (tab) this.show(tab.dataset.tab);
      });
      this.on(this.part("queue-rows"), "click", (e) => {
        const row = e.target.closest("[data-key]");
        if (row) this.select(row.dataset.key);
        if (e.target.closest("[data-acknowledge]")) this.take();
      });
      this.on(this.part("queue-rows"), "keydown", (e) => {
        const row = e.target.closest("[data-key]");
        if (!row || e.target.closest("button")) return;
        const step = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity }[e.key];
        if (step || e.key === "Enter" || e.key === " ") e.preventDefault();
        if (step) this.step(step, row.dataset.key);
        else if (e.key === "Enter" || e.key === " ") this.select(row.dataset.key);
      });
      this.on(this.part("queue-tabs"), "keydown", (e) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];
        const tabs = muster.consoleView.TABS;
        if (!step) return;
        e.preventDefault();
        this.show(tabs[(tabs.indexOf(this.tab) + step + tabs.length) % tabs.length]);
        this.page.querySelector(`[data-tab="${this.tab}"]`).focus();
      });
      const board = this.part("unit-rows");
      const unit = (row) => muster.select({ kind: "unit", id: row.dataset.key.slice("unit:".length) });
      this.on(board, "click", (e) => e.target.closest("[data-key]") && unit(e.target.closest("[data-key]")));
      this.on(board, "keydown", (e) => {
        const row = e.target.closest("[data-key]");
        const to = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[e.key];
        if (!row || (!to && e.key !== "Enter" && e.key !== " ")) return;
        e.preventDefault();
        const next = to ? row[to] : row;
        if (!next) return;
        this.atUnit = next.dataset.key;
        this.reach(board, this.atUnit);
        next.focus();
        if (!to) unit(next);
      });
      this.on(this.part("alarm-take"), "click", () => this.take());
      const units = this.part("recommended");
      this.on(units, "click", (e) => {
        const candidate = e.target.closest("[data-unit]");
        if (candidate) this.choose(candidate, 0);
      });
      // The hand is at a unit until it goes elsewhere; a list that is drawn anew does not take it away.
      this.on(document, "focusin", (e) => (this.aim = (e.target.closest("[data-unit]") || { dataset: {} }).dataset.unit || ""));
      this.on(document, "pointerdown", (e) => e.target.closest("[data-unit]") || (this.aim = ""));
      const redrawn = new MutationObserver(() => this.recommended());
      redrawn.observe(units, { childList: true, subtree: true, attributes: true, attributeFilter: ["data-unit", "data-incident"] });
      this.stops.push(() => redrawn.disconnect());
      // The order of the list stays while it is being chosen from.
      this.on(units, "pointerenter", () => (this.choosing = true));
      this.on(units, "pointerleave", () => (this.choosing = false));
      this.on(this.part("order-rows"), "click", (e) => {
        const button = e.target.closest("[data-do]");
        if (button) this.tell("order-action", { order: button.dataset.order, action: button.dataset.do });
      });
      // A row under the pointer or with the focus does not move away from under it.
      const list = this.part("queue-rows");
      this.on(list, "pointerenter", () => (this.frozen = true));
      this.on(list, "pointerleave", () => ((this.frozen = false), this.soon()));
      this.on(this.part("report-open"), "click", () => this.report(true));
      this.on(this.part("report-cancel"), "click", () => this.report(false));
      this.on(this.part("toast-undo"), "click", () => this.undo());
    }

    /** Give a dcc.Store of the page new data; `nonce` makes the same wish twice two wishes. */
    tell(part, data) {
      const id = this.page.dataset[`store${part.replace(/(^|-)(\w)/g, (_, __, c) => c.toUpperCase())}`];
      root.dash_clientside.set_props(id, { data: { ...data, nonce: `${Date.now()}-${Math.random().toString(36).slice(2, 8)}` } });
    }

    press(part) {
      const button = this.part(part);
      if (button && !button.disabled) button.click();
    }

    pressed(e) {
      if (e.ctrlKey || e.metaKey || e.altKey || !muster.shell.current().keys) return;
      const box = this.part("report");
      if (e.key === "Escape" && box && !box.hidden) {
        e.stopPropagation();
        return this.report(false);
      }
      if (e.target.closest && e.target.closest("input, textarea, select, dialog")) {
        return;
      }
      const candidate = e.target.closest && e.target.closest("[data-unit]");
      if (candidate) {
        const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[e.key];
        if (step || e.key === "Enter") e.preventDefault();
        if (step) return this.choose(candidate, step);
        if (e.key === "Enter" && this.candidates().includes(candidate)) {
          this.choose(candidate, 0);
          return this.press("send");
        }
      }
      const wanted = muster.consoleView.intent(e.key);
      if (!wanted) return;
      e.preventDefault();
      e.stopPropagation();
      if (wanted === "take") this.take();
      else if (wanted === "dispatch") this.dispatch();
      else if (wanted === "note") this.part("note").focus();
      else if (wanted === "report") this.report(true);
      else if (wanted === "undo") this.undo();
      else this.step(wanted === "next" ? 1 : -1);
    }

    /** A: own the selected alarm or the incident, or hear who owns it. */
    take() {
      const alarm = this.alarm();
      if (alarm) return this.tell("alarm-action", { alarm: alarm.id });
      const id = this.incident();
      const card = id && (this.context().cards.incident || {})[id];
      if (!card || !card.owner) return this.press("take");
      muster.toast({ ok: false, text: this.say("console.taken_by", { owner: card.owner, at: muster.words.clock(card.taken_at) }) });
    }

    /** D: to the recommended unit; Enter there sends the order. */
    dispatch() {
      const all = this.candidates();
      const first = all.find((node) => node.getAttribute("aria-checked") === "true") || all[0];
      this.hurried = first ? "" : this.incident() || "";
      if (first) first.focus();
    }

    /** The units recommended for the selected incident; none while those of another one are still shown. */
    candidates() {
      const id = this.incident();
      return [...this.part("recommended").querySelectorAll("[data-unit]")].filter((node) => id && node.dataset.incident === id);
    }

    /** The recommendation was drawn anew: the focus stays with its unit, and leaves the list when that unit has left it. */
    recommended() {
      const all = this.candidates();
      const at = document.activeElement;
      if (this.aim && (at === document.body || all.includes(at)) && at.dataset.unit !== this.aim) {
        const same = all.find((node) => node.dataset.unit === this.aim);
        if (same) same.focus();
        else if (all.length) {
          this.aim = "";
          at.blur();
        }
      }
      if (this.hurried && this.hurried === this.incident() && all.length) this.dispatch();
      this.sending();
    }

    /** An order can be sent once the units shown are those of the selected incident. */
    sending() {
      const ready = this.candidates().length > 0;
      const list = this.part("recommended");
      list.dataset.waiting = String(!ready && list.querySelector("[data-unit]") !== null);
      const send = this.part("send");
      if (send.disabled === ready) send.disabled = !ready;
    }

    /** Choose a candidate, or the one `step` lines further on. */
    choose(candidate, step) {
      const all = this.candidates();
      if (!all.includes(candidate)) return;
      const next = all[Math.min(all.length - 1, Math.max(0, all.indexOf(candidate) + step))];
      for (const node of all) {
        node.setAttribute("aria-checked", String(node === next));
        node.tabIndex = node === next ? 0 : -1;
      }
      next.focus();
      this.tell("chosen", { unit: next.dataset.unit, incident: next.dataset.incident });
    }

    undo() {
      const toast = this.part("toast");
      if (toast && !toast.hidden && toast.dataset.undo) this.tell("order-action", { order: toast.dataset.undo, action: "cancel" });
    }

    /** While a report is being taken, a click on the map names its place. */
    pick({ lat, lng }) {
      if (this.part("report").hidden) return;
      for (const [field, value] of [["lat", lat], ["lon", lng]]) {
        root.dash_clientside.set_props(this.page.dataset[`report${field[0].toUpperCase()}${field.slice(1)}`], { value: value.toFixed(6) });
      }
    }

    report(open) {
      const box = this.part("report");
      box.hidden = !open;
      if (open) box.querySelector("input, select, textarea").focus();
      else this.part("report-open").focus();
    }

    show(tab) {
      this.tab = tab;
      for (const node of this.page.querySelectorAll("[data-tab]")) {
        node.setAttribute("aria-selected", String(node.dataset.tab === tab));
        node.tabIndex = node.dataset.tab === tab ? 0 : -1;
      }
      this.draw();
    }

    /** One row of a list can be reached with Tab: the one that is meant, else the first. */
    reach(list, key) {
      const meant = [...list.children].some((n) => n.dataset.key === key) ? key : (list.firstElementChild || { dataset: {} }).dataset.key;
      for (const node of list.children) {
        const index = node.dataset.key === meant ? 0 : -1;
        if (node.tabIndex !== index || !node.hasAttribute("tabindex")) node.tabIndex = index;
      }
    }

    /** Select the row `by` rows after the selected one, or after `from`. */
    step(by, from = this.key) {
      const rows = muster.consoleView.queue(this.context())[this.tab];
      const key = muster.consoleView.neighbour(rows.map((r) => r.key), from, by);
      if (!key) return;
      this.select(key);
      const node = this.part("queue-rows").querySelector(`[data-key="${CSS.escape(key)}"]`);
      if (node) node.focus();
    }

    /** A row was chosen in the queue: map and detail follow. */
    select(key) {
      this.key = key;
      const c = this.context();
      const incident = muster.consoleView.incidentOf(c, key);
      if (incident) {
        muster.select({ kind: "incident", id: incident }, "console");
        const card = (c.cards.incident || {})[incident];
        if (card && card.at) muster.map.focus({ lat: card.at[0], lon: card.at[1] });
        const url = new URL(root.location);
        url.searchParams.set("inc", incident);
        root.history.replaceState(root.history.state, "", url);
      } else {
        const alarm = (c.cards.alarm || {})[key.slice("alarm:".length)];
        if (alarm && alarm.at) muster.map.focus({ lat: alarm.at[0], lon: alarm.at[1] });
        muster.select(null, "console");
      }
      this.draw();
    }

    /** Something was chosen elsewhere (the map). */
    selected(what) {
      this.key = what && what.kind === "incident" ? `incident:${what.id}` : what && what.kind === "camera_alert" ? this.alarmOf(what) : null;
      this.draw();
    }

    incident() {
      const chosen = muster.selected();
      return chosen && chosen.kind === "incident" ? chosen.id : null;
    }

    /** The row of the alarm that speaks of a thing, or null. */
    alarmOf({ kind, id }) {
      const found = Object.values(muster.store.cards.alarm || {}).find((a) => a.subject === `${kind}:${id}`);
      return found ? `alarm:${found.id}` : null;
    }

    /** The alarm of the selected row when it wants somebody and is more than that nobody has taken the incident. */
    alarm() {
      const card = this.key && this.key.startsWith("alarm:") && (muster.store.cards.alarm || {})[this.key.slice("alarm:".length)];
      return card && card.rule !== "incident_untaken" && ["unacked", "rtn_unacked"].includes(card.status) ? card : null;
    }

    context() {
      const { store } = muster;
      return { cards: store.cards, summary: store.summary || {}, vitals: store.vitals || {}, now: muster.clock.now(), texts: this.texts, area: this.page.dataset.area, limits: this.limits };
    }

    tick() {
      this.link();
      this.soon();
      this.timer = setTimeout(() => this.tick(), 1000 - (muster.clock.now() % 1000) + 5);
    }

    soon() {
      if (this.frame) return;
      this.frame = requestAnimationFrame(() => {
        this.frame = 0;
        this.draw();
      });
    }

    link() {
      const link = muster.live.state();
      muster.shell.drawLink(link, muster.clock.now());
      const dead = link.state === "lost";
      if (this.page.dataset.dead !== String(dead)) this.page.dataset.dead = String(dead);
    }

    draw() {
      if (!muster.store.ready) return;
      this.page.dataset.ready = "true";
      const c = this.context();
      muster.shell.drawLevel(muster.wallView.level(c), Boolean(muster.store.demo));
      this.drawQueue(c);
      this.drawUnits(c);
      this.drawIncident(c);
    }

    drawQueue(c) {
      const all = muster.consoleView.queue(c);
      for (const tab of muster.consoleView.TABS) muster.rows.setText(this.part(`count-${tab}`), String(all[tab].length));
      const list = this.part("queue-rows");
      let rows = all[this.tab];
      if (this.frozen) {
        // Keep the order that is on the screen; what is new waits below.
        const shown = [...list.children].map((n) => n.dataset.key);
        const place = (r) => (shown.includes(r.key) ? shown.indexOf(r.key) : shown.length);
        rows = rows.slice().sort((a, b) => place(a) - place(b));
      }
      muster.rows.render(list, rows);
      const incident = this.incident();
      const held = document.activeElement && list.contains(document.activeElement) ? document.activeElement.closest("[data-key]").dataset.key : this.key;
      this.reach(list, held);
      for (const node of list.children) {
        node.setAttribute("role", "option");
        const chosen = node.dataset.key === this.key || (incident !== null && muster.consoleView.incidentOf(c, node.dataset.key) === incident);
        node.setAttribute("aria-selected", String(chosen));
        this.acknowledging(node);
      }
      const empty = this.part("queue-empty");
      empty.hidden = rows.length > 0;
      muster.rows.setText(empty, this.say("console.queue_empty", { time: muster.words.clock(c.now) }));
    }

    /** The selected row of an alarm that wants somebody carries the button to own it. */
    acknowledging(node) {
      const wanted = node.dataset.key === this.key && this.alarm() !== null && this.incident() !== null; // else the button stands beside it
      const there = node.querySelector("[data-acknowledge]");
      if (there && !wanted) there.remove();
      if (!wanted || there) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "button small";
      button.dataset.acknowledge = "";
      button.textContent = this.say("console.acknowledge_alarm");
      node.append(button);
    }

    drawUnits(c) {
      const position = (unit) => (muster.units.at[unit.slot] > 0 ? muster.units.at[unit.slot] : null);
      const { rows } = muster.wallView.unitRows(c, BOARD, position);
      const busy = rows.filter((row) => !row.cls.includes("row-unit-available") && !row.cls.includes("row-unit-busy"));
      const board = this.part("unit-rows");
      muster.rows.render(board, busy);
      this.reach(board, this.atUnit);
      for (const node of board.children) node.setAttribute("role", "option");
      this.part("units-empty").hidden = busy.length > 0;
    }

    drawIncident(c) {
      const id = this.incident();
      const card = id && (c.cards.incident || {})[id];
      this.drawOther(c, id);
      this.part("nothing").hidden = Boolean(id) || !this.part("alarm").hidden;
      this.part("incident").hidden = !id;
      if (!id) return this.tellSelection("", 0);
      const held = this.choosing || this.candidates().includes(document.activeElement);
      if (c.now - this.asked > AGAIN_MS && !held && !document.hidden) this.asked = c.now;
      this.tellSelection(id, `${muster.consoleView.revision(c, id)}-${this.asked}`);
      if (!card) return;
      muster.rows.setGlyph(this.part("incident-glyph"), `sev-${card.sev}`);
      muster.rows.setText(this.part("incident-title"), card.title);
      this.facts(this.part("facts"), muster.consoleView.facts(c, card));
      const taken = Boolean(card.owner);
      const take = this.part("take");
      muster.rows.setText(take, taken ? this.say("console.acknowledged") : this.say("console.acknowledge"));
      take.disabled = taken;
      this.sending();
      this.drawOrders(c, id);
    }

    facts(list, facts) {
      if (list.children.length !== facts.length) {
        list.replaceChildren(...facts.map(() => {
          const pair = document.createElement("div");
          pair.append(document.createElement("dt"), document.createElement("dd"));
          return pair;
        }));
      }
      facts.forEach(([name, value], i) => {
        muster.rows.setText(list.children[i].firstChild, name);
        muster.rows.setText(list.children[i].lastChild, value);
      });
    }

    /** What is selected is no incident: a unit, or an alarm about something else with the button to own it. */
    drawOther(c, incident) {
      const what = muster.selected();
      const unit = what && what.kind === "unit" ? (c.cards.unit || {})[what.id] : null;
      const card = !incident && !unit && this.key && this.key.startsWith("alarm:") ? (c.cards.alarm || {})[this.key.slice("alarm:".length)] : null;
      this.part("alarm").hidden = !card && !unit;
      this.part("alarm-take").hidden = Boolean(unit);
      if (unit) {
        const at = muster.units.at[unit.slot];
        muster.rows.setGlyph(this.part("alarm-glyph"), `unit-${unit.lost && unit.activity !== "off_duty" ? "lost" : unit.activity}`);
        muster.rows.setText(this.part("alarm-title"), unit.name);
        this.facts(this.part("alarm-facts"), muster.consoleView.unitFacts(c, unit, at > 0 ? at : null));
      }
      if (!card) return;
      muster.rows.setGlyph(this.part("alarm-glyph"), `sev-${card.sev}`);
      muster.rows.setText(this.part("alarm-title"), muster.wallView.alarmTitle(c, card));
      this.facts(this.part("alarm-facts"), muster.consoleView.alarmFacts(c, card));
      const take = this.part("alarm-take");
      const open = this.alarm() !== null;
      muster.rows.setText(take, this.say(open ? "console.acknowledge_alarm" : "alarm_status.acked"));
      take.disabled = !open;
    }

    drawOrders(c, id) {
      const rows = muster.consoleView.orderRows(c, id);
      const list = this.part("order-rows");
      muster.rows.render(list, rows);
      rows.forEach((row, i) => {
        this.buttons(list.children[i], row.order);
        this.steps(list.children[i], row.steps);
      });
      this.part("orders-empty").hidden = rows.length > 0;
    }

    /** The steps of an order as a line of marks; to those who cannot see it the row says them in words. */
    steps(node, steps) {
      const key = JSON.stringify(steps);
      let box = node.querySelector(".order-steps");
      if (!box) {
        box = Object.assign(document.createElement("ol"), { className: "order-steps" });
        box.setAttribute("aria-hidden", "true");
        node.append(box);
      }
      if (box.dataset.shows === key) return;
      box.dataset.shows = key;
      const last = steps.reduce((most, [, time], i) => (time ? i : most), 0);
      box.replaceChildren(
        ...steps.map(([label, time], i) => {
          const item = document.createElement("li");
          item.dataset.done = String(Boolean(time));
          item.dataset.now = String(i === last);
          item.append(
            Object.assign(document.createElement("span"), { textContent: label }),
            Object.assign(document.createElement("time"), { textContent: time || "–" }),
          );
          return item;
        }),
      );
    }

    buttons(node, order) {
      let box = node.querySelector(".order-buttons");
      if (!box) {
        box = document.createElement("span");
        box.className = "order-buttons";
        for (const action of ["reissue", "cancel"]) {
          const button = document.createElement("button");
          button.type = "button";
          button.className = "button small";
          button.dataset.do = action;
          button.dataset.order = order.id;
          button.textContent = this.say(`console.${action}`);
          box.append(button);
        }
        node.append(box);
      }
      const ended = ["declined", "done", "cancelled", "expired"].includes(order.status);
      const answered = Boolean(order.answered_at);
      box.children[0].hidden = ended || answered;
      box.children[1].hidden = ended;
    }

    tellSelection(incident, revision) {
      const key = `${incident}@${revision}`;
      if (key === this.told) return;
      const changed = incident !== this.told.split("@")[0];
      this.told = key;
      clearTimeout(this.later);
      // Another incident at once; another state of the same one when it has settled for a moment.
      this.later = setTimeout(() => this.tell("selection", { incident, revision }), changed ? 0 : 250);
    }
  }

  /** Show what came of a command: a line, and for ten seconds the way back. Called by a clientside callback. */
  muster.toast = function (result) {
    const toast = document.querySelector("[data-part='toast']");
    if (!toast || !result || !result.text) return;
    toast.querySelector(".toast-text").textContent = result.text;
    toast.dataset.ok = String(Boolean(result.ok));
    toast.dataset.undo = result.undo || "";
    toast.querySelector("[data-part='toast-undo']").hidden = !result.undo;
    toast.hidden = false;
    clearTimeout(muster.toast.timer);
    muster.toast.timer = setTimeout(() => (toast.hidden = true), result.undo ? 10_000 : 6_000);
    if (result.select) muster.select({ kind: "incident", id: result.select });
    if (result.close_report) {
      const box = document.querySelector("[data-part='report']");
      if (box) box.hidden = true;
    }
  };

  if (root.document) {
    let shown = null;
    const register = () =>
      muster.shell.screen("console", {
        mount(page) {
          shown = new Console(page);
          shown.start();
        },
        unmount() {
          if (shown) shown.stop();
          shown = null;
        },
      });
    // Assets load by name, and this one comes before shell.js.
    if (muster.shell) register();
    else root.document.addEventListener("DOMContentLoaded", register);
  }
})(typeof window === "undefined" ? globalThis : window);
