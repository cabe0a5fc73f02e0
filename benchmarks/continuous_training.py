"""Does continuous training pay? April to December 2013, month by month, by the public commands.

Each month is scored twice on the same rows: by the model that was champion before the month's labels were known, and by the
first model, frozen. Then the month's file is delivered, a proposal appears, is approved, and the challenger is promoted where
the gate says that it is better. A year passes in minutes here, so the sample's cool-down of six hours is taken out.

    python benchmarks/continuous_training.py --dir FOLDER [--until 2013-12] [--write docs/benchmarks]

Prints one JSON line a month, then the table, and writes the table and an SVG chart with --write.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from mlops_tui.cli.story import MODEL, Story, wait_for_months, wait_for_proposal
from mlops_tui.samples import prepare
from mlops_tui.worker.statistics import bootstrap, metrics

FIRST = ("2013-01", "2013-02", "2013-03")
MONTHS = tuple(f"2013-{month:02d}" for month in range(4, 13))
METRIC = metrics.get("roc_auc", "classification")
RESAMPLES = 2000


def labelled(story: Story, month: str, version: str) -> pl.DataFrame:
    """The month's rows with the prediction of a version and the label, cancelled flights left out."""
    source = story.project / "data" / "flights" / f"{month}.parquet"
    output = story.folder / f"scored-{month}-{version}.parquet"
    story.command("predict", f"{MODEL}@{version}", "--input", str(source), "--output", str(output))
    late = pl.col("dep_delay") > 15
    return (
        pl.read_parquet(output)
        .with_columns(label=late.cast(pl.Int8), day=pl.col("scheduled").dt.date())
        .filter(pl.col("label").is_not_null())
    )


@dataclass
class Month:
    """The same labelled rows, scored by the champion of that time and by the frozen first model."""

    champion: pl.DataFrame
    frozen: pl.DataFrame

    def values(self) -> tuple[float, float]:
        truth = self.champion["label"].to_numpy()
        return METRIC(truth, scores(self.champion)), METRIC(truth, scores(self.frozen))

    def draws(self, seed: int) -> tuple[np.ndarray, int]:
        """Resampled gaps (champion - frozen, paired, over days) and the number of days."""
        truth = self.champion["label"].to_numpy().astype(float)
        codes, days = bootstrap.cluster_codes(self.champion["day"])
        now, first = (
            bootstrap.evaluator(METRIC, truth, scores(side), codes, days)
            for side in (self.champion, self.frozen)
        )
        return bootstrap.draw(lambda weights: now(weights) - first(weights), days, RESAMPLES, seed), days


def mean_gap(months: list[Month], seed: int = 0) -> tuple[float, float, float]:
    """The mean of the months' gaps with its 95 % interval: days are resampled within their month."""
    estimate = float(np.mean([np.subtract(*month.values()) for month in months]))
    drawn = [month.draws(seed + number) for number, month in enumerate(months)]
    low, high = bootstrap.bounds(
        np.mean([d for d, _ in drawn], axis=0), estimate, sum(days for _, days in drawn), 0.05
    )
    return estimate, low, high


def scores(frame: pl.DataFrame) -> np.ndarray:
    return frame["probability"].to_numpy()


def play(story: Story, until: str) -> list[dict[str, Any]]:
    settings = story.project / "mlops.toml"
    settings.write_text(settings.read_text().replace('cool_down = "6h"', 'cool_down = "0s"'))
    story.command("project", "add", str(story.project))
    story.command("run", "start", MODEL, "--wait", allow=(0, 4))
    story.command("model", "promote", f"{MODEL}@1", "--expected-from", "0")
    rows: list[dict[str, Any]] = []
    months: list[Month] = []
    for number, month in enumerate(m for m in MONTHS if m <= until):
        champion = story.command("model", "show", MODEL)["aliases"]["champion"]
        story.deliver("weather", month)
        story.deliver("flights", month)
        wait_for_months(story, len(FIRST) + number + 1)
        frozen = labelled(story, month, "1")
        scored = Month(frozen if champion == 1 else labelled(story, month, str(champion)), frozen)
        months.append(scored)
        value, base = scored.values()
        gap, low, high = mean_gap([scored])
        row = {"month": month, "champion": champion, "rows": scored.champion.height, "frozen_auc": base, "champion_auc": value,
               "gap": gap, "low": low, "high": high}  # fmt: skip
        card = wait_for_proposal(story)
        done = story.command("proposal", "approve", card["id"], "--wait", allow=(0, 4))
        newest = story.command("model", "show", MODEL)["versions"][-1]
        row["verdict"] = newest["verdict"]
        if newest["verdict"] == "PASS":
            story.command(
                "model", "promote", f"{MODEL}@{newest['version']}", "--expected-from", str(champion)
            )
        row["proposal"] = done["id"] if "id" in done else card["id"]
        rows.append(row)
        print(json.dumps(row), flush=True)
    gap, low, high = mean_gap(months)
    mean = {side: float(np.mean([row[side] for row in rows])) for side in ("frozen_auc", "champion_auc")}
    rows.append(
        {
            "month": "mean",
            "champion": None,
            "rows": sum(r["rows"] for r in rows),
            **mean,
            "gap": gap,
            "low": low,
            "high": high,
            "verdict": "",
        }
    )
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    lines = [
        "| month | champion | rows | frozen v1 | champion | gap | 95 % interval | next challenger |",
        "|---|---:|---:|---:|---:|---:|---|---|",
    ]
    for r in rows:
        lines.append(f"| {r['month']} | {r['champion'] or ''} | {r['rows']:,} | {r['frozen_auc']:.4f} | {r['champion_auc']:.4f} "
                     f"| {r['gap']:+.4f} | {r['low']:+.4f} to {r['high']:+.4f} | {r['verdict']} |")  # fmt: skip
    return "\n".join(lines) + "\n"


def chart(rows: list[dict[str, Any]]) -> str:
    """A plain SVG: the gap of each month with its interval."""
    months = [r for r in rows if r["month"] != "mean"]
    top = max(r["high"] for r in months) * 1.15 or 0.01
    bottom = min(0.0, min(r["low"] for r in months)) * 1.15
    width, height, left, base = 640, 300, 60, 260

    def y(value: float) -> float:
        return base - (value - bottom) / (top - bottom) * 220

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="11">',
             f'<text x="{left}" y="20" font-size="13">AUC of the current champion minus the frozen first model</text>',
             f'<line x1="{left}" x2="{width - 20}" y1="{y(0):.1f}" y2="{y(0):.1f}" stroke="#888"/>']  # fmt: skip
    for tick in np.linspace(bottom, top, 5):
        parts.append(
            f'<text x="{left - 8}" y="{y(tick) + 4:.1f}" text-anchor="end" fill="#555">{tick:+.3f}</text>'
        )
    for number, r in enumerate(months):
        x = left + 30 + number * (width - left - 60) / max(1, len(months) - 1)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y(r["low"]):.1f}" y2="{y(r["high"]):.1f}" stroke="#0072b2" stroke-width="2"/>'
        )
        parts.append(f'<circle cx="{x:.1f}" cy="{y(r["gap"]):.1f}" r="4" fill="#0072b2"/>')
        parts.append(f'<text x="{x:.1f}" y="{base + 20}" text-anchor="middle">{r["month"][5:]}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dir", type=Path, required=True, help="an empty folder for project and home")
    parser.add_argument("--until", default=MONTHS[-1], help="last month, e.g. 2013-08")
    parser.add_argument("--write", type=Path, help="folder for continuous_training.md and .svg")
    options = parser.parse_args()
    options.dir.mkdir(parents=True, exist_ok=True)
    story = Story(options.dir, options.dir / "home", quiet=True)
    prepare(options.dir, FIRST)
    try:
        rows = play(story, options.until)
    finally:
        story.command("daemon", "stop", allow=(0, 1, 3))
    text = table(rows)
    print(text)
    if options.write:
        options.write.mkdir(parents=True, exist_ok=True)
        words = "python benchmarks/continuous_training.py --dir FOLDER --write docs/benchmarks"
        (options.write / "continuous_training.md").write_text(
            f"# Continuous training, April to December 2013\n\nEach month scored by the champion that was promoted before its labels were known, against the "
            f"frozen first model, on the same rows; AUC, 95 % intervals by a bootstrap over days.\n\n{text}\n![gap by month](continuous_training.svg)\n\nCommand: `{words}`\n"
        )
        (options.write / "continuous_training.svg").write_text(chart(rows))
    if rows[-1]["low"] <= 0:
        sys.exit("the mean gap is not shown to be above 0")


if __name__ == "__main__":
    main()
