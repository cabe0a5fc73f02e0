"""Data versions: immutable Parquet files and the manifest that names them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from mlops_store.atomic import canonical, read_json, read_json_if, sha256_bytes, write_json
from mlops_store.errors import Problem
from mlops_store.home import Home
from mlops_store.ids import check_name
from mlops_store.records import BatchFile, Column, Manifest


def snapshot_id(files: Iterable[BatchFile], schema: Iterable[Column]) -> str:
    """sha256 over the sorted (sha256, rows) of the files and the schema; paths, sizes and times are not identity."""
    identity = sorted((file.sha256, file.rows) for file in files)
    return sha256_bytes(canonical([identity, [[c.name, c.type, c.nullable] for c in schema]]))


class Snapshots:
    """The `data/` folder. Writers hold the source by being its only ingest run; readers need nothing."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def source_dir(self, project: str, source: str) -> Path:
        return self._home.data / check_name(project, "project") / check_name(source, "source")

    def stored_file(self, project: str, source: str, sha256: str) -> Path:
        """Where the immutable Parquet copy of a delivered file lies."""
        return self.source_dir(project, source) / "files" / f"{sha256}.parquet"

    def manifest_path(self, project: str, source: str, version: int) -> Path:
        return self.source_dir(project, source) / f"v{version:06d}" / "manifest.json"

    def write_manifest(self, manifest: Manifest) -> Path:
        """Written last: a version is there when its manifest is. What an ingest left that never became a version is replaced:
        a version is one only by its entry in the ledger."""
        path = self.manifest_path(manifest.project, manifest.source, manifest.version)
        manifest.path = self._home.relative(path)
        there = read_json_if(path, Manifest)
        if there is not None and there.snapshot == manifest.snapshot:
            return path
        write_json(path, manifest)
        return path

    def manifest(self, project: str, source: str, version: int) -> Manifest:
        return self.read(self.manifest_path(project, source, version))

    def read(self, path: Path) -> Manifest:
        """Raises Problem where there is none."""
        try:
            return read_json(path, Manifest)
        except FileNotFoundError:
            raise Problem(
                "manifest_missing",
                f"there is no data version at {path}",
                "`mlops-tui data list` shows the versions",
            ) from None
