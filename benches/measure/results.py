"""Figures of all runs, and the tables made of them."""

import statistics


def number(value):
    if value is None:
        return "–"
    if value >= 1e6:
        return f"{value / 1e6:.2f}M"
    if value >= 1e4:
        return f"{value / 1e3:.1f}k"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


class Results:
    def __init__(self):
        self.reports = {}  # a cell's key → reports, in the order of the rounds
        self.faults = []

    def add(self, key, cell, report):
        self.reports.setdefault(key, []).append(report)
        if report.get("verdict") == "faulty":
            self.faults.append(f"{cell.name}, {key[1]}: {report['faults']['first']}")

    def runs(self, cell, column):
        """A server's figures in a cell."""
        figures = []
        for report in self.reports.get(cell.key(column), []) if column in cell.servers else []:
            for step in cell.figure:
                report = report[step]
            figures.append(report)
        return figures

    def median(self, cell, column):
        runs = self.runs(cell, column)
        return statistics.median(runs) if runs else None

    def ratio(self, cell, column, to="baseline"):
        figure, base = self.median(cell, column), self.median(cell, to)
        return figure / base if figure and base else None

    def client_bound(self, cell):
        """Of Bowline's runs, how many the load generator may have limited."""
        reports = self.reports.get(cell.key("bowline"), [])
        return sum(report.get("verdict") == "client-bound" for report in reports), len(reports)

    def verdict(self, cell):
        """What is to be said about Bowline in this cell."""
        figure = self.median(cell, "bowline")
        if figure is None:
            return "–"
        words = []
        for column, target in cell.ratios.items():
            ratio = self.ratio(cell, "bowline", column)
            if ratio is not None:
                words.append(f"{ratio:.2f} of {cell.servers[column]}, ≥ {target:.2f}: {'met' if ratio >= target else 'MISSED'}")
        if cell.limit is not None:
            met = figure <= cell.limit if cell.less_is_better else figure >= cell.limit
            words.append(f"{'≤' if cell.less_is_better else '≥'} {cell.limit:,}: {'met' if met else 'MISSED'}")
        # Where only a limit counts, whoever is a little further on is not ahead.
        for column in cell.servers if cell.ratios or cell.less_is_better else []:
            theirs = self.median(cell, column)
            if column in ("bowline", "baseline") or theirs is None or column.startswith("raw"):
                continue
            if theirs <= figure if cell.less_is_better else theirs >= figure:
                words.append(f"BEHIND {column}")
        bound, all_runs = self.client_bound(cell)
        if bound:
            words.append(f"client-bound in {bound} of {all_runs}")
        return "; ".join(words)

    def table(self, cells, columns, base="baseline"):
        yield "| | " + " | ".join(columns) + " | target |"
        yield "|---|" + "---|" * (len(columns) + 1)
        for cell in cells:
            shown = []
            for column in columns:
                runs = self.runs(cell, column)
                text = number(self.median(cell, column))
                ratio = None if column == base else self.ratio(cell, column, base)
                text += f" ({ratio:.2f})" if ratio else ""
                text += f" [{number(min(runs))}–{number(max(runs))}]" if len(runs) > 1 else ""
                shown.append(text)
            yield f"| {cell.what}, {cell.unit} | " + " | ".join(shown) + f" | {self.verdict(cell)} |"
