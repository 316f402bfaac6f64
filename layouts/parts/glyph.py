"""A glyph of the sprite ``assets/icons/glyphs.svg``; svg.js puts the drawing into it."""

from dash import html


def glyph(name: str, label: str = "") -> html.Span:
    """Draw glyph ``name`` (``sev-1`` … ``unit-lost`` … ``card-red``); ``label`` names it for those who cannot see it."""
    attributes = {"data-glyph": name}
    attributes |= {"role": "img", "aria-label": label} if label else {"aria-hidden": "true"}
    return html.Span(className="glyph-box", **attributes)
