"""The tokens of ``assets/css/00-tokens.css``, read for what is not CSS: Plotly figures and the contrast test.

The style sheet is the only place where a colour is written.
"""

import re
from functools import cache
from pathlib import Path

FILE = Path(__file__).resolve().parent.parent / "assets" / "css" / "00-tokens.css"
THEMES = ("dark", "light")
_BLOCK = re.compile(r"([^{}]+)\{([^{}]*)\}")
_TOKEN = re.compile(r"--([\w-]+):\s*([^;]+);")


@cache
def tokens(theme: str = "dark") -> dict[str, str]:
    """Return every token of a theme by its name without dashes; raises KeyError for a theme there is none of."""
    if theme not in THEMES:
        raise KeyError(theme)
    css = re.sub(r"/\*.*?\*/", "", FILE.read_text(encoding="utf-8"), flags=re.DOTALL)
    found: dict[str, str] = {}
    for selector, body in _BLOCK.findall(css):
        name = selector.strip()
        if name == ":root" or (theme == "light" and name == 'html[data-mantine-color-scheme="light"]'):
            found |= {key: value.strip() for key, value in _TOKEN.findall(body)}
    return found


def luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2.2) of ``#rrggbb``, 0 to 1."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio (WCAG 2.2) of two colours ``#rrggbb``, 1 to 21."""
    dark, bright = sorted((luminance(one), luminance(other)))
    return (bright + 0.05) / (dark + 0.05)


def plotly_template(theme: str = "dark") -> dict[str, dict[str, object]]:
    """Return a Plotly template in the tokens of a theme: grey marks, our font, no decoration."""
    t = tokens(theme)
    axis = {"gridcolor": t["line"], "linecolor": t["ctl"], "tickcolor": t["ctl"], "zeroline": False}
    return {
        "layout": {
            "paper_bgcolor": t["bg1"],
            "plot_bgcolor": t["bg1"],
            "font": {"family": "CC Sans, Microsoft YaHei, PingFang SC, sans-serif", "color": t["t1"]},
            "colorway": [t["t3"], t["t1"], t["acc"]],
            "xaxis": dict(axis),
            "yaxis": dict(axis),
        }
    }
