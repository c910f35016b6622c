#!/usr/bin/env python3
"""What DuckDB and Polars add up over tables of infercost: `python3 benches/fleet/other_engines.py DIR`.

Prints one JSON object: for each engine, by model, the single requests and requests under load that a report counts, their
failures, tokens and cost. Costs are texts: decimals as the engine holds them.
Needs the packages duckdb and polars.
"""
import json
import sys
from pathlib import Path

import duckdb
import polars

FIELDS = ("inferences", "failures", "input_tokens", "output_tokens", "cost")


def by_duckdb(files):
    rows = duckdb.execute(
        "SELECT model, COUNT(*), SUM(failed::INT), SUM(input_tokens), SUM(output_tokens), SUM(cost) "
        "FROM read_parquet($files, hive_partitioning = false) WHERE counted GROUP BY model",
        {"files": files},
    ).fetchall()
    return {model: dict(zip(FIELDS, values)) for model, *values in rows}


def by_polars(files):
    frame = polars.scan_parquet(files, hive_partitioning=False).filter(polars.col("counted"))
    rows = frame.group_by("model").agg(
        polars.len().alias("inferences"),
        polars.col("failed").sum().alias("failures"),
        polars.col("input_tokens").sum(),
        polars.col("output_tokens").sum(),
        polars.col("cost").sum(),
    )
    return {row["model"]: {field: row[field] for field in FIELDS} for row in rows.collect().to_dicts()}


def main():
    folder = Path(sys.argv[1])
    files = sorted(str(path) for path in folder.glob("inferences/*/*/*.parquet"))
    answers = {"duckdb": by_duckdb(files), "polars": by_polars(files)}
    for models in answers.values():
        for model in models.values():
            model["cost"] = None if model["cost"] is None else str(model["cost"])
            for field in FIELDS[:-1]:
                model[field] = None if model[field] is None else int(model[field])
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
