"""A program of its own: cuts IBM Plex to the characters that people here write, as WOFF2.

The typefaces come as pip packages (SIL Open Font License 1.1) of 540 KB and 135 KB; pages get what Latin languages,
punctuation, arrows and mathematics need. Sans keeps both its axes, weight and width; Mono is its regular weight.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

#: Latin, its extensions A, B and additional; spacing marks; punctuation, currency, letterlike; arrows, mathematics, boxes.
CHARACTERS = (
    *range(0x20, 0x250),
    *range(0x2B0, 0x300),
    *range(0x1E00, 0x1F00),
    *range(0x2000, 0x2070),
    *range(0x20A0, 0x20C0),
    *range(0x2100, 0x2150),
    *range(0x2190, 0x2200),
    *range(0x2200, 0x2270),
    *range(0x25A0, 0x2600),
    *range(0x2713, 0x2719),
)
#: Kerning and marks; figures that line up; a zero that is no O.
FEATURES = ["kern", "mark", "mkmk", "ccmp", "locl", "calt", "liga", "tnum", "lnum", "zero", "frac", "sups"]
FACES = {
    "plex-sans.woff2": ("fontpkg_ibm_plex_sans", "IBMPlexSans[wdth,wght].ttf"),
    "plex-mono.woff2": ("fontpkg_ibm_plex_mono", "IBMPlexMono-Regular.ttf"),
}


def source(package: str, name: str) -> Path:
    """The typeface's file in its pip package."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"the package {package} is not installed")
    return Path(spec.origin).parent / "files" / name


def cut(face: Path, to: Path) -> int:
    """Write the subset of one typeface; returns its size in bytes."""
    from fontTools import subset

    options = subset.Options(
        flavor="woff2",
        layout_features=FEATURES,
        hinting=False,
        notdef_outline=True,
        name_IDs=["*"],
        drop_tables=["DSIG", "meta"],
    )
    font = subset.load_font(str(face), options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=CHARACTERS)
    subsetter.subset(font)
    half = to.with_suffix(".half")
    subset.save_font(font, str(half), options)
    half.replace(to)
    return to.stat().st_size


def main(folder: Path) -> None:
    """Write all faces into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (package, file) in FACES.items():
        size = cut(source(package, file), folder / name)
        print(f"Cut {name}: {size // 1024} KB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
