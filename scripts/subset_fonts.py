"""Cut the two bundled web fonts out of Noto Sans CJK SC (OFL): GB 2312 and the symbols the screens use.

Reproducible: the same source file gives the same bytes.  Needs ``fonttools`` and ``brotli`` and Debian's
``fonts-noto-cjk`` (or another folder with NotoSansCJK-Regular.ttc and NotoSansCJK-Bold.ttc).

    python scripts/subset_fonts.py [SOURCE_FOLDER]
"""

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTCollection, TTFont

SOURCE = Path("/usr/share/fonts/opentype/noto")
TARGET = Path(__file__).resolve().parent.parent / "assets" / "fonts"
FACE = "Noto Sans CJK SC"
LIMIT_BYTES = int(2.5 * 1024 * 1024)
FEATURES = ["ccmp", "kern", "locl", "mark", "mkmk", "tnum", "lnum"]
# Latin, its punctuation, arrows, mathematics (≤ ≥), enclosed digits, geometric shapes, CJK punctuation, full-width forms.
BLOCKS = [
    (0x20, 0x7E), (0xA0, 0xFF), (0x2000, 0x206F), (0x2070, 0x209F), (0x2100, 0x214F), (0x2190, 0x21FF),
    (0x2200, 0x22FF), (0x2460, 0x2473), (0x25A0, 0x25FF), (0x2600, 0x2606), (0x2713, 0x2717), (0x3000, 0x3017), (0xFF00, 0xFFE5),
]  # fmt: skip


def gb2312_hanzi() -> set[int]:
    """Return the code points of the 6,763 hanzi of GB 2312 (rows 16 to 87)."""
    found = set()
    for row in range(16, 88):
        for cell in range(1, 95):
            try:
                found.add(ord(bytes([0xA0 + row, 0xA0 + cell]).decode("gb2312")))
            except UnicodeDecodeError:
                continue  # row 55 ends five cells early
    return found


def wanted() -> set[int]:
    """Return every code point the screens may need."""
    return gb2312_hanzi() | {code for first, last in BLOCKS for code in range(first, last + 1)}


def open_face(path: Path) -> TTFont:
    """Open the simplified-Chinese face of a collection; raises SystemExit when it has none."""
    for font in TTCollection(str(path)).fonts:
        if font["name"].getDebugName(1) == FACE or font["name"].getDebugName(16) == FACE:
            return font
    raise SystemExit(f"{path}: no face named {FACE!r}")


def cut(source: Path, target: Path) -> int:
    """Write the subset of one face as woff2; returns its size in bytes."""
    options = subset.Options()
    options.flavor = "woff2"
    options.hinting = False
    options.layout_features = FEATURES
    options.drop_tables += ["vhea", "vmtx", "VORG", "BASE", "DSIG"]
    options.notdef_outline = True
    font = open_face(source)
    font.recalcTimestamp = False
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=wanted())
    cutter.subset(font)
    subset.save_font(font, str(target), options)
    return target.stat().st_size


def main() -> None:
    """Write both weights and refuse a file that grew over the limit."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else SOURCE
    for weight in ("Regular", "Bold"):
        target = TARGET / f"cc-sans-{weight.lower()}.woff2"
        size = cut(folder / f"NotoSansCJK-{weight}.ttc", target)
        print(f"{target.name}: {size / 1024 / 1024:.2f} MiB")
        if size > LIMIT_BYTES:
            raise SystemExit(f"{target.name} is larger than {LIMIT_BYTES / 1024 / 1024} MiB")


if __name__ == "__main__":
    main()
