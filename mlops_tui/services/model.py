"""The registry: versions, aliases, promotion, rollback, waivers."""

from __future__ import annotations

from typing import Any

from mlops_store.errors import Problem
from mlops_store.ids import check_name
from mlops_store.index.tx import Read, Tx
from mlops_tui.services import model_card, model_compare
from mlops_tui.services.run import shown as shown_run
from mlops_tui.services.submit import submit
from mlops_tui.services.versions import (
    CHAMPION,
    alias_version,
    decode,
    pin_of,
    project_of,
    resolve,
    split_ref,
    version_row,
)
from mlops_tui.verbs._declare import Page, Plan
from mlops_tui.verbs._shapes import Model, ModelVersion, Run
from mlops_tui.verbs.model import (
    AliasMove,
    Card,
    ModelCard,
    ModelCompare,
    ModelComparison,
    ModelDetail,
    ModelEvaluate,
    ModelHistory,
    ModelList,
    ModelPromote,
    ModelRollback,
    ModelShow,
    ModelWaive,
    VersionDetail,
    Waiver,
)

# --- looking ----------------------------------------------------------------------------------------


def list_(read: Read, request: ModelList) -> Page[Model]:
    """Registered models by name; the token is the last (project, model) that was shown."""
    after = _token(request.page)
    rows = read.rows(
        "SELECT project, model, metric, direction FROM models WHERE (? IS NULL OR project = ?) AND (? IS NULL OR (project, model) > (?, ?)) "
        "ORDER BY project, model LIMIT ?",
        [
            request.project,
            request.project,
            after[0] if after else None,
            *(after or ("", "")),
            request.limit + 1,
        ],
    )
    items = [_model(read, row) for row in rows[: request.limit]]
    token = f"{items[-1].project}/{items[-1].name}" if len(rows) > request.limit else None
    return Page(items=items, next=token)


def show(read: Read, request: ModelShow) -> ModelDetail:
    """A model, and the version asked for (or the champion, or else the newest), as of now or of a time."""
    name, which = split_ref(request.model)
    project = project_of(read, name, request.project)
    row = read.one(
        "SELECT project, model, metric, direction FROM models WHERE project = ? AND model = ?",
        [project, name],
    )
    assert row is not None
    base = _model(read, row, request.as_of)
    if not base.versions:
        raise Problem(
            "no_such_model",
            f"model {name!r} had no version at that time",
            f"`mlops-tui model show {name}` shows it as it is now",
        )
    version = (
        base.aliases.get(CHAMPION, base.versions[-1].version)
        if not which
        else resolve(read, project, name, which, request.as_of)
    )
    return ModelDetail(
        name=base.name, project=project, aliases=base.aliases, versions=base.versions, metric=base.metric,
        direction=base.direction, selected=_detail(read, project, name, version, request.as_of), as_of=request.as_of,
    )  # fmt: skip


def history(read: Read, request: ModelHistory) -> Page[AliasMove]:
    """The moves of all aliases of a model, newest first; the token is a ledger sequence number."""
    project = project_of(read, request.model, request.project)
    before = int(request.page) if request.page and request.page.isdigit() else None
    rows = read.rows(
        "SELECT m.*, v.verdict FROM alias_moves m LEFT JOIN verdicts v ON v.verdict_id = m.verdict_id AND v.project = m.project AND v.model = m.model "
        "WHERE m.project = ? AND m.model = ? AND (? IS NULL OR m.seq < ?) ORDER BY m.seq DESC LIMIT ?",
        [project, request.model, before, before, request.limit + 1],
    )
    items = [_move(row) for row in rows[: request.limit]]
    return Page(items=items, next=str(items[-1].seq) if len(rows) > request.limit else None)


def compare(read: Read, request: ModelCompare) -> ModelComparison:
    """Two versions of one model: what went in, and how they did on the same rows where they were judged together."""
    name, first = split_ref(request.a)
    other, second = split_ref(request.b) if "@" in request.b else (name, request.b)
    if other != name:
        raise Problem(
            "two_models",
            f"{request.a} and {request.b} are versions of different models",
            "compare versions of one model",
            status=2,
        )
    project = project_of(read, name, request.project)
    a, b = resolve(read, project, name, first), resolve(read, project, name, second)
    left, right = version_row(read, project, name, a), version_row(read, project, name, b)
    assert left is not None and right is not None
    return model_compare.compare(read, left, right)


def card(read: Read, request: ModelCard) -> Card:
    """The model card of a version."""
    name, which = split_ref(request.model)
    project = project_of(read, name, request.project)
    version = resolve(read, project, name, which)
    detail = _detail(read, project, name, version, None)
    moves = read.rows("SELECT * FROM alias_moves WHERE project = ? AND model = ? AND (to_version = ? OR from_version = ?) ORDER BY seq", [project, name, version, version])  # fmt: skip
    row = version_row(read, project, name, version)
    assert row is not None
    return Card(model=name, version=version, markdown=model_card.markdown(project, name, detail, row, moves))


# --- deciding ---------------------------------------------------------------------------------------


def promote(tx: Tx, request: ModelPromote) -> AliasMove:
    """Moves an alias to a version, if the registry is as the caller believes and the gate lets it. Raises Problem."""
    project, name, version = _named_version(tx, request.model, request.project)
    row, current = _check_move(tx, request, project, name, version)
    _check_gate(tx, project, name, row, request.alias)
    return _append_move(
        tx,
        project,
        name,
        request.alias,
        current,
        version,
        _verdict_id(tx, project, name, version),
        request.reason,
    )


def plan_promote(read: Read, request: ModelPromote) -> Plan:
    """What `promote` would do; raises what it would raise."""
    project, name, version = _named_version(read, request.model, request.project)
    row, current = _check_move(read, request, project, name, version)
    _check_gate(read, project, name, row, request.alias)
    steps = [
        f"move {request.alias} of {name} from {current or 'none'} to {version}",
        f"the gate said {row['verdict'] or 'nothing'} of version {version}",
    ]
    return Plan(title=f"promote {name}@{version}", steps=steps, undo=f"mlops-tui model rollback {name}")


def rollback(tx: Tx, request: ModelRollback) -> AliasMove:
    """Moves an alias back to the version before the last move that was not itself a rollback's target. Raises Problem."""
    project, current, target = _rollback_target(tx, request)
    why = request.reason or "rollback"
    return _append_move(
        tx,
        project,
        request.model,
        request.alias,
        current,
        target,
        _verdict_id(tx, project, request.model, target),
        why,
        rollback=True,
    )


def plan_rollback(read: Read, request: ModelRollback) -> Plan:
    """What `rollback` would do; raises what it would raise."""
    _, current, target = _rollback_target(read, request)
    return Plan(
        title=f"roll {request.model} back",
        steps=[f"move {request.alias} of {request.model} from {current} to {target}"],
        undo=f"mlops-tui model promote {request.model}@{current}",
    )


def waive(tx: Tx, request: ModelWaive) -> Waiver:
    """Records that someone takes responsibility for one check of a version's gate, for a time."""
    project, name, version = _named_version(tx, request.model, request.project)
    row = version_row(tx, project, name, version)
    assert row is not None
    checks = [check["check"] for check in (row["gate"] or {}).get("checks", [])]
    if request.check not in checks:
        raise Problem("no_such_check", f"the gate of {name}@{version} has no check {request.check!r}",
                      f"its checks are: {'; '.join(checks) or 'none'}", status=2)  # fmt: skip
    if not request.reason.strip():
        raise Problem("reason_missing", "a waiver needs a reason", "--reason TEXT", status=2)
    verdict_id = _verdict_id(tx, project, name, version) or row["run_id"]
    expires = tx.now + request.lasts
    tx.append(
        "gate.waive", f"{name}@{version}",
        {"project": project, "model": name, "version": version, "verdict_id": verdict_id, "name": request.check,
         "reason": request.reason, "expires": expires, "by": tx.actor}, request.reason,
    )  # fmt: skip
    return Waiver(
        model=name,
        version=version,
        verdict_id=verdict_id,
        check=request.check,
        name=tx.actor,
        reason=request.reason,
        expires=expires,
    )


def evaluate(tx: Tx, request: ModelEvaluate) -> Run:
    """Queues a run that judges a version on a data version of its spine."""
    name, which = split_ref(request.model)
    project = project_of(tx, name, request.project)
    version = resolve(tx, project, name, which)
    row = version_row(tx, project, name, version)
    assert row is not None
    asked: dict[str, Any] = {"version": msgspec_pin(row)}
    if request.baseline:
        other = version_row(
            tx,
            project,
            name,
            resolve(
                tx,
                project,
                name,
                split_ref(request.baseline)[1] if "@" in request.baseline else request.baseline,
            ),
        )
        assert other is not None
        asked["baseline"] = msgspec_pin(other)
    pins = {}
    if request.data is not None:
        spine = str((row["manifest"] or {}).get("training", {}).get("source", ""))
        if (
            tx.one(
                "SELECT 1 AS found FROM data_versions WHERE project = ? AND source = ? AND version = ?",
                [project, spine, request.data],
            )
            is None
        ):
            raise Problem(
                "no_such_data",
                f"source {spine!r} has no version {request.data}",
                f"`mlops-tui data list {spine}` shows them",
                status=2,
            )
        pins[spine] = request.data
    place = tx.one("SELECT dir FROM projects WHERE name = ?", [project])
    spec = submit(
        tx, kind="evaluate", project=project, project_dir=str(place["dir"]) if place else "", model=name,
        client=request.client, pins=pins, request=asked, why=f"evaluate {name}@{version}",
    )  # fmt: skip
    return shown_run(tx, spec.run_id)


# --- inside -----------------------------------------------------------------------------------------


def msgspec_pin(row: dict[str, Any]) -> dict[str, Any]:
    """A version pin as plain data, for a run's request."""
    pin = pin_of(row)
    return {field: getattr(pin, field) for field in pin.__struct_fields__}


def _token(page: str | None) -> tuple[str, str] | None:
    if not page:
        return None
    project, slash, model = page.partition("/")
    if not slash:
        raise Problem(
            "bad_page", f"{page!r} is not a page of this list", "pass the `next` of the page before", status=2
        )
    return project, model


def _model(read: Read, row: dict[str, Any], as_of: int | None = None) -> Model:
    project, name = row["project"], row["model"]
    aliases = {}
    for move in read.rows(
        "SELECT DISTINCT alias FROM alias_moves WHERE project = ? AND model = ? ORDER BY alias",
        [project, name],
    ):
        version = alias_version(read, project, name, move["alias"], as_of)
        if version is not None:
            aliases[move["alias"]] = version
    rows = read.rows(
        "SELECT version, run_id, metrics, verdict, created FROM model_versions WHERE project = ? AND model = ? AND (? IS NULL OR created <= ?) ORDER BY version",
        [project, name, as_of, as_of],
    )
    versions = [
        ModelVersion(version=v["version"], run_id=v["run_id"], metrics=decode(v["metrics"], {}), verdict=v["verdict"], created=v["created"],
                     aliases=[alias for alias, number in aliases.items() if number == v["version"]])
        for v in rows
    ]  # fmt: skip
    return Model(
        name=name,
        project=project,
        aliases=aliases,
        versions=versions,
        metric=row["metric"] or "",
        direction=row["direction"] or "max",
    )


def _detail(read: Read, project: str, name: str, version: int, as_of: int | None) -> VersionDetail:
    row = version_row(read, project, name, version, as_of)
    if row is None:
        raise Problem(
            "no_such_version",
            f"model {name!r} had no version {version} at that time",
            f"`mlops-tui model show {name}` lists them",
            status=2,
        )
    waivers = read.rows("SELECT name AS \"check\", reason, expires, created FROM waivers WHERE project = ? AND model = ? AND version = ? ORDER BY seq", [project, name, version])  # fmt: skip
    aliases = read.rows(
        "SELECT DISTINCT alias FROM alias_moves WHERE project = ? AND model = ? ORDER BY alias",
        [project, name],
    )
    return VersionDetail(
        version=version, run_id=row["run_id"], metrics=row["metrics"] or {}, verdict=row["verdict"], created=row["created"],
        aliases=[a["alias"] for a in aliases if alias_version(read, project, name, a["alias"], as_of) == version],
        metric=row["metric"] or "", direction=row["direction"] or "max", gate=row["gate"],
        feature_service=row["feature_service"] or [], pins=row["pins"] or {}, training_rows=row["training_rows"] or 0,
        digest=row["digest"], tree=row["tree"], python=row["python"], params=(row["manifest"] or {}).get("params", {}),
        manifest=row["manifest"] or {}, waivers=waivers,
    )  # fmt: skip


def _named_version(read: Read | Tx, ref: str, project: str | None) -> tuple[str, str, int]:
    name, which = split_ref(ref)
    if not which:
        raise Problem(
            "version_missing",
            f"{ref!r} names no version",
            f"write {name}@VERSION; `mlops-tui model show {name}` lists them",
            status=2,
        )
    found = project_of(read, name, project)
    return found, name, resolve(read, found, name, which)


def _check_move(
    read: Read | Tx, request: ModelPromote, project: str, name: str, version: int
) -> tuple[dict[str, Any], int | None]:
    check_name(request.alias, "alias")
    row = version_row(read, project, name, version)
    assert row is not None
    current = alias_version(read, project, name, request.alias)
    _expect(request.expected_from, current, name, request.alias)
    if current == version:
        raise Problem(
            "already_there", f"{request.alias} of {name} is already version {version}", "nothing to do"
        )
    newest = _verdict_id(read, project, name, version)
    if request.verdict_id is not None and request.verdict_id != newest:
        raise Problem("verdict_changed", f"the newest verdict on {name}@{version} is {newest or 'none'}, not {request.verdict_id}",
                      f"look at it again: `mlops-tui model show {name}@{version}`", status=3)  # fmt: skip
    return row, current


def _expect(expected: int | None, current: int | None, name: str, alias: str) -> None:
    if expected is not None and expected != (current or 0):
        raise Problem(
            "alias_moved",
            f"{alias} of {name} is on {f'version {current}' if current else 'no version'} now, not on {expected or 'none'}",
            f"someone moved it: `mlops-tui model history {name}`",
            status=3,
        )


def _check_gate(read: Read | Tx, project: str, name: str, row: dict[str, Any], alias: str) -> None:
    """Only champion is guarded: serving reads it. Every check that did not pass must be waived, and not yet expired."""
    if alias != CHAMPION or row["verdict"] == "PASS":
        return
    gate = row["gate"] or {}
    open_waivers = {w["name"] for w in read.rows(
        "SELECT name FROM waivers WHERE project = ? AND model = ? AND version = ? AND expires > ?", [project, name, row["version"], read.now])}  # fmt: skip
    failing = [c["check"] for c in gate.get("checks", []) if c["verdict"] in ("FAIL", "INCONCLUSIVE")]
    left = [check for check in failing if check not in open_waivers]
    if failing and not left:
        return
    said = row["verdict"] or "nothing"
    raise Problem(
        "gate_not_passed",
        f"the gate said {said} of {name}@{row['version']}" + (f": {'; '.join(left)}" if left else ""),
        f"`mlops-tui model show {name}@{row['version']}` shows why; `mlops-tui model waive` takes responsibility for a check",
        status=4,
    )


def _verdict_id(read: Read | Tx, project: str, name: str, version: int) -> str | None:
    row = read.one(
        "SELECT verdict_id FROM verdicts WHERE project = ? AND model = ? AND version = ? ORDER BY seq DESC LIMIT 1",
        [project, name, version],
    )
    return row["verdict_id"] if row else None


def _rollback_target(read: Read | Tx, request: ModelRollback) -> tuple[str, int, int]:
    """Walks the moves like an undo stack: a rollback takes the newest promotion back, a second one the one before it."""
    project = project_of(read, request.model, request.project)
    stack: list[int] = []
    for move in read.rows(
        "SELECT m.to_version, l.verb, l.data FROM alias_moves m JOIN ledger l ON l.seq = m.seq WHERE m.project = ? AND m.model = ? AND m.alias = ? ORDER BY m.seq",
        [project, request.model, request.alias],
    ):
        if decode(move["data"], {}).get("rollback") and len(stack) > 1:
            stack.pop()
        elif move["to_version"] is not None:
            stack.append(int(move["to_version"]))
    current = stack[-1] if stack else None
    _expect(request.expected_from, current, request.model, request.alias)
    if len(stack) < 2:
        raise Problem("nothing_to_roll_back", f"{request.alias} of {request.model} was never on another version",
                      f"`mlops-tui model history {request.model}` shows its moves")  # fmt: skip
    return project, stack[-1], stack[-2]


def _append_move(
    tx: Tx,
    project: str,
    name: str,
    alias: str,
    current: int | None,
    to: int,
    verdict_id: str | None,
    why: str,
    rollback: bool = False,
) -> AliasMove:
    seq = tx.append(
        "alias.move", f"{name}@{alias}",
        {"project": project, "model": name, "alias": alias, "from": current, "to": to, "verdict_id": verdict_id, "why": why, "rollback": rollback}, why,
    )  # fmt: skip
    row = version_row(tx, project, name, to)
    return AliasMove(project=project, model=name, alias=alias, from_=current, to=to, verdict_id=verdict_id, verdict=row["verdict"] if row else None,
                     why=why, actor=tx.actor, time=tx.now, seq=seq)  # fmt: skip


def _move(row: dict[str, Any]) -> AliasMove:
    return AliasMove(project=row["project"], model=row["model"], alias=row["alias"], from_=row["from_version"], to=row["to_version"],
                     verdict_id=row["verdict_id"], verdict=row["verdict"], why=row["why"] or "", actor=row["actor"], time=row["time"], seq=row["seq"])  # fmt: skip
