"""What stands between a version and the champion alias: checks of its gate that did not pass and are not waived.

A check against a champion has passed only beside the champion of this moment. Where another one was judged beside, an
evaluation beside the present one can stand in for it.

A waiver is a person's: it names one check, a reason and an expiry, and belongs to one verdict. It never changes the verdict.
"""

from __future__ import annotations

from typing import Any

from mlops_store.errors import Problem
from mlops_store.index import models
from mlops_store.index.tx import Read, Tx
from mlops_store.redact import redact_text
from mlops_tui.project.values import champion_check
from mlops_tui.services.versions import CHAMPION, Named, named, number_of
from mlops_tui.verbs.model import ModelWaive, Waiver

WHOLE = "gate"
"""The name under which a gate that was never run, or that checked nothing, is waived: nothing has been shown then."""

_JUDGED = ("PASS", "FAIL", "INCONCLUSIVE")


def checks_of(version: Named) -> list[dict[str, Any]]:
    """The checks of a version's gate as recorded: {check, verdict, reason, …}."""
    gate = version.row["gate"] or {}
    return [check for check in gate.get("checks") or [] if isinstance(check, dict)]


def verdict_id(db: Read | Tx, version: Named) -> str | None:
    """The newest verdict on a version."""
    return models.newest_verdict(db, version.project, version.model, version.version)


def unproven(db: Read | Tx, version: Named, current: int | None) -> list[str]:
    """The checks that someone has to answer for before the version may be champion, `current` being the champion now.

    Without a champion, checks against one that did not apply ask nothing; otherwise a version that was checked
    against nothing has everything still to show.
    """
    checks, said = checks_of(version), version.row["verdict"]
    if said is None or (said != "PASS" and not checks):
        return [WHOLE]
    # what an evaluation beside the present champion has shown is no longer asked of the gate
    old = champion_checks(version) if _stale(version, current) else []
    open_ = stale(db, version, current)
    judged = [check for check in checks if check.get("verdict") in _JUDGED and str(check["check"]) not in old]
    left = [str(check["check"]) for check in judged if check["verdict"] != "PASS"]
    if judged or old or said == "PASS":
        return [*left, *open_]
    return [] if current is None else [str(check["check"]) for check in checks]


def champion_checks(version: Named) -> list[str]:
    """The checks of a version's gate that hold it against the champion."""
    return [str(check["check"]) for check in checks_of(version) if champion_check(str(check["check"]))]


def stale(db: Read | Tx, version: Named, current: int | None) -> list[str]:
    """Its checks against a champion that was judged beside another one (or none), and no evaluation has made good since."""
    if not _stale(version, current):
        return []
    assert current is not None
    shown = evaluation_beside(db, version, current)
    low = (shown["difference"] or {}).get("low") if shown else None
    return [check for check in champion_checks(version) if low is None or not _shows(check, version, low)]


def evaluation_beside(db: Read | Tx, version: Named, current: int) -> models.Row | None:
    """The newest evaluation of the version beside the champion, if it showed the version to be better (its look is counted)."""
    found = models.evaluation_of(db, version.project, version.model, version.version, current, counted=True)
    difference = (found["difference"] or {}) if found else {}
    return found if difference.get("verdict") == "PASS" and (difference.get("low") or 0) > 0 else None


def _stale(version: Named, current: int | None) -> bool:
    return current is not None and number_of((version.row["gate"] or {}).get("champion")) != current


def _shows(check: str, version: Named, low: float) -> bool:
    """Whether the low end of the evaluation's difference answers a check: the same metric, over all rows, its margin reached."""
    wanted = champion_check(check)
    return wanted is not None and wanted[0] == version.row["metric"] and low >= wanted[1]


def unwaived(db: Read | Tx, version: Named, checks: list[str]) -> list[str]:
    """Those of the checks that no waiver of the newest verdict covers now."""
    if not checks:
        return []
    judged = verdict_id(db, version) or version.row["run_id"]
    covered = {
        waiver["check"]
        for waiver in models.waivers(db, version.project, version.model, version.version)
        if waiver["verdict_id"] == judged and waiver["expires"] > db.now
    }
    return [check for check in checks if check not in covered]


def refuse_unproven(db: Read | Tx, version: Named, current: int | None) -> None:
    """Raises Problem with status 4 where the version may not be champion (`current` is); the code says which verdict it was."""
    left = unwaived(db, version, unproven(db, version, current))
    if not left:
        return
    old = [check for check in stale(db, version, current) if check in left]
    if old and len(old) == len(left):
        raise _verdict_stale(version, current, old)
    said = version.row["verdict"]
    code = {"FAIL": "gate_fail", "INCONCLUSIVE": "gate_inconclusive"}.get(said or "", "gate_not_run")
    heard = f"the gate said {said} of {version.label}" if said else f"no gate has judged {version.label}"
    raise Problem(
        code,
        f"{heard}; neither passed nor waived: {'; '.join(left)}",
        f"`mlops-tui model show {version.label}` shows why; `mlops-tui model waive {version.label} --check {left[0]!r} "
        "--reason TEXT` takes responsibility for a check",
        status=4,
    )


def _verdict_stale(version: Named, current: int | None, checks: list[str]) -> Problem:
    beside = (version.row["gate"] or {}).get("champion")
    by_hand = (
        f"`mlops-tui model waive {version.label} --check {checks[0]!r} --reason TEXT` takes responsibility"
    )
    # an evaluation compares the model's metric over all rows: for other checks only a person or a new training can answer
    judged = all((champion_check(check) or ("",))[0] == version.row["metric"] for check in checks)
    again = f"`mlops-tui model evaluate {version.label} --baseline {current}` judges it beside that one; "
    return Problem(
        "verdict_stale",
        f"{version.label} was judged beside {beside or 'no champion'}, and the champion is {version.model}@{current} now; "
        f"neither shown since nor waived: {'; '.join(checks)}",
        f"{again if judged else ''}{by_hand}",
        status=4,
    )


def waive(tx: Tx, request: ModelWaive) -> Waiver:
    """Records that whoever asks takes responsibility for one check of a version's gate, for a time. Raises Problem."""
    version = named(tx, request.model, request.project, explicit=True)
    checks = [str(check["check"]) for check in checks_of(version) if check.get("verdict") != "PASS"]
    checks = checks if checks_of(version) and version.row["verdict"] is not None else [WHOLE, *checks]
    current = models.aliases(tx, version.project, version.model).get(CHAMPION)
    checks += [check for check in stale(tx, version, current) if check not in checks]
    if request.check not in checks:
        raise Problem(
            "no_such_check",
            f"the gate of {version.label} has no check {request.check!r} that did not pass",
            f"these did not, or not beside the champion of now: {'; '.join(checks) or 'none'}",
        )
    if not request.reason.strip():
        raise Problem("reason_missing", "a waiver needs a reason", "say why with --reason TEXT", status=2)
    if request.lasts <= 0:
        raise Problem("bad_duration", "a waiver needs a time to hold", "for example --for 30d", status=2)
    reason = redact_text(request.reason)
    judged = verdict_id(tx, version) or str(version.row["run_id"])
    expires = tx.now + request.lasts
    tx.append(
        "gate.waive",
        f"{version.project}/{version.label}",
        {
            "project": version.project, "model": version.model, "version": version.version, "verdict_id": judged,
            "check": request.check, "name": tx.actor, "reason": reason, "expires": expires,
        },
        reason,
    )  # fmt: skip
    return Waiver(
        model=version.model, version=version.version, verdict_id=judged, check=request.check, name=tx.actor,
        reason=reason, expires=expires,
    )  # fmt: skip
