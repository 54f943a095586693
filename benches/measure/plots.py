"""From results to charts: a virtual environment that has matplotlib, and what is handed to `charts.py` there."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from .cells import LABELS

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "requirements.txt"


class Plots:
    """Installs matplotlib on being made: what can't be drawn is known before anything is measured."""

    def __init__(self, venv):
        self.python = venv / "bin" / "python"
        stamp, wanted = venv / "stamp", REQUIREMENTS.read_text()
        if stamp.exists() and stamp.read_text() == wanted:
            return
        shutil.rmtree(venv, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
        subprocess.run([self.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS],
                       check=True)
        stamp.write_text(wanted)

    def draw(self, results, tables, directory):
        """A chart of each table, as `NAME-light.svg` and `NAME-dark.svg`."""
        charts = [{"name": table.name, "title": table.title, "panels": panels}
                  for table, cells, columns in tables if (panels := [panel(results, cell, columns) for cell in cells])]
        directory.mkdir(parents=True, exist_ok=True)
        subprocess.run([self.python, HERE / "charts.py", directory], input=json.dumps(charts), text=True, check=True)


def panel(results, cell, columns):
    """One row of a table."""
    bars = []
    for column in columns:
        runs = results.runs(cell, column)
        bars.append({"label": LABELS.get(column, column), "ours": column == "bowline", "median": results.median(cell, column),
                     "least": min(runs, default=None), "most": max(runs, default=None)})
    of = " of server CPU" if cell.figure == ("server", "per_cpu_second") and "CPU" not in cell.unit else ""
    less = ", less is better" if cell.less_is_better else ""
    return {"what": cell.what[0].upper() + cell.what[1:], "unit": cell.unit + of + less, "bars": bars}
