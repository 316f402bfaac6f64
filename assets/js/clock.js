/* The server's clock, as far as this page can know it, and the age classes of data.
   Every message of the server says what time it is there; the one that travelled least is believed. Counted on the
   monotonic clock, so that setting the clock of this machine changes nothing but the skew that is shown. */
(function (ns) {
  "use strict";
  const WINDOW_MS = 30_000;

  /** Make a clock. `mono`: ms on a clock that only goes forward; `wall`: this machine's idea of now. */
  function makeClock({ mono = () => performance.now(), wall = () => Date.now() } = {}) {
    // The largest difference seen is that of the quickest message. Two windows, so that a drift is followed.
    let best = null, before = null, since = 0;
    const offset = () => (before === null ? best : best === null ? before : Math.max(best, before));
    return {
      /** Take the server's time out of a message that has just arrived. */
      sample(serverNow) {
        if (typeof serverNow !== "number" || !Number.isFinite(serverNow)) return;
        const t = mono(), difference = serverNow - t;
        if (best !== null && t - since >= WINDOW_MS) {
          before = best;
          best = null;
        }
        if (best === null) since = t;
        best = best === null ? difference : Math.max(best, difference);
      },
      /** Now, on the server's clock, in ms since 1970 UTC; this machine's own before the first message. */
      now() {
        const o = offset();
        return o === null ? wall() : Math.round(mono() + o);
      },
      /** How far this machine's clock is ahead of the server's, in ms; null when not known. */
      skew() {
        const o = offset();
        return o === null ? null : Math.round(wall() - (mono() + o));
      },
      /** Forget what was learnt (another server). */
      reset() {
        best = before = null;
      },
    };
  }

  const CLASSES = ["live", "late", "stale", "lost"];

  /** Limits in seconds of a source that promised to be heard of every `cadence_s` (as in dashboard/domain/source.py). */
  function limitsFor(cadence_s) {
    return { late: cadence_s * 2, stale: cadence_s * 6, lost: cadence_s * 12 };
  }

  /** Name the class of an age in seconds; an unknown age is lost. */
  function ageClass(age_s, { late, stale, lost }) {
    if (age_s === null || age_s === undefined || Number.isNaN(age_s) || age_s > lost) return "lost";
    if (age_s > stale) return "stale";
    return age_s > late ? "late" : "live";
  }

  /** A sum is as old as its worst part; nothing at all is lost. */
  function worst(classes) {
    return classes.length ? CLASSES[Math.max(...classes.map((c) => CLASSES.indexOf(c)))] : "lost";
  }

  ns.makeClock = makeClock;
  ns.clock = Object.assign(makeClock(), { ageClass, limitsFor, worst, CLASSES });
})((globalThis.muster ??= {}));
