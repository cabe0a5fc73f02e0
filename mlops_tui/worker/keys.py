"""How the keys of a data version differ from those of the version before."""

from __future__ import annotations

import polars as pl

from mlops_store.home import Home
from mlops_store.records import BatchFile, Manifest

_MAX_ROWS = 50_000_000  # beyond it the count would cost more than it tells


def key_changes(home: Home, base: Manifest | None, new: Manifest, key: list[str]) -> dict[str, int] | None:
    """`{added, removed, again, current}`: keys only in the new version, only in the old one, in both a new and a kept file, and all there are:
    each has one row that counts, the last to arrive.

    None where the source has no key or the version is too large to count.
    """
    if not key or new.rows > _MAX_ROWS:
        return None
    old = {file.sha256: file for file in (base.files if base else [])}
    now = {file.sha256: file for file in new.files}
    came = _keys(home, [file for sha, file in now.items() if sha not in old], key)
    went = _keys(home, [file for sha, file in old.items() if sha not in now], key)
    kept = _keys(home, [file for sha, file in now.items() if sha in old], key)
    return {
        "added": came.join(kept, on=key, how="anti").join(went, on=key, how="anti").height,
        "removed": went.join(kept, on=key, how="anti").join(came, on=key, how="anti").height,
        "again": came.join(kept, on=key, how="semi").height,
        "current": pl.concat([came, kept]).unique().height,
    }


def _keys(home: Home, files: list[BatchFile], key: list[str]) -> pl.DataFrame:
    """The distinct keys of some files, as text (a key column may have been widened between versions)."""
    frames = [
        pl.scan_parquet(home.resolve(file.stored), glob=False).select(
            pl.col(name).cast(pl.String) for name in key
        )
        for file in files
    ]
    if not frames:
        return pl.DataFrame(schema=dict.fromkeys(key, pl.String))
    return pl.concat(frames).unique().collect()
