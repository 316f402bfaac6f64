"""One unit that could be sent: name, travel time, age of its position, and why it stands where it stands."""

from collections.abc import Collection

from dash import html
from dash.development.base_component import Component

from dashboard.i18n import text
from dashboard.projections.recommend import Candidate


def age_text(seconds: float, lang: str) -> str:
    """Say an age: seconds below a minute, then minutes, then hours."""
    s = int(seconds)
    if s < 60:
        return text("time.ago_s", lang, n=s)
    return text("time.ago_min", lang, n=s // 60) if s < 3600 else text("time.ago_h", lang, n=s // 3600)


def candidate(
    one: Candidate, names: dict[str, str], lang: str, *, incident_id: str, chosen: bool, refused: bool = False
) -> html.Button:
    """Draw the line of one candidate for an incident (``refused``: it has declined); console.js lets one be chosen."""
    facts = []
    if one.eta_s is not None:
        facts.append(text("console.minutes", lang, n=max(1, round(one.eta_s / 60))))
    if one.distance_m is not None:
        facts.append(text("console.distance", lang, km=f"{one.distance_m / 1000:.1f}"))
    reasons = [
        text(key, lang, **{**params, "capabilities": _named(params.get("capabilities", ""), names, lang)})
        for key, params in one.why
        if key != "why.eta"
    ]
    if refused:
        reasons.insert(0, text("console.has_declined", lang))
    if one.orders:
        reasons.append(text("console.busy_with", lang, n=one.orders))
    if one.fix_age_s is not None and one.group != "stale":
        reasons.append(text("console.position_age", lang, age=age_text(one.fix_age_s, lang)))
    return html.Button(
        [
            html.B(one.name, className="one-line"),
            html.Span(" · ".join(facts), className="candidate-facts"),
            html.Small(" · ".join([names.get(f"unit_kind.{one.kind}", one.kind), *reasons])),
        ],
        type="button",
        role="radio",
        className=f"candidate candidate-{one.group}",
        tabIndex=0 if chosen else -1,
        **{
            "data-unit": one.unit_id,
            "data-incident": incident_id,
            "aria-checked": "true" if chosen else "false",
        },
    )


def heading(one: Candidate, *, refused: bool = False) -> str:
    """Return the text key of the line above units like this one; '' for those that can go and fit."""
    if refused:
        return "console.has_declined"
    if one.group != "ready":
        return f"console.group_{one.group}"
    return "why.no_capability" if any(key == "why.no_capability" for key, _ in one.why) else ""


def candidate_list(
    ranked: list[Candidate],
    names: dict[str, str],
    lang: str,
    *,
    incident_id: str,
    chosen: str | None,
    refused: Collection[str] = (),
) -> list[Component]:
    """Draw the candidates in their order, and above each group that is not as good as the one before why it is not."""
    rows: list[Component] = []
    above = ""
    for one in ranked:
        key = heading(one, refused=one.unit_id in refused)
        if key != above:
            rows.append(html.P(text(key or "console.group_ready", lang), className="candidate-heading"))
            above = key
        rows.append(
            candidate(
                one, names, lang, incident_id=incident_id, chosen=one.unit_id == chosen, refused=one.unit_id in refused
            )
        )
    return rows


def _named(codes: object, names: dict[str, str], lang: str) -> str:
    return text("page.listing", lang).join(
        names.get(f"capability.{code}", code) for code in str(codes).split(",") if code
    )
