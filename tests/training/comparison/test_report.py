"""What a person reads, from results made up to be checked by eye."""

import json
from pathlib import Path

from comparison_parts import result

from training.comparison.contestants import MATCHED
from training.comparison.report import write_report
from training.comparison.tables import HEADS, rows_of

PNG = b"\x89PNG"


def _results() -> list:
    found = []
    for dataset in ("fish", "nyala"):
        for seed in (0, 1):
            gain = 0.1 * seed
            for name, spends, last in (
                ("none", [0, 0], 0.2),
                ("aas", [10, 15], 0.5 + gain),
                ("random", [20, 40], 0.3),
                ("random" + MATCHED, [7, 15], 0.28),
            ):
                found.append(result(name, seed, spends, [0.2, last], dataset=dataset))
    return found


def test_the_table_says_cost_and_figures() -> None:
    rows = {row[0]: row for row in rows_of(_results(), "fish")}
    assert all(len(row) == len(HEADS) for row in rows.values())
    assert rows["frozen start"][1:5] == ["0", "0", "–", "0.100 ± 0.000"]
    assert rows["AAS"][1:5] == ["15", "0.297", "47 %", "0.550 ± 0.071"]
    assert rows["SpCL (nothing asked)"][1:5] == ["0", "0.000", "–", "0.200 ± 0.000"]


def test_a_report_is_whole(tmp_path: Path) -> None:
    rows = write_report(_results(), tmp_path)
    assert rows == rows_of(_results(), None)
    text = (tmp_path / "comparison.md").read_text(encoding="utf-8")
    for picture in tmp_path.glob("*.png"):
        assert picture.read_bytes().startswith(PNG) and f"({picture.name})" in text
    assert len(list(tmp_path.glob("*.png"))) == 3  # two data sets and both
    # random has asked 15 of 20 pairs of its first cycle: 0.1 + 15 / 20 * (0.2 - 0.1)
    assert "| Random | 0.175 ± 0.000 |" in text
    assert "| Random | mAP | end | +0.250 [+0.200, +0.300] |" in text
    assert "| Random | mAP | AAS's spend | +0.375 [+0.325, +0.425] |" in text
    assert "| Random, as many pairs as AAS | mAP | end | +0.270 [+0.220, +0.320] |" in text
    assert "4 of 4" in text and "strangers 2" in text
    found = json.loads((tmp_path / "comparison.json").read_text(encoding="utf-8"))
    assert len(found["runs"]) == 16
    assert [point["spent"] for point in found["curves"]["all"]["aas"]["mAP"]] == [0, 10, 15]


def test_one_data_set_without_aas_or_strangers_is_reported_too(tmp_path: Path) -> None:
    runs = [result(name, 0, [20], [None], start=None) for name in ("none", "random_no_np3")]
    rows = write_report(runs, tmp_path)
    assert rows[0][0] == "frozen start" and rows[0][4] == "–"
    assert rows_of([result("none", 0, [0], [0.25])], None)[1][4] == "0.250"  # no deviation of one seed
    text = (tmp_path / "comparison.md").read_text(encoding="utf-8")
    assert "AAS minus" not in text and "## beasts" in text
    assert "ablations-beasts" in text and "Random, pseudo labels without NP3" in text
