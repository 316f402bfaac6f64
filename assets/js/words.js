/* Words: what the screens say. Pure: texts and numbers in, strings out.
   `texts` is the flat catalogue of the page's language (dashboard/i18n), ages and instants are in ms,
   clock times are those of the centre (UTC+8, no summer time). */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const ZONE_MS = 8 * 3600 * 1000;
  const DASH = "—";

  const two = (n) => String(n).padStart(2, "0");
  const local = (at) => new Date(at + ZONE_MS);

  /** Say a text by key; a parameter nobody gave reads "—". */
  function say(texts, key, params) {
    const sentence = texts[key];
    if (sentence === undefined) return key;
    return sentence.replace(/\{(\w+)\}/g, (_, name) => {
      const value = params && params[name];
      return value === undefined || value === null || value === "" ? DASH : String(value);
    });
  }

  /** Say a text when the catalogue has it, else the fallback. */
  const sayOr = (texts, key, fallback) => (texts[key] === undefined ? fallback : texts[key]);

  /** mm:ss up to 59:59, then h:mm, from two days on in days. */
  function timer(ms, texts) {
    if (ms === null || ms === undefined || Number.isNaN(ms)) return DASH;
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s < 3600) return `${two(Math.floor(s / 60))}:${two(s % 60)}`;
    if (s < 2 * 86400 || !texts) return `${Math.floor(s / 3600)}:${two(Math.floor(s / 60) % 60)}`;
    return say(texts, "time.days", { n: Math.floor(s / 86400) });
  }

  /** hh:mm:ss, for a mode that runs for hours. */
  function stopwatch(ms) {
    const s = Math.max(0, Math.floor(ms / 1000));
    return `${two(Math.floor(s / 3600))}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}`;
  }

  /** "6 s 前", "3 min 前": an age beside a value. */
  function ago(texts, ms) {
    if (ms === null || ms === undefined || Number.isNaN(ms)) return DASH;
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s < 60) return say(texts, "time.ago_s", { n: s });
    if (s < 3600) return say(texts, "time.ago_min", { n: Math.floor(s / 60) });
    if (s < 86400) return say(texts, "time.ago_h", { n: Math.floor(s / 3600) });
    return say(texts, "time.ago_d", { n: Math.floor(s / 86400) });
  }

  /** "6 s", "3 min", "2 h": an age in a line of many. */
  function span(ms) {
    if (ms === null || ms === undefined || Number.isNaN(ms)) return DASH;
    const s = Math.max(0, Math.floor(ms / 1000));
    if (s < 60) return `${s} s`;
    if (s < 3600) return `${Math.floor(s / 60)} min`;
    return s < 86400 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86400)} d`;
  }

  /** 14:32:07 of the centre. */
  function clock(at) {
    const d = local(at);
    return `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}:${two(d.getUTCSeconds())}`;
  }

  /** 14:32 of the centre. */
  const minute = (at) => clock(at).slice(0, 5);

  /** Hour of the day at the centre, 0 to 23. */
  const hour = (at) => local(at).getUTCHours();

  /** 2026-11-22 周日, Sun 22 Nov 2026. */
  function date(texts, at) {
    const d = local(at);
    return say(texts, "time.date", {
      y: d.getUTCFullYear(),
      m: two(d.getUTCMonth() + 1),
      d: two(d.getUTCDate()),
      weekday: sayOr(texts, "time.weekdays", "").split(" ")[d.getUTCDay()],
      month: sayOr(texts, "time.months", "").split(" ")[d.getUTCMonth()],
    });
  }

  /** 2 981 stays 2981; from five digits on a thin space groups: 12 345. */
  function count(n) {
    if (n === null || n === undefined || Number.isNaN(n)) return DASH;
    const s = String(Math.round(n));
    return s.length < 5 ? s : s.replace(/\B(?=(\d{3})+$)/g, "\u2009");
  }

  muster.words = { DASH, say, sayOr, timer, stopwatch, ago, span, clock, minute, hour, date, count };
})(typeof window === "undefined" ? globalThis : window);
