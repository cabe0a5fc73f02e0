"""Write the clinic's batch files from the breast cancer data that scikit-learn carries.

The patient ids are made up: P0001 … P0569 in the order of scikit-learn's file. Rows go to the three
batches by a hash of the id, so the batches are alike and the split does not follow the file's order.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import polars as pl
from sklearn.datasets import load_breast_cancer

HERE = Path(__file__).resolve().parent
BATCHES = 3


def batch_of(patient_id: str) -> int:
    return int(hashlib.sha256(patient_id.encode()).hexdigest()[:8], 16) % BATCHES + 1


def main() -> None:
    data = load_breast_cancer()
    names = [str(name).replace(" ", "_") for name in data.feature_names]
    ids = [f"P{row:04d}" for row in range(1, len(data.target) + 1)]
    frame = pl.DataFrame(data.data, schema=names).with_columns(
        malignant=pl.Series(data.target == 0).cast(pl.Int8),  # scikit-learn: 0 = malignant, 1 = benign
        patient_id=pl.Series(ids),
        batch=pl.Series([batch_of(patient) for patient in ids]),
    )
    folder = HERE / "data" / "patients"
    folder.mkdir(parents=True, exist_ok=True)
    for (batch,), rows in frame.partition_by("batch", as_dict=True, maintain_order=True).items():
        rows.select("patient_id", *names, "malignant").write_csv(folder / f"batch-{batch}.csv")


if __name__ == "__main__":
    main()
