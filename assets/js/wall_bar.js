/* What title bar and footer say: the response level that holds, and the age of every source. Pure. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const w = () => muster.words;
  const { values, card, bySort } = muster.told;
  const SEV_OF_LEVEL = { I: 1, II: 2, III: 3, IV: 4 };

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

  Object.assign((muster.wallView = muster.wallView || {}), { level, sourceRows, sourceState, skewText });
})(typeof window === "undefined" ? globalThis : window);
