"""Answers as the daemon gives them, small; names that come from data can be given, to see what hostile ones do."""

from __future__ import annotations

import math
from typing import Any

from mlops_store.records import Column
from mlops_tui.tui.writers.feature import Freshness
from mlops_tui.verbs._report import (
    CalibrationBin,
    ConfusionCell,
    CurvePoints,
    Report,
    ReportSide,
    ResidualBin,
    ResidualQuantile,
    SliceValue,
)
from mlops_tui.verbs._shapes import DataVersion, Headline, Proposal, Run, RunDetail
from mlops_tui.verbs._status import (
    CardState,
    Disk,
    DriftState,
    LiveRun,
    ModelHealth,
    StatusProject,
    StatusReport,
    TrainedOn,
    Waiting,
)
from mlops_tui.verbs.daemon import DaemonStatus
from mlops_tui.verbs.data import Batch, DataDetail, ExpectationResult, Expected, Quarantined
from mlops_tui.verbs.feature import ViewDetail
from mlops_tui.verbs.ledger import Entry
from mlops_tui.verbs.monitor import (
    BatchPoint,
    ChampionMove,
    DriftPoint,
    FeatureSeries,
    Look,
    MonitoredBatch,
    Monitoring,
    SourceQuality,
)

MAY, JUNE, JULY = 1_367_366_400_000, 1_370_044_800_000, 1_372_636_800_000
NOW = JULY + 3_600_000


def estimate(value: float, half: float, **more: Any) -> dict[str, Any]:
    return {"value": value, "low": value - half, "high": value + half, "rows": 26_405, "clusters": 30, **more}


def monitoring(name: str = "weather__gust") -> Monitoring:
    def point(run: str, psi: float, alert: bool) -> DriftPoint:
        return DriftPoint(
            run_id=run, champion=1 if run == "r1" else 2, psi=psi, band=0.05, p_adjusted=0.001 if alert else 0.4, effect=0.2, alert=alert,
            severity="major" if alert else "none", status="COMPARED", reason=f"PSI {psi}, noise band 0.05",
            null_share=0.74, reference_null_share=0.68,
        )  # fmt: skip

    def look(run: str, version: int, start: int, end: int, alarm: bool) -> Look:
        return Look(
            run_id=run, time=end, version=version, champion=version - 1, since_version=version - 1, rows=28_243, mature_labelled_rows=27_375,
            start=start, end=end, alarm=alarm, major=alarm, features=[name] if alarm else [], domain_auc=0.96,
            performance=estimate(0.79, 0.018), decay_reason="one chunk only",
        )  # fmt: skip

    return Monitoring(
        project="flights", model="late", source="flights", champion=2, metric=name, baseline=estimate(0.804, 0.016),
        batches=[
            MonitoredBatch(label="data/2013-04.parquet", files=[], version=1, rows=28_330, state="trained"),
            MonitoredBatch(label="data/2013-05.parquet", files=[], version=2, rows=28_796, state="judged", run_id="r1", champion=1, mature=27_263,
                           performance=estimate(0.7984, 0.017), baseline=estimate(0.7902, 0.02)),
            MonitoredBatch(label=f"data/{name}.parquet", files=[], version=3, rows=28_243, state="looked", run_id="r2", champion=2, alarm=True,
                           major=True, mature=26_405, performance=estimate(0.77, 0.018)),
        ],
        looks=[look("r1", 2, MAY, JUNE, False), look("r2", 3, JUNE, JULY, True)],
        moves=[
            ChampionMove(seq=4, time=MAY, actor="ann", to=1, why="first model"),
            ChampionMove(seq=9, time=JUNE + 1, actor="ann", before=1, to=2, why=f"better than {name}"),
        ],
        features=[
            FeatureSeries(name="dest", kind="category", points=[point("r1", 0.02, False), point("r2", 0.03, False)]),
            FeatureSeries(name=name, kind="numeric", alarms=1, points=[point("r1", 0.04, False), point("r2", 0.31, True)]),
        ],
        quality=[
            SourceQuality(source="flights", versions=3, files=6, rows=166_158, quarantined=1, waiting=1,
                          warnings=[{"version": 3, "message": f"{name} is above 100 in 3 rows"}],
                          reasons=[{"path": f"/in/{name}.csv", "reason": "the key is there twice", "time": JULY}]),
        ],
    )  # fmt: skip


def report(name: str = "origin = 'JFK'", *, task: str = "classification") -> Report:
    shares = [place / 20 for place in range(21)]
    sides = ("candidate", "champion")
    facts: dict[str, Any] = {}
    if task == "classification":
        facts = {
            "classes": ["0", name],
            "confusion": [ConfusionCell(side=side, actual=a, predicted=p, rows=r) for side in sides for a, p, r in
                          (("0", "0", 20_018), ("0", name, 975), (name, "0", 3_896), (name, name, 2_374))],
            "roc": [CurvePoints(side=side, x=shares, y=[x ** (0.3 + 0.1 * place) for x in shares]) for place, side in enumerate(sides)],
            "pr": [CurvePoints(side=side, x=shares, y=[1 - (0.7 + 0.1 * place) * x for x in shares]) for place, side in enumerate(sides)],
            "calibration": [CalibrationBin(side=side, low=low / 10, high=low / 10 + 0.1, rows=1000 - 90 * low, mean_score=low / 10 + 0.05,
                                           positive_rate=min(1.0, low / 10 + 0.03 + 0.04 * place)) for place, side in enumerate(sides) for low in range(10)],
        }  # fmt: skip
    else:
        facts = {
            "residuals": [ResidualBin(side=side, low=at, high=at + 1, rows=round(1000 * math.exp(-at * at / 4))) for side in sides for at in range(-4, 4)],
            "residual_quantiles": [ResidualQuantile(side=side, quantile=q / 100, residual=(q - 50) / 12, normal_score=(q - 50) / 20) for side in sides
                                   for q in (1, 5, 25, 50, 75, 95, 99)],
        }  # fmt: skip
    metric = "roc_auc" if task == "classification" else "mae"
    return Report(
        model="late", project="flights", version=2, run_id="01a208bbf50e4d69", kind="gate", time=JULY, task=task, metric=metric, rows=27_263,
        sides=[ReportSide(side="candidate", version=2, metrics={metric: estimate(0.804, 0.016)}),
               ReportSide(side="champion", version=1, metrics={metric: estimate(0.798, 0.017)})],
        slices=[SliceValue(slice=name, rows=8979, value=0.7794, low=0.7382, high=0.8135, champion=0.7753, naive=0.5),
                SliceValue(slice="carrier = 'UA'", rows=4741, value=0.72, low=0.70, high=0.75, champion=0.73, naive=0.5)],
        **facts,
    )  # fmt: skip


def data(name: str = "origin") -> DataDetail:
    return DataDetail(
        project="flights", source="flights", version=3, snapshot=name, rows=57_039, files=2, created=JULY, schema_version=1,
        min_event_time=MAY, max_event_time=JULY, quarantined=1,
        batches=[Batch(path="data/2013-05.parquet", sha256="a", rows=28_796, bytes=348_602, admitted=JULY, min_event_time=MAY, max_event_time=JUNE),
                 Batch(path=f"data/{name}.parquet", sha256="b", rows=14_000, bytes=200_000, admitted=JULY, min_event_time=JUNE, max_event_time=JULY)],
        schema=[Column(name=name, type="str", nullable=False), Column(name="delay", type="int", nullable=True)],
        profile=[
            {"name": name, "type": "String", "rows": 100, "nulls": 0, "distinct": 3, "top": [["EWR", 50], [name, 30], ["LGA", 12]]},
            {"name": "delay", "type": "Int64", "rows": 100, "nulls": 8, "distinct": 60, "min": -30.0, "max": 900.0, "mean": 12.5,
             "bins": [(-30.0, 0.0, 5), (0.0, 20.0, 60), (20.0, 40.0, 22), (40.0, 900.0, 5)]},
            {"name": "nothing", "type": "Null", "rows": 0, "nulls": 0, "distinct": 0},
        ],
        warnings=[{"version": 3, "message": f"{name}: 3 values are not among those that are expected"}],
        expectations=[
            Expected(column=name, rule="in ['EWR', 'JFK', 'LGA']", severity="warn", refused=0, results=[
                ExpectationResult(version=3, rows=3, said=f"{name}: in fails in 3 of 100 rows"), ExpectationResult(version=2)]),
            Expected(column="delay", rule="min -120", severity="block", refused=1, results=[
                ExpectationResult(version=3), ExpectationResult(version=2)]),
        ],
    )  # fmt: skip


def refused(name: str = "bad.csv") -> Quarantined:
    return Quarantined(
        project="flights", source="weather", sha256="c813b33a9f3082cbac5a", path=f"/in/{name}", bytes=5232, time=JULY,
        reason=f"the key ({name}) is there more than once", details=[{"rows": 50, "column": name}],
        rows=[{f"column {place}": name if place == 1 else str(place) for place in range(9)}],
    )  # fmt: skip


def view(name: str = "weather") -> ViewDetail:
    return ViewDetail(
        project="flights", name=name, version=1, source="weather", entities=[name], knowledge="delay", max_age_ms=21_600_000,
        features=[Column(name="gust", type="float", nullable=True), Column(name="humid", type="float", nullable=True)],
        description=f"what {name} knew", created=MAY, definition="e7674c53985cd2b0", used_by=["late@1", "late@2"],
        versions=[{"version": 1, "created": MAY, "definition": "e7674c53985cd2b0"}],
    )  # fmt: skip


def fresh() -> Freshness:
    newest = DataVersion(
        project="flights",
        source="weather",
        version=3,
        snapshot="fe2b",
        rows=13_014,
        files=6,
        max_event_time=JULY,
        created=JULY,
    )
    return Freshness(newest, [monitoring("weather__gust")])


def looked_up(name: str = "JFK") -> RunDetail:
    row = {
        "origin": name,
        "time": "2013-05-01T00:00:00",
        "weather__gust": None,
        "weather__humid": 36.63,
        "weather__status": "TOO_OLD",
    }
    return RunDetail(
        run_id="01a208fa",
        kind="features",
        name="features-1",
        experiment="features",
        project="flights",
        state="FINISHED",
        created=JULY,
        result={"rows": [row]},
    )


def card(name: str = "dest", *, state: Any = "OPEN") -> Proposal:
    evidence = {
        "champion": 2, "source": "flights", "rows": 28_243, "mature_labelled_rows": 27_375, "file_count": 1,
        "files": [{"path": f"data/{name}.parquet", "rows": 28_243, "bytes": 364_800, "min_event_time": JUNE, "max_event_time": JULY}],
        "performance": {"metric": "roc_auc", "direction": "max", **estimate(0.77, 0.01)}, "promoted": estimate(0.804, 0.016),
        "decay": {"value": -0.02, "low": -0.03, "high": -0.01}, "estimate": {"estimated_roc_auc": 0.78},
        "drift": {"alarm": True, "columns": [
            {"name": name, "psi": 0.3, "band": 0.1, "alert": True, "severity": "major"},
            {"name": "origin", "psi": 0.01, "band": 0.1, "alert": False, "severity": "none"},
            {"name": "new", "status": "MISSING", "reason": f"{name} is not there"}]},
        "label": {"reason": "PSI 0.029, noise band 0.032", "alert": False}, "domain_classifier": {"auc": 0.96, "top": [[name, 0.2]]},
        "schema_diff": [{"column": name, "change": "added", "before": None, "after": "str"}],
        "expected_gate": ["roc_auc > champion"], "cost": {"runs": 2, "seconds": 38.9, "seconds_max": 41.9, "bytes": 1_700_000},
    }  # fmt: skip
    return Proposal(
        id="prop-1", project="flights", model="late", state=state, reasons=[f"{name} has drifted"], evidence=evidence, created=NOW - 7_200_000,
        expires=NOW + 86_400_000, decided_by=name if state == "DONE" else "", verdict="PASS" if state == "DONE" else None,
    )  # fmt: skip


def status(name: str = "late") -> StatusReport:
    return StatusReport(
        time=NOW, project="flights", projects=[StatusProject(name="flights", dir="/p", added=MAY, problems=[f"{name}: no such column"])],
        runs=[LiveRun(run_id="r1", name=name, kind="train", project="flights", state="RUNNING", stage="search", progress=0.44, created=NOW - 90_000),
              LiveRun(run_id="r2", name="next", kind="train", project="flights", state="QUEUED", created=NOW)],
        queue={"RUNNING": 1, "QUEUED": 1}, queued=1,
        models=[ModelHealth(project="flights", name=name, metric="roc_auc", versions=2, champion=2, value=estimate(0.804, 0.016), trained=NOW - 9_000_000,
                            data=[TrainedOn(source="flights", trained=2, newest=3)], new_rows=27_375, performance=estimate(0.797, 0.018),
                            drift=DriftState(run_id="r", version=3, time=NOW, rows=28_243, alarm=True, major=False, features=[name])),
                ModelHealth(project="flights", name="fresh", versions=1)],
        proposals=[CardState(id="prop-1", project="flights", model=name, state="OPEN", revision=1, headline=f"{name} has drifted", created=NOW - 60_000)],
        quarantine=[Waiting(project="flights", source="weather", files=2, since=NOW - 600_000)],
        disk=Disk(home_bytes=70_500_000, free_bytes=76_000_000_000, total_bytes=270_000_000_000),
        daemon=DaemonStatus(running=True, pid=25849, busy="watching", ledger_seq=85),
    )  # fmt: skip


def months(name: str = "late") -> Monitoring:
    """A model over eight batches, two of them learned from, with what moved in four."""
    found = []
    for month in range(1, 9):
        judged = 2 < month < 8
        found.append(
            MonitoredBatch(
                label=f"data/2013-0{month}.parquet", files=[f"2013-0{month}.parquet"], version=month, rows=27_000 + month,
                state="trained" if month < 3 else "looked" if judged else "waiting", champion=(1 if month == 3 else 2) if judged else None,
                alarm=month == 7 if judged else None, major=True, features=[name],
                performance=estimate(0.81 - 0.01 * month, 0.02 + 0.001 * month) if judged else None,
            )
        )  # fmt: skip
    features = [
        FeatureSeries(
            name=feature, points=[DriftPoint(run_id="r", champion=2, psi=0.2, band=0.1, alert=feature == name)],
            batches=[BatchPoint(batch=place, psi=psi, band=0.1, alert=psi > 0.2) for place, psi in enumerate((0.04, 0.12, 0.17, 0.31), 3)],
        )
        for feature in (name, "dest")
    ]  # fmt: skip
    return Monitoring(project="flights", model=name, source="flights", champion=2, metric="roc_auc", baseline=estimate(0.79, 0.01), batches=found,
                      features=features)  # fmt: skip


def runs(name: str = "late-7") -> list[Run]:
    """One that runs, one that did well, one that failed."""

    def run(id: str, state: Any, **more: Any) -> Run:
        return Run(
            run_id=id,
            kind="train",
            name=name,
            project="flights",
            experiment="late",
            state=state,
            created=MAY,
            started=MAY,
            **more,
        )

    return [run("r3", "RUNNING"), run("r2", "FINISHED", ended=MAY + 41_000, verdict="PASS", headline=Headline(metric=name, value=0.8123)),
            run("r1", "FAILED", ended=MAY + 3_000, reason=name)]  # fmt: skip


def entries(name: str = "late") -> list[Entry]:
    """One decision of each kind that is told."""
    told: list[tuple[str, dict[str, Any]]] = [
        ("alias.move", {"alias": "champion", "from": 1, "to": 2}), ("data.admit", {"source": name, "version": 3, "rows": 28_243}), ("data.drop", {}),
        ("data.quarantine", {"source": "flights", "path": name, "reason": name}), ("gate.verdict", {"version": 2, "verdict": "PASS"}), ("gate.waive", {}),
        ("model.register", {"version": 2}), ("policy.set", {}), ("prediction.record", {"rows": 28_243}), ("project.add", {}), ("project.remove", {}),
        ("proposal.decide", {"decision": "APPROVED"}), ("proposal.open", {"id": "prop-1"}),
    ]  # fmt: skip
    return [
        Entry(seq=seq, time=NOW - seq * 400_000, actor=name, verb=verb, subject=name, why=name, data={"model": name, "project": "flights", **data})
        for seq, (verb, data) in enumerate(told, 1)
    ]  # fmt: skip
