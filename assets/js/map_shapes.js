/* What stands on the map for a unit: shape by activity, outline by age. Shape says it, colour only repeats it.
   Pure tables and functions; the drawing ones take any 2D context. Outlines are in a 32-unit box around 0,0,
   the same as in assets/icons/glyphs.svg. */
(function (root) {
  "use strict";
  const muster = (root.muster = root.muster || {});

  // Order is painting order: what wants attention lies on top.
  const ACTIVITIES = ["off_duty", "out_of_service", "busy", "available", "on_scene", "accepted", "en_route", "awaiting"];
  const CODE = Object.fromEntries(ACTIVITIES.map((name, i) => [name, i]));
  const FIRST_TASKED = CODE.on_scene;
  const AGES = ["live", "late", "stale", "lost"];
  const LIVE = 0, LATE = 1, STALE = 2, LOST = 3;

  // Seconds after which a position is late, stale, lost; the page may bring its own from the profile.
  const LIMITS = { tasked: [30, 90, 300], idle: [180, 600, 900] };

  /** Return the age class (0 live, 1 late, 2 stale, 3 lost) of a position `age` ms old. */
  function ageClass(age, limits) {
    const s = age / 1000;
    return s > limits[2] ? LOST : s > limits[1] ? STALE : s > limits[0] ? LATE : LIVE;
  }

  const HEADINGS = 24;
  /** Return which of 24 pre-drawn arrows points `degrees` from north, or -1 when the heading is unknown. */
  function headingStep(degrees) {
    if (!(degrees >= 0) || degrees > 360) return -1;
    return Math.round((degrees * HEADINGS) / 360) % HEADINGS;
  }

  const ARROW = [[0, -13], [11, 12], [0, 6], [-11, 12]];
  function arrow(ctx) {
    ctx.beginPath();
    ARROW.forEach(([x, y], i) => (i ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
    ctx.closePath();
  }
  function circle(ctx, r) {
    ctx.beginPath();
    ctx.arc(0, 0, r, 0, Math.PI * 2);
  }
  function square(ctx, half) {
    ctx.beginPath();
    ctx.roundRect(-half, -half, 2 * half, 2 * half, 3);
  }
  function line(ctx, ...points) {
    ctx.beginPath();
    points.forEach(([x, y], i) => (i ? ctx.lineTo(x, y) : ctx.moveTo(x, y)));
  }

  /* One outline under a dark halo, so that a glyph stands clear of borders and other glyphs. */
  function stroke(ctx, ink, width, halo, dash) {
    ctx.setLineDash([]);
    if (halo) {
      ctx.strokeStyle = halo;
      ctx.lineWidth = width + 4;
      ctx.stroke();
    }
    ctx.setLineDash(dash || []);
    ctx.strokeStyle = ink;
    ctx.lineWidth = width;
    ctx.stroke();
    ctx.setLineDash([]);
  }
  function fill(ctx, ink, halo) {
    ctx.setLineDash([]);
    ctx.strokeStyle = halo;
    ctx.lineWidth = 4;
    ctx.stroke();
    ctx.fillStyle = ink;
    ctx.fill();
  }

  /** Draw one unit around 0,0 in a 32-unit box. `look`: {code, age, heading (radians or null)}; `ink`: colours by token. */
  function drawUnit(ctx, look, ink) {
    ctx.lineJoin = "round";
    ctx.lineCap = "butt";
    if (look.age === LOST) {
      circle(ctx, 13); // whole, not dashed: dashes around a cross would read as a mark of their own
      ctx.fillStyle = ink.bg0;
      ctx.fill();
      stroke(ctx, ink.t1, 2.4, ink.bg0);
      line(ctx, [-5.5, -5.5], [5.5, 5.5]);
      stroke(ctx, ink.t1, 3.8);
      line(ctx, [5.5, -5.5], [-5.5, 5.5]);
      stroke(ctx, ink.t1, 3.8);
      return;
    }
    const stale = look.age === STALE, tasked = look.code >= FIRST_TASKED;
    const dash = stale ? [4.2, 3.4] : null;
    const quiet = stale ? ink.t3 : ink.t2, busy = stale ? ink.t3 : ink.acc;
    ctx.save();
    if (stale && tasked) { // what it did, smaller and dimmed, in the dashed ring of a stale position
      circle(ctx, 14);
      stroke(ctx, ink.t3, 2.4, ink.bg0, dash);
      ctx.scale(0.66, 0.66);
    }
    switch (ACTIVITIES[look.code]) {
      case "available":
        circle(ctx, 10);
        stroke(ctx, stale ? ink.t3 : ink.idle, 3.6, ink.bg0, dash);
        break;
      case "busy":
        circle(ctx, 10);
        stroke(ctx, quiet, 3.2, ink.bg0, dash);
        circle(ctx, 4);
        ctx.fillStyle = quiet;
        ctx.fill();
        break;
      case "out_of_service":
        circle(ctx, 10.5);
        stroke(ctx, ink.t3, 2.8, ink.bg0, dash);
        line(ctx, [-7.4, 7.4], [7.4, -7.4]);
        stroke(ctx, ink.t3, 2.8);
        break;
      case "awaiting": // no answer yet: never filled, always dashed
        arrow(ctx);
        stroke(ctx, busy, 3, ink.bg0, [4.4, 2.8]);
        break;
      case "accepted": // the same arrow, drawn out; on the way it is filled and turns
        arrow(ctx);
        stroke(ctx, busy, 3, ink.bg0);
        break;
      case "en_route":
        if (look.heading === null) circle(ctx, 11);
        else {
          ctx.rotate(look.heading);
          arrow(ctx);
        }
        fill(ctx, busy, ink.bg0);
        break;
      case "on_scene":
        square(ctx, 12);
        fill(ctx, busy, ink.bg0);
        line(ctx, [-6.5, 0.5], [-1.8, 5.2], [6.8, -4.2]);
        stroke(ctx, ink.bg0, 3.8);
        break;
      default:
    }
    ctx.restore();
  }

  /* Side of the 32-unit box in CSS pixels: a tasked or lost unit is half as large again as an idle one. */
  const SIZE = { idle: 13, tasked: 22, stale: 26, lost: 23 };
  function sizeOf(code, age) {
    if (age === LOST) return SIZE.lost;
    if (code < FIRST_TASKED) return SIZE.idle;
    return age === STALE ? SIZE.stale : SIZE.tasked;
  }

  /** Return the number of one look among all looks: what a table of pre-drawn glyphs is indexed by. */
  function lookIndex(code, age, step) {
    return (code * 4 + age) * (HEADINGS + 1) + (step + 1);
  }
  const LOOKS = ACTIVITIES.length * 4 * (HEADINGS + 1);

  /** Radius in metres within which a unit may be by now: speed × age, at most 2 km. */
  function uncertaintyM(speed, age) {
    const mps = speed > 0 ? speed : 1.5; // standing or unknown: somebody may have walked off
    return Math.min(2000, (mps * Math.max(0, age)) / 1000);
  }

  muster.mapShapes = {
    ACTIVITIES, CODE, FIRST_TASKED, AGES, LIVE, LATE, STALE, LOST, LIMITS, HEADINGS, LOOKS,
    ageClass, headingStep, drawUnit, sizeOf, lookIndex, uncertaintyM,
  };
})(typeof window === "undefined" ? globalThis : window);
