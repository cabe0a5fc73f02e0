"""Which rows train and which judge. Evaluation rows are mature, labelled, and later than all training rows; without
event time a hash of the key parts them, the same way for every version of the data."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from mlops_store.atomic import canonical, sha256_bytes
from mlops_store.errors import Problem

ROLE = "__role"
TRAIN, EVAL, HISTORY = "train", "eval", "history"
MIN_EVAL = 30
"""A newest batch with fewer labelled rows judges together with the ones before it."""
MIN_TRAIN = 10

Mask = npt.NDArray[np.bool_]
Times = npt.NDArray[np.int64]


@dataclass
class Rule:
    """How rows are told apart. `by` is "time" or "key_hash"; `kind` is newest_batch, last_share or key_hash."""

    by: str
    key: list[str]
    share: float
    kind: str = ""

    def as_dict(self) -> dict[str, Any]:
        said: dict[str, Any] = {"by": self.by, "kind": self.kind}
        if self.kind == "key_hash":
            said["key"] = self.key
        if self.kind != "newest_batch":
            said["test_share"] = self.share
        return said


@dataclass
class Rows:
    """The spine's rows as arrays of one length: event time (us, None = no time), batch number, labelled and mature."""

    batch: npt.NDArray[np.int64]
    usable: Mask
    time: Times | None = None
    batches: list[str] = field(default_factory=list)


@dataclass
class Choice:
    train: Mask
    eval: Mask
    rule: Rule
    seen: Mask | None = None
    """Rows that would judge and do not, since the champion was trained on them."""


def choose(
    rows: Rows, rule: Rule, key_side: Mask | None, champion_until: int | None, seen: Mask | None = None
) -> Choice:
    """Parts the usable rows. `key_side` (True = evaluation) is for a rule by key hash; `champion_until` (us) is the
    champion's newest training row: where enough rows are later than it, only those judge. Of these, rows that trained
    the champion under another time or file (`seen`) judge nothing; where they are most of them, they stay, for the
    gate to refuse. Raises Problem."""
    if rule.by == "key_hash" or rows.time is None:
        assert key_side is not None
        rule.kind = "key_hash"
        choice = Choice(rows.usable & ~key_side, rows.usable & key_side, rule)
    else:
        choice = _by_time(rows, rows.time, rule)
        if champion_until is not None:
            later = choice.eval & (rows.time > champion_until)
            if later.sum() >= MIN_EVAL:
                choice.eval = later
    if seen is not None:
        fresh = choice.eval & ~seen
        if fresh.sum() >= MIN_EVAL or _enough(fresh, choice.eval):
            choice.seen = choice.eval & seen
            choice.eval = fresh
    trained, judged = int(choice.train.sum()), int(choice.eval.sum())
    if trained < MIN_TRAIN or judged < 1:
        raise Problem(
            "too_few_rows",
            f"{int(rows.usable.sum())} mature, labelled rows give {trained} to train on and {judged} to judge by",
            f"at least {MIN_TRAIN} and 1 are needed: add data, or shorten label_delay",
        )
    return choice


def _by_time(rows: Rows, time: Times, rule: Rule) -> Choice:
    numbers = np.unique(rows.batch[rows.usable])
    if len(numbers) >= 2:
        newest = _newest_batches(rows, time, numbers)
        for eval_, train in _cuts(rows, time, newest):
            if _enough(eval_, newest & rows.usable) and _enough(train, rows.usable & ~newest):
                rule.kind = "newest_batch"
                return Choice(train, eval_, rule)
    rule.kind = "last_share"
    known = np.sort(time[rows.usable])
    if not len(known):
        return Choice(rows.usable, rows.usable, rule)
    cut = known[max(0, int(np.ceil(len(known) * (1 - rule.share))) - 1)]
    return Choice(rows.usable & (time <= cut), rows.usable & (time > cut), rule)


def _newest_batches(rows: Rows, time: Times, numbers: npt.NDArray[np.int64]) -> Mask:
    """The batch whose usable rows reach furthest in time, with the ones before it while there are too few rows."""
    last = {int(n): int(time[rows.usable & (rows.batch == n)].max()) for n in numbers}
    order = sorted(last, key=lambda n: (last[n], n), reverse=True)
    chosen: Mask = rows.batch == order[0]
    for number in order[1:-1]:
        if (chosen & rows.usable).sum() >= MIN_EVAL:
            break
        chosen = chosen | (rows.batch == number)
    return chosen


def _cuts(rows: Rows, time: Times, newest: Mask) -> list[tuple[Mask, Mask]]:
    """(evaluation, training): judge on what is later than the other batches; or train on what is earlier than the newest."""
    judge: Mask = rows.usable & newest
    learn: Mask = rows.usable & ~newest
    return [
        (judge & (time > time[learn].max()), learn),
        (judge, learn & (time < time[judge].min())),
    ]


def _enough(part: Mask, whole: Mask) -> bool:
    return bool(part.sum() >= max(1, 0.5 * whole.sum()))


def key_side(frame: pl.DataFrame, key: list[str], share: float) -> Mask:
    """True for the rows whose key hashes to the evaluation side: always the same side for the same key."""
    text = frame.select(
        pl.concat_str([pl.col(k).cast(pl.String).fill_null("\0") for k in key], separator="\x1f")
    ).to_series()
    distinct = text.unique()
    limit = int(share * 2**64)
    side = [int.from_bytes(hashlib.sha256(value.encode()).digest()[:8], "big") < limit for value in distinct]
    lookup = pl.DataFrame({"key": distinct, "side": pl.Series(side, dtype=pl.Boolean)})
    found = text.alias("key").to_frame().join(lookup, on="key", how="left", maintain_order="left")
    return np.asarray(found["side"].to_numpy(), dtype=np.bool_)


def evaluation_key(source: str, batches: list[str], rule: Rule) -> str:
    """Identity of the rows that judge: the files they come from and how they are told apart. By time, the share is not
    part of it: another share of the same files is practically the same rows."""
    said = rule.as_dict() if rule.by == "key_hash" else {"by": rule.by}
    return sha256_bytes(canonical([source, sorted(batches), said]))
