/* Shell: what every screen shares. Theme, scale, kiosk, keys, link state, clock; and it wakes the screen
   that the page shows. A screen registers itself: muster.shell.screen("wall", {mount(root), unmount()}). */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const screens = new Map();
  let shown = null;

  // --- settings: the address wins over what this device remembers -------------------------------------

  const KEPT = "muster.shell";

  /** Read the settings of a page from its query string and from what was kept: pure. */
  function settings(search, kept) {
    const q = new URLSearchParams(search);
    const scale = Number(q.get("scale"));
    const theme = q.get("theme") || (kept && kept.theme);
    const preset = Number(q.get("preset"));
    return {
      scale: scale >= 0.5 && scale <= 4 ? scale : 1,
      theme: theme === "light" ? "light" : "dark",
      kiosk: q.has("kiosk") && q.get("kiosk") !== "0",
      keys: q.get("keys") ? q.get("keys") !== "0" : !(kept && kept.keys === false),
      preset: preset >= 1 && preset <= 6 ? preset : 1,
    };
  }

  function recall() {
    try {
      return JSON.parse(root.localStorage.getItem(KEPT)) || {};
    } catch {
      return {};
    }
  }

  function keep(change) {
    try {
      root.localStorage.setItem(KEPT, JSON.stringify({ ...recall(), ...change }));
    } catch {
      // A browser without storage forgets; nothing else depends on it.
    }
  }

  let now = null;

  function apply() {
    const html = document.documentElement;
    html.setAttribute("data-mantine-color-scheme", now.theme);
    html.classList.toggle("kiosk", now.kiosk);
    html.style.setProperty("--ws", String(now.scale));
    for (const tell of changed) tell(now);
  }

  const changed = new Set();

  function change(part) {
    now = { ...now, ...part };
    apply();
  }

  // --- keys ---------------------------------------------------------------------------------------------

  const GO = { w: "/wall", c: "/console" };

  /** Name what a key press asks for, or null: pure. `pending` is "g" after a g. */
  function intent(event, pending, enabled) {
    if (event.ctrlKey || event.metaKey || event.altKey) return null;
    if (event.typing) return null;
    if (event.key === "Escape") return { name: "close" };
    if (event.key === "?") return { name: "help" };
    if (!enabled) return null;
    if (pending === "g") return GO[event.key] ? { name: "go", to: GO[event.key] } : null;
    if (event.key === "g") return { name: "prefix" };
    if (event.key === "f") return { name: "fullscreen" };
    if (event.key === "k") return { name: "kiosk" };
    if (event.key === "t") return { name: "theme" };
    if (/^[1-6]$/.test(event.key)) return { name: "preset", n: Number(event.key) };
    return null;
  }

  let pending = "";
  let pendingTimer = 0;

  function isTyping(target) {
    return Boolean(target && target.closest && target.closest("input, textarea, select, [contenteditable='true']"));
  }

  function onKey(e) {
    const wanted = intent({ key: e.key, ctrlKey: e.ctrlKey, metaKey: e.metaKey, altKey: e.altKey, typing: isTyping(e.target) }, pending, now.keys);
    pending = "";
    clearTimeout(pendingTimer);
    if (!wanted) return;
    if (wanted.name === "prefix") {
      pending = "g";
      pendingTimer = setTimeout(() => (pending = ""), 1500);
    } else if (wanted.name === "go") root.location.assign(wanted.to);
    else if (wanted.name === "close") closeSheet();
    else if (wanted.name === "help") toggleSheet();
    else if (wanted.name === "fullscreen") toggleFullscreen();
    else if (wanted.name === "kiosk") change({ kiosk: !now.kiosk });
    else if (wanted.name === "theme") toggleTheme();
    else if (wanted.name === "preset") change({ preset: wanted.n });
  }

  function toggleTheme() {
    change({ theme: now.theme === "dark" ? "light" : "dark" });
    keep({ theme: now.theme });
  }

  function toggleFullscreen() {
    const done = document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen();
    if (done && done.catch) done.catch(() => {}); // The browser may refuse; the page stays as it is.
  }

  function closeSheet() {
    const sheet = document.getElementById("key-sheet");
    if (sheet && sheet.open) sheet.close();
  }

  function toggleSheet() {
    const sheet = document.getElementById("key-sheet") || makeSheet();
    if (sheet.open) sheet.close();
    else if (sheet.showModal) {
      drawSheet(sheet);
      sheet.showModal();
    }
  }

  function makeSheet() {
    const sheet = document.createElement("dialog");
    sheet.id = "key-sheet";
    sheet.className = "sheet";
    document.body.append(sheet);
    return sheet;
  }

  const SHEET = [["?", "help"], ["f", "fullscreen"], ["k", "kiosk"], ["t", "theme"], ["1…6", "presets"], ["g w", "go_wall"], ["g c", "go_console"], ["Esc", "escape"]];
  const WALL_ONLY = new Set(["kiosk", "presets"]);
  const own = []; // what the screen that is shown adds: {title, rows: [[key, text key] …]}

  /** Add a screen's own keys to the sheet, under a title; returns a function that takes them away. */
  function sheet(title, rows) {
    const part = { title, rows };
    own.push(part);
    return () => own.splice(own.indexOf(part), 1);
  }

  /** The parts of the sheet on a screen: [{title, rows: [[key, text key] …]} …], the screen's own first: pure. */
  function sheetParts(screenName, added) {
    const shared = SHEET.filter(([, name]) => screenName === "wall" || !WALL_ONLY.has(name)).map(([key, name]) => [key, `keys.${name}`]);
    return [...added, { title: "keys.title", rows: shared }];
  }

  function drawSheet(sheet) {
    const say = (key) => muster.words.say(texts(), key);
    const parts = [];
    for (const { title, rows } of sheetParts(shown ? shown.node.dataset.screen : "", own)) {
      parts.push(Object.assign(document.createElement("h2"), { textContent: say(title) }));
      const list = document.createElement("dl");
      for (const [key, name] of rows) {
        const term = document.createElement("dt");
        for (const part of key.split(" ")) term.append(part === "/" ? part : Object.assign(document.createElement("kbd"), { textContent: part }), " ");
        list.append(term, Object.assign(document.createElement("dd"), { textContent: say(name) }));
      }
      parts.push(list);
    }
    const foot = document.createElement("div");
    foot.className = "sheet-foot";
    const single = document.createElement("button");
    single.className = "button";
    const label = () => (single.textContent = `${say("keys.single")}: ${say(now.keys ? "keys.on" : "keys.off")}`);
    label();
    single.addEventListener("click", () => {
      change({ keys: !now.keys });
      keep({ keys: now.keys });
      label();
    });
    const close = document.createElement("button");
    close.className = "button";
    close.textContent = say("ui.close");
    close.addEventListener("click", () => sheet.close());
    foot.append(single, close);
    sheet.setAttribute("aria-label", say("keys.title"));
    sheet.replaceChildren(...parts, foot);
  }

  // --- the page's texts ------------------------------------------------------------------------------------

  let read = { node: null, texts: {} };

  /** The catalogue of the screen that is shown, from its data-texts attribute. */
  function texts() {
    const node = document.querySelector("[data-texts]");
    if (node && node !== read.node) read = { node, texts: JSON.parse(node.dataset.texts) };
    return read.texts;
  }

  /** Say a text of the page by its key. */
  muster.text = (key, params) => muster.words.say(texts(), key, params);

  // --- link and clock ----------------------------------------------------------------------------------------

  /** Say the link: {state, tag, glyph, banner}; `link` is what muster.live.state() tells, times in ms: pure. */
  function linkView(link, say) {
    const { timer, clock } = muster.words;
    const state = link.state;
    if (link.ended === "session" || link.ended === "scope") {
      const sentence = say(`link.ended_${link.ended}`);
      return { state: "lost", tag: sentence, glyph: "state-lost", banner: sentence };
    }
    if (state === "live") return { state, tag: say("link.live"), glyph: "state-live", banner: "" };
    if (state === "connecting" && link.silent_ms < 5000) return { state: "connecting", tag: say("link.connecting"), glyph: "state-unknown", banner: "" };
    const age = timer(link.silent_ms);
    const retry = link.retry_in_ms === null || link.retry_in_ms === undefined ? "" : link.retry_in_ms > 0 ? say("link.retry", { seconds: Math.ceil(link.retry_in_ms / 1000) }) : say("link.retry_now");
    if (!link.data_at) return { state: "lost", tag: [say("link.lost", { age }), retry].filter(Boolean).join(" · "), glyph: "state-lost", banner: say("link.banner_never", { age }) };
    const word = state === "late" ? "late" : "lost";
    return {
      state: word,
      tag: [say(`link.${word}`, { age: word === "late" ? muster.words.span(link.silent_ms) : age }), retry].filter(Boolean).join(" · "),
      glyph: `state-${word}`,
      banner: say(`link.banner_${word}`, { age, data_time: clock(link.data_at) }),
    };
  }

  const part = (name) => document.querySelector(`[data-part="${name}"]`);

  function show(name, text) {
    const node = part(name);
    if (node) muster.rows.setText(node, text);
  }

  /** Draw link state, banner, date and clock into the title bar; called each second and on every change of the link. */
  function drawLink(link, serverNow) {
    const all = texts();
    const say = (key, params) => muster.words.say(all, key, params);
    const view = linkView(link, say);
    const html = document.documentElement;
    if (html.dataset.link !== view.state) html.dataset.link = view.state;
    show("link-text", view.tag);
    const glyph = part("link-glyph");
    if (glyph) muster.rows.setGlyph(glyph, view.glyph);
    const banner = part("link-banner");
    if (banner) {
      if (banner.hidden !== !view.banner) banner.hidden = !view.banner;
      muster.rows.setText(banner, view.banner);
    }
    const trusted = view.state === "live";
    const at = trusted ? serverNow : Date.now();
    show("date", muster.words.date(all, at));
    show("clock", muster.words.clock(at));
    show("clock-note", trusted ? "" : say("link.local_time"));
  }

  /** Draw mode, level, elapsed time and the marks DEMO and drill; `level` is wallView.level(…). */
  function drawLevel(level, demo) {
    const html = document.documentElement;
    const mode = level.wartime ? "wartime" : "peace";
    if (html.dataset.mode !== mode) html.dataset.mode = mode;
    show("mode", level.mode);
    show("level-text", level.level);
    const glyph = part("level-glyph");
    if (glyph) muster.rows.setGlyph(glyph, level.glyph);
    const badge = part("level");
    if (badge) badge.hidden = !level.level;
    show("elapsed", level.proposed ? `${level.elapsed} ${level.proposed}`.trim() : level.elapsed);
    const say = (key) => muster.words.say(texts(), key);
    show("drill", level.drill ? say("ui.drill") : "");
    show("demo", demo ? say("ui.demo") : "");
  }

  // --- screens come and go with Dash's routing -----------------------------------------------------------------

  /** Register a screen by the name in its data-screen attribute. */
  function screen(name, life) {
    screens.set(name, life);
    look();
  }

  function look() {
    if (!now) return;
    const node = document.querySelector("[data-screen]");
    if (node === (shown && shown.node)) return;
    if (shown) shown.life.unmount();
    shown = null;
    const html = document.documentElement;
    html.classList.toggle("wall", Boolean(node) && node.dataset.screen === "wall");
    if (!node) return;
    html.lang = node.dataset.lang || "zh-CN";
    if (node.dataset.title) document.title = node.dataset.title;
    const life = screens.get(node.dataset.screen);
    if (!life) return;
    shown = { node, life };
    life.mount(node);
  }

  let looking = false;

  function watch() {
    new MutationObserver(() => {
      if (looking) return;
      looking = true;
      queueMicrotask(() => {
        looking = false;
        look();
        muster.svg.fill(document.body);
      });
    }).observe(document.body, { childList: true, subtree: true });
    // All rings start with the document's clock, so they flash in phase.
    document.addEventListener("animationstart", (e) => {
      if (e.animationName !== "muster-ring") return;
      for (const animation of e.target.getAnimations()) animation.startTime = 0;
    });
    document.addEventListener("keydown", onKey);
    document.addEventListener("click", (e) => {
      const tool = e.target.closest && e.target.closest("[data-tool]");
      if (!tool) return;
      if (tool.dataset.tool === "help") toggleSheet();
      else if (tool.dataset.tool === "theme") toggleTheme();
    });
    look();
    muster.svg.fill(document.body);
  }

  /** Hear of changed settings (theme, scale, kiosk, preset); returns a function that stops it. */
  function onSettings(tell) {
    changed.add(tell);
    return () => changed.delete(tell);
  }

  muster.shell = { screen, sheet, sheetParts, settings, intent, linkView, texts, drawLink, drawLevel, onSettings, current: () => now };

  if (root.document && root.document.documentElement) {
    now = settings(root.location.search, recall());
    if (/^\/wall\/?$/.test(root.location.pathname)) document.documentElement.classList.add("wall");
    apply();
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", watch);
    else watch();
  }
})(typeof window === "undefined" ? globalThis : window);
