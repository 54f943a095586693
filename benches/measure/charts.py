"""Draws charts of horizontal bars, one panel a workload, as SVG for light and for dark pages.

    python charts.py DIRECTORY < charts.json

Runs where matplotlib is: see `plots.py`, which says what comes in.
"""

import json
import logging
import math
import sys
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure
from results import number

# On the pages that they stand in, which show through.
THEMES = {
    "light": {"ours": "#0f6a7a", "theirs": "#b9c2ca", "ink": "#1d2329", "faint": "#5c666f"},
    "dark": {"ours": "#5cc3d3", "theirs": "#4a545e", "ink": "#e4e8ec", "faint": "#9aa5af"},
}
COLUMNS = 2
WIDTH = 8.8  # inches, of 72 points
BAR, HEAD, GAP = 0.23, 0.62, 0.1  # inches: of one bar, over a panel's bars, under them

matplotlib.rcParams.update({
    # Text stays text: it is drawn in the reader's own font, and files stay small.
    "svg.fonttype": "none",
    "svg.hashsalt": "figures",
    "font.family": ["system-ui", "-apple-system", "Segoe UI", "Helvetica", "Arial", "sans-serif"],
    "font.size": 9,
})
# Which of those fonts are missing here doesn't matter.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)


def draw(chart, theme):
    panels = chart["panels"]
    columns = min(COLUMNS, len(panels))
    rows = math.ceil(len(panels) / columns)
    height = HEAD + GAP + BAR * len(panels[0]["bars"])
    figure = Figure(figsize=(WIDTH, rows * height), layout="none")
    figure.patch.set_alpha(0)
    left, between = 1.95 / WIDTH, 0.5 / WIDTH
    wide = (1 - left - between * columns) / columns
    for index, panel in enumerate(panels):
        row, column = divmod(index, columns)
        bottom = 1 - ((row + 1) * height - GAP) / (rows * height)
        axes = figure.add_axes((left + column * (wide + between), bottom, wide, (height - HEAD - GAP) / (rows * height)))
        bars(axes, panel, theme, labelled=column == 0)
    return figure


def bars(axes, panel, theme, labelled):
    """One workload: its bars from top to bottom, each with its figure at the end and a line from its least to its most."""
    axes.patch.set_alpha(0)
    axes.spines[:].set_visible(False)
    axes.spines["left"].set(visible=True, color=theme["faint"], linewidth=0.6)
    axes.tick_params(length=0, labelsize=9)
    axes.set_xticks([])
    shown = panel["bars"]
    axes.set_yticks(range(len(shown)), [bar["label"] for bar in shown] if labelled else [])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    # Room for the figure behind the longest bar.
    axes.set_xlim(0, 1.22 * max((bar["most"] or 0 for bar in shown), default=0) or 1)
    for tick, bar in zip(axes.get_yticklabels(), shown if labelled else []):
        tick.set(color=theme["ink"], fontweight="bold" if bar["ours"] else "normal")
    for place, bar in enumerate(shown):
        bold = "bold" if bar["ours"] else "normal"
        if bar["median"] is not None:
            axes.barh(place, bar["median"], height=0.72, color=theme["ours" if bar["ours"] else "theirs"])
            axes.plot([bar["least"], bar["most"]], [place, place], color=theme["ink"], linewidth=0.9, alpha=0.75)
        axes.annotate(number(bar["median"]), (bar["most"] or 0, place), (4, 0), textcoords="offset points", va="center_baseline",
                      color=theme["ink"], fontweight=bold)
    axes.annotate(panel["what"], (0, 1), (0, 18), xycoords="axes fraction", textcoords="offset points", color=theme["ink"],
                  fontweight="bold", fontsize=10)
    axes.annotate(panel["unit"], (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points", color=theme["faint"])


def main():
    directory = Path(sys.argv[1])
    for chart in json.load(sys.stdin):
        for name, theme in THEMES.items():
            metadata = {"Title": chart["title"], **dict.fromkeys(("Creator", "Date", "Format", "Type"))}
            draw(chart, theme).savefig(directory / f"{chart['name']}-{name}.svg", metadata=metadata)


if __name__ == "__main__":
    main()
