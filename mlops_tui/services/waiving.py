"""What stands between a version and the champion alias: checks of its gate that did not pass and are not waived.

A waiver is a person's: it names one check, a reason and an expiry, and belongs to one verdict. It never changes the verdict.
"""

from __future__ import annotations

from typing import Any

from mlops_store.errors import Problem
from mlops_store.index import models
from mlops_store.index.tx import Read, Tx
from mlops_tui.services.versions import Named, named
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


def unproven(version: Named, *, first: bool) -> list[str]:
    """The checks that someone has to answer for before the version may be champion; none where the gate said PASS.

    `first`: there is no champion. Then checks against one ask nothing; otherwise a version that was checked against
    nothing has everything still to show.
    """
    if version.row["verdict"] == "PASS":
        return []
    checks = checks_of(version)
    judged = [check for check in checks if check.get("verdict") in _JUDGED]
    if judged:
        return [str(check["check"]) for check in judged if check["verdict"] != "PASS"]
    if not checks or version.row["verdict"] is None:
        return [WHOLE]
    return [] if first else [str(check["check"]) for check in checks]


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


def refuse_unproven(db: Read | Tx, version: Named, *, first: bool) -> None:
    """Raises Problem with status 4 where the version may not be champion; the code says which verdict it was."""
    left = unwaived(db, version, unproven(version, first=first))
    if not left:
        return
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


def waive(tx: Tx, request: ModelWaive) -> Waiver:
    """Records that whoever asks takes responsibility for one check of a version's gate, for a time. Raises Problem."""
    version = named(tx, request.model, request.project, explicit=True)
    checks = [str(check["check"]) for check in checks_of(version) if check.get("verdict") != "PASS"]
    checks = checks if checks_of(version) and version.row["verdict"] is not None else [WHOLE, *checks]
    if request.check not in checks:
        raise Problem(
            "no_such_check",
            f"the gate of {version.label} has no check {request.check!r} that did not pass",
            f"these did not: {'; '.join(checks) or 'none'}",
            status=2,
        )
    if not request.reason.strip():
        raise Problem("reason_missing", "a waiver needs a reason", "say why with --reason TEXT", status=2)
    if request.lasts <= 0:
        raise Problem("bad_duration", "a waiver needs a time to hold", "for example --for 30d", status=2)
    judged = verdict_id(tx, version) or str(version.row["run_id"])
    expires = tx.now + request.lasts
    tx.append(
        "gate.waive",
        f"{version.project}/{version.label}",
        {
            "project": version.project, "model": version.model, "version": version.version, "verdict_id": judged,
            "check": request.check, "name": tx.actor, "reason": request.reason, "expires": expires,
        },
        request.reason,
    )  # fmt: skip
    return Waiver(
        model=version.model, version=version.version, verdict_id=judged, check=request.check, name=tx.actor,
        reason=request.reason, expires=expires,
    )  # fmt: skip
