"""Records of a benchmark as a table for people."""

from __future__ import annotations

from typing import Any

from castline.benchmark import table_rows


def record(method: str, rule: str, ece: float | None) -> dict[str, Any]:
    return {
        **{"series": "s", "method": method, "protocol": "released", "rule": rule, "lines": 200},
        **{"correct": 190, "accuracy": 95.0, "ece": ece},
        **{"seconds": 1.0, "cpu_seconds": 1.0, "peak_mb": 100.0},
    }


def test_the_table_tells_the_calibration_error_of_methods_that_have_one() -> None:
    records = [
        *(record("plain", "code-s", None), record("plain", "paper", None)),
        *(record("sure", "code-s", 1.234), record("sure", "paper", 5.0)),
    ]
    header, rows = table_rows(records)

    column = header.index("ECE")
    assert header[column - 1] == "paper"
    assert [row[column] for row in rows] == ["–", "1.23"]
    assert {len(row) for row in rows} == {len(header)}


def test_the_table_of_methods_without_confidences_has_no_such_column() -> None:
    header, rows = table_rows([record("plain", "code-s", None)])

    assert "ECE" not in header
    assert len(rows[0]) == len(header)
