/* The phone of a unit leader: the page around core.js.  One socket, one task, the next step as the one big button. */
(function (ns) {
  "use strict";
  const p = ns.phone;
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("phone-data").textContent);
  const STORE = `muster.phone.${data.unit.id}`;
  const t = (key, params = {}) =>
    (data.texts[key] ?? key).replace(/\{(\w+)(?::[^}]*)?\}/g, (_, name) => params[name] ?? "—");

  const AGAIN_MS = 5_000;

  let state = restore();
  let socket = null;
  let attempts = 0;
  let retryAt = 0;
  let retry = 0;
  let heard = -Infinity;
  let offset = 0; // server clock minus ours, ms
  let duty = p.onDuty(state, data.unit.on_duty);
  let me = null; // {lat, lon, at, sent}
  let located = "";
  let watchId = null;
  let wake = null;
  let saidAt = 0;
  const alerted = new Set();

  // --- what is kept on the device: only this unit's task and what was done, no personal data --------------------

  function restore() {
    try {
      return { ...p.empty(), ...JSON.parse(localStorage.getItem(STORE) || "{}"), notices: [] };
    } catch {
      return p.empty();
    }
  }

  function set(next) {
    state = next;
    try {
      localStorage.setItem(STORE, JSON.stringify({ tasks: state.tasks, queue: state.queue }));
    } catch {
      /* a full or forbidden store: the page still works while it stays open */
    }
    draw();
  }

  const now = () => Date.now() + offset;

  // --- the line to the centre ---------------------------------------------------------------------------------

  function connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    socket = new WebSocket(`${scheme}://${location.host}/terminal`);
    socket.onmessage = (message) => {
      heard = performance.now();
      receive(JSON.parse(message.data));
    };
    socket.onopen = () => {
      heard = performance.now();
      told.clear(); // what was said on the old line may not have arrived; the ids make saying it again harmless
      unheard.clear();
      again();
      sendPosition(true);
    };
    socket.onclose = (event) => {
      socket = null;
      if (event.code === 4401) return location.assign("/unit"); // the device was unpaired: the door says so
      const wait = p.backoff(attempts++, Math.random());
      retryAt = performance.now() + wait;
      retry = setTimeout(connect, wait);
      draw();
    };
  }

  /** The device has found its network again: try now instead of later. */
  function hurry() {
    if (socket) return;
    clearTimeout(retry);
    attempts = 0;
    connect();
  }

  const online = () => socket !== null && socket.readyState === 1 && performance.now() - heard < 12_000;

  function send(message) {
    if (socket && socket.readyState === 1) socket.send(JSON.stringify(message));
  }

  const framed = (action) => ({ t: "receipt", unit_id: data.unit.id, ...action });

  /** Say once more, in order, what the centre has not confirmed: while it cannot keep a thing it does not answer. */
  function again() {
    saidAt = performance.now();
    for (const frame of unheard.values()) send(frame);
    for (const action of state.queue) send(framed(action));
  }

  function receive(m) {
    if (m.now) offset = Math.abs(m.now - Date.now()) > 2000 ? m.now - Date.now() : 0;
    if (m.t === "tasks") {
      attempts = 0;
      set(p.takeTasks(state, m.orders));
      m.orders.forEach(arrived);
    } else if (m.t === "order") {
      set(p.takeOrder(state, m.order));
      arrived(m.order);
    } else if (m.t === "cancel") {
      set(p.takeCancel(state, m.order_id));
      ring();
    } else if (m.t === "ok") {
      unheard.delete(m.event_id);
      set(p.confirmed(state, m.event_id));
    } else if (m.t === "refused") {
      unheard.delete(m.event_id);
      const action = state.queue.find((a) => a.event_id === m.event_id);
      if (action && action.t === "status") duty = !action.on_duty;
      set(p.refused(state, m.event_id, m.text));
    }
  }

  /** The device has it: say so at once, and say "read" when a person can see it. */
  function arrived(order) {
    if (["queued", "sending", "sent"].includes(order.status)) quiet(order.order_id, "delivered");
    if (p.UNANSWERED.has(order.status) && !alerted.has(order.order_id)) {
      alerted.add(order.order_id);
      ring();
    }
    seen();
  }

  function seen() {
    const { task } = p.current(state);
    if (task && document.visibilityState === "visible" && ["queued", "sending", "sent", "delivered"].includes(task.status)) {
      quiet(task.order_id, "read");
    }
  }

  const told = new Set();
  const unheard = new Map(); // event_id -> what the device itself said and the centre has not confirmed
  function quiet(orderId, receipt) {
    const key = `${orderId}:${receipt}`;
    if (told.has(key) || !online()) return;
    told.add(key);
    const frame = framed({ order_id: orderId, receipt, device_at: Math.round(now()), event_id: `${key}:${data.unit.id}` });
    unheard.set(frame.event_id, frame);
    saidAt = performance.now();
    send(frame);
  }

  // --- what the person does ---------------------------------------------------------------------------------------

  function act(receipt, reason) {
    const { task } = p.current(state);
    if (!task) return;
    const action = {
      event_id: `${task.order_id}:${receipt}:${data.unit.id}`,
      order_id: task.order_id,
      receipt,
      device_at: Math.round(now()),
      ...(reason ? { reason } : {}),
    };
    queue(action);
    if (navigator.vibrate) navigator.vibrate(40);
    watchPosition();
  }

  function queue(action) {
    const before = state.queue.length;
    set(p.act(state, action));
    if (state.queue.length === before) return;
    saidAt = performance.now();
    send(framed(action));
  }

  function setDuty(on) {
    const at = Math.round(now());
    duty = on;
    queue({ t: "status", event_id: `duty:${data.unit.id}:${at}`, on_duty: on, occurred_at: at });
    unlockSound();
    if (on) watchPosition();
    else stopPosition();
    draw();
  }

  // --- sound, vibration, light ------------------------------------------------------------------------------------

  let audio = null;
  function unlockSound() {
    audio ??= new (window.AudioContext || window.webkitAudioContext)();
    audio.resume();
    if (navigator.wakeLock && !wake) navigator.wakeLock.request("screen").then((lock) => {
      wake = lock;
      lock.onrelease = () => (wake = null);
    }, () => {});
  }

  /** Browsers let a page sound and vibrate only once somebody has touched it. */
  const touched = () => (navigator.userActivation ? navigator.userActivation.hasBeenActive : audio !== null);

  function ring() {
    if (navigator.vibrate && touched()) navigator.vibrate([400, 200, 400, 200, 400]);
    if (!audio) return;
    for (const [i, hertz] of [880, 1175, 880].entries()) {
      const tone = audio.createOscillator();
      const volume = audio.createGain();
      tone.frequency.value = hertz;
      volume.gain.value = 0.25;
      tone.connect(volume).connect(audio.destination);
      tone.start(audio.currentTime + i * 0.25);
      tone.stop(audio.currentTime + i * 0.25 + 0.2);
    }
  }

  // --- own position, on duty only -----------------------------------------------------------------------------------

  function watchPosition() {
    if (!duty || watchId !== null) return;
    if (!window.isSecureContext) return (located = "insecure");
    if (!navigator.geolocation) return (located = "none");
    watchId = navigator.geolocation.watchPosition(
      (g) => {
        located = "";
        me = {
          lat: g.coords.latitude, lon: g.coords.longitude, at: Math.round(g.timestamp + offset), accuracy: g.coords.accuracy,
          speed: g.coords.speed, heading: g.coords.heading, sent: me ? me.sent : 0,
        };
        sendPosition(false);
        draw();
      },
      () => {
        located = "denied";
        draw();
      },
      { enableHighAccuracy: true, maximumAge: 5000 },
    );
  }

  function stopPosition() {
    if (watchId !== null) navigator.geolocation.clearWatch(watchId);
    watchId = null;
    me = null;
  }

  function sendPosition(force) {
    if (!duty || !me || !online()) return;
    const every = p.current(state).task ? 10_000 : 60_000;
    if (!force && now() - me.sent < every - 500) return;
    const { lat, lon, at, accuracy, speed, heading } = me;
    const fix = { unit_id: data.unit.id, lat, lon, at, accuracy };
    if (speed !== null && speed >= 0) fix.speed = speed;
    if (heading !== null && !Number.isNaN(heading)) fix.heading = heading;
    send({ t: "position", ...fix });
    me.sent = now();
  }

  // --- drawing ----------------------------------------------------------------------------------------------------------

  /** 14:31:19 at the centre (UTC+8), whatever the phone's own zone is. */
  const centreTime = (at) => new Date(at + 8 * 3_600_000).toISOString().slice(11, 19);

  const SEV = {
    1: '<polygon points="16,2 36,2 50,16 50,36 36,50 16,50 2,36 2,16" fill="var(--sev1-fill)" stroke="var(--glyph-ring)" stroke-width="3"/>',
    2: '<polygon points="26,3 50,47 2,47" fill="var(--sev2-fill)" stroke="var(--glyph-line)" stroke-width="2"/>',
    3: '<polygon points="26,2 50,26 26,50 2,26" fill="var(--sev3-fill)" stroke="var(--glyph-line)" stroke-width="2"/>',
    4: '<circle cx="26" cy="26" r="21" fill="none" stroke="var(--sev4-fill)" stroke-width="5"/>',
  };

  /** Shape and digit of a severity in a box of 52 × 52. */
  function shape(sev) {
    const y = sev === 2 ? 42 : 36;
    const ink = sev === 4 ? "var(--t1)" : "var(--on-fill)";
    return `${SEV[sev] || SEV[4]}<text class="digit" x="26" y="${y}" text-anchor="middle" font-size="27" font-weight="700" style="fill:${ink}">${sev}</text>`;
  }

  const glyph = (sev) => `<svg viewBox="0 0 52 52" aria-hidden="true">${shape(sev)}</svg>`;

  const text = (id, value) => {
    const node = $(id);
    if (node.textContent !== value) node.textContent = value;
  };
  const show = (id, on) => ($(id).hidden = !on);

  function draw() {
    drawLink();
    drawNotices();
    const { task, others } = p.current(state);
    show("idle", !task);
    show("duty", !task);
    show("task", Boolean(task));
    show("actions", Boolean(task));
    show("others", others > 0);
    text("others", t("phone.others", { n: others }));
    const warning = !touched() ? "silent" : !window.isSecureContext ? "insecure" : located;
    show("warn", duty && Boolean(warning));
    if (warning) text("warn", t(`phone.warn_${warning}`));
    if (task) drawTask(task);
    else drawIdle();
  }

  const age = (s) => (s < 60 ? `${s} s` : `${Math.floor(s / 60)} min`);

  function drawLink() {
    const link = $("link");
    const up = online();
    link.dataset.state = up ? "on" : "off";
    const waiting = state.queue.length;
    let line = up ? `● ${t("phone.online")}` : `✕ ${t("phone.offline")}`;
    if (waiting) line += ` · ${t("phone.waiting", { n: waiting })}`;
    else if (!up && retryAt > performance.now()) line += ` · ${t("phone.retry", { s: Math.ceil((retryAt - performance.now()) / 1000) })}`;
    else if (up && me) line += ` · ${t("phone.position_age", { age: age(Math.max(0, Math.round((now() - me.at) / 1000))) })}`;
    text("link", line);
  }

  let drawn = "";
  function drawNotices() {
    const key = JSON.stringify(state.notices);
    if (key === drawn) return;
    drawn = key;
    $("notices").replaceChildren(
      ...state.notices.map((notice, i) => {
        const box = document.createElement("div");
        box.className = "notice";
        const line = document.createElement("p");
        line.textContent = t(`phone.notice_${notice.kind}`, notice);
        const close = document.createElement("button");
        close.className = "quiet";
        close.textContent = "✕";
        close.setAttribute("aria-label", t("phone.dismiss"));
        close.onclick = () => set({ ...state, notices: state.notices.filter((_, k) => k !== i) });
        box.append(line, close);
        return box;
      }),
    );
  }

  function drawIdle() {
    text("idle-line", t(duty ? "phone.standby" : "phone.off_duty"));
    text("idle-sub", t(duty ? "phone.standby_sub" : "phone.off_duty_sub"));
    text("duty", t(duty ? "phone.end_duty" : "phone.start_duty"));
    $("duty").className = duty ? "primary calm" : "primary"; // going off duty is not what a thumb should find first
  }

  function drawTask(task) {
    const shape = $("sev");
    if (shape.dataset.sev !== String(task.sev)) {
      shape.dataset.sev = task.sev;
      shape.innerHTML = glyph(task.sev);
      shape.setAttribute("aria-label", t("phone.severity", { n: task.sev }));
    }
    text("title", task.title + (task.drill ? ` · ${t("phone.drill")}` : ""));
    text("number", `${t("phone.order")} #${task.number} · ${centreTime(task.queued_at)}`.trim());
    text("text", task.text);
    text("by", task.by_name || "—");
    drawLimit(task);
    const to = task.place;
    const way = to && me ? p.bearing(me, to) : null;
    const metres = way ? (way.metres < 1000 ? `${Math.round(way.metres / 10) * 10}\u00a0m` : `${(way.metres / 1000).toFixed(1)}\u00a0km`) : "";
    const eta = task.eta_s ? t("phone.eta", { n: Math.max(1, Math.round(task.eta_s / 60)) }).replaceAll(" ", "\u00a0") : "";
    text("where", to ? [to.name || `${to.lat.toFixed(5)}, ${to.lon.toFixed(5)}`, metres, eta].filter(Boolean).join(" · ") : t("phone.no_place"));
    drawSteps(task.status);
    drawMap(to);
    const next = p.nextReceipt(task.status);
    show("next", next !== "done");
    show("slide", next === "done");
    text("next", t(`phone.do_${next}`));
    text("slide-label", t("phone.slide_done"));
    const go = $("navigate");
    go.setAttribute("aria-disabled", String(!to));
    go.href = to ? `geo:${to.lat},${to.lon}?q=${to.lat},${to.lon}(${encodeURIComponent(task.title)})` : "#";
    show("decline", ["queued", "accepted", "en_route"].includes(p.step(task.status)));
  }

  function drawLimit(task) {
    const left = p.secondsLeft(task, now());
    show("limit", left !== null);
    if (left === null) return;
    const label = left < 0 ? t("phone.overdue") : t("phone.answer_in");
    $("limit").dataset.over = left < 0 ? "1" : "0";
    $("limit").dataset.low = left < task.ack_limit_s / 4 ? "1" : "0";
    $("limit").replaceChildren(label, Object.assign(document.createElement("b"), { textContent: p.clock(left) }));
  }

  function drawSteps(status) {
    const at = p.STEPS.indexOf(p.step(status));
    $("steps").replaceChildren(
      ...p.STEPS.map((step, i) => {
        const item = document.createElement("li");
        item.textContent = t(`phone.step_${step}`);
        if (i <= at) item.dataset.done = "1";
        if (i === at) item.setAttribute("aria-current", "step");
        return item;
      }),
    );
  }

  function drawMap(target) {
    const box = $("map");
    const [w, h] = [box.clientWidth, box.clientHeight];
    const plan = target && h > 60 ? p.miniMap(me, target, w, h - 24) : null; // below it, the scale
    if (!plan) {
      box.innerHTML = h > 60 ? `<p class="none"></p>` : "";
      if (box.firstChild) box.firstChild.textContent = t("phone.no_place");
      return;
    }
    const { target: b, me: a, bar } = plan;
    const metres = bar.metres >= 1000 ? `${bar.metres / 1000} km` : `${bar.metres} m`;
    const route = a ? `<line x1="${a.x}" y1="${a.y}" x2="${b.x}" y2="${b.y}" stroke="var(--t2)" stroke-width="3" stroke-dasharray="2 8" stroke-linecap="round"/>` : "";
    const left = a && a.x > w - 60;
    const here = a ? `<circle cx="${a.x}" cy="${a.y}" r="11" fill="var(--acc)" stroke="var(--bg2)" stroke-width="4"/><text class="halo" x="${a.x + (left ? -18 : 18)}" y="${a.y + 6}" text-anchor="${left ? "end" : "start"}">${t("phone.me")}</text>` : "";
    const sev = p.current(state).task.sev;
    box.innerHTML = `<svg viewBox="0 0 ${w} ${h}">${route}${here}<g transform="translate(${b.x - 19},${b.y - 19}) scale(.73)">${shape(sev)}</g>
      <path d="M12 ${h - 14} v6 h${bar.px} v-6" fill="none" stroke="var(--t2)" stroke-width="2"/><text x="${16 + bar.px + 4}" y="${h - 8}">${metres}</text>
      <text x="${w - 26}" y="24">N</text><path d="M${w - 20} 30 v16 m-5 -10 l5 -6 l5 6" fill="none" stroke="var(--t2)" stroke-width="2"/></svg>`;
  }

  // --- wiring ---------------------------------------------------------------------------------------------------------

  $("next").onclick = () => act(p.nextReceipt(p.current(state).task.status));
  $("duty").onclick = () => setDuty(!duty);
  const slider = $("slide-input");
  const slid = () => $("slide").style.setProperty("--at", String(Number(slider.value) / 100));
  slider.oninput = slid;
  slider.onchange = () => {
    if (Number(slider.value) >= 90) act("done");
    slider.value = 0;
    slid();
  };
  slider.setAttribute("aria-labelledby", "slide-label");
  $("navigate").onclick = (event) => {
    if ($("navigate").getAttribute("aria-disabled") === "true") event.preventDefault();
  };
  $("decline").onclick = () => $("decline-dialog").showModal();
  $("decline-dialog").onclick = (event) => {
    const reason = event.target.dataset?.reason;
    if (reason === undefined) return;
    $("decline-dialog").close();
    if (reason) act("declined", reason);
  };
  $("theme").onclick = () => {
    const root = document.documentElement;
    root.dataset.mantineColorScheme = root.dataset.mantineColorScheme === "light" ? "dark" : "light";
  };
  document.addEventListener("visibilitychange", () => {
    seen();
    if (document.visibilityState === "visible" && audio) unlockSound();
  });
  addEventListener("online", hurry);
  addEventListener("offline", () => socket && socket.close()); // it would not come back to life, and the person should know
  addEventListener("pointerdown", () => duty && unlockSound(), { once: true });
  const hour = Number(centreTime(now()).slice(0, 2));
  document.documentElement.dataset.mantineColorScheme = hour >= 7 && hour < 18 ? "light" : "dark";
  state = p.takeTasks(state, data.tasks);
  state.notices = [];
  watchPosition();
  connect();
  draw();
  setInterval(draw, 500);
  setInterval(() => sendPosition(false), 1000);
  setInterval(() => {
    // A line that is open and says nothing is a dead line: the centre beats every 5 s.
    if (socket && socket.readyState === 1 && performance.now() - heard > 15_000) socket.close();
    if (online() && (unheard.size || state.queue.length) && performance.now() - saidAt > AGAIN_MS) again();
  }, 1000);
})((globalThis.muster ??= {}));
