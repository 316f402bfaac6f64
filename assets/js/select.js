/* One selection for the whole page: {kind, id} or null. Lists, map and detail follow it both ways.
   A listener gets the new selection and the old one; selecting the same thing again tells nobody. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});
  const listeners = new Set();
  let current = null;

  const same = (a, b) => a === b || (!!a && !!b && a.kind === b.kind && a.id === b.id);

  /** Select a thing, or nothing with null. `by` names who did it, so that a listener can ignore its own doing. */
  muster.select = function (what, by) {
    const next = what && what.kind && what.id != null ? { kind: what.kind, id: String(what.id) } : null;
    if (same(next, current)) return;
    const before = current;
    current = next;
    for (const tell of [...listeners]) {
      try {
        tell(next, before, by);
      } catch (error) {
        console.error("selection listener", error);
      }
    }
  };

  /** Return what is selected, or null. */
  muster.selected = () => current;

  /** Hear of every change; returns a function that stops it. */
  muster.onSelect = function (tell) {
    listeners.add(tell);
    return () => listeners.delete(tell);
  };
})(typeof window === "undefined" ? globalThis : window);
