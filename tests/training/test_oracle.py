"""Who answers: the truth with a noise rate, a file, a person; and where answers are kept."""

import io
import json
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from service.clustering.constraints import ConstraintStore
from service.errors import InputError, NotFoundError
from training.answering.run_answers import ANSWERS, UNSURE, RunAnswers
from training.oracle import AnswersFile, GroundTruth, Terminal

NAMES = [f"photos/im{i}.jpg" for i in range(6)]
PAIRS = list(combinations(range(6), 2))


def test_the_truth_says_who_is_who():
    who = ["a", "b", "a", "c", "b", "a"]
    assert dict(GroundTruth(who).answer(PAIRS)) == {(u, v): who[u] == who[v] for u, v in PAIRS}


def test_noise_flips_its_share_whenever_and_in_whatever_order_a_pair_is_asked():
    who = [i % 40 for i in range(200)]
    pairs = list(combinations(range(200), 2))
    noisy = dict(GroundTruth(who, noise=0.2, seed=7).answer(pairs))
    wrong = {pair for pair, same in noisy.items() if same != (who[pair[0]] == who[pair[1]])}
    assert len(wrong) / len(pairs) == pytest.approx(0.2, abs=0.01)
    some = pairs[::-37]
    assert dict(GroundTruth(who, noise=0.2, seed=7).answer(some)) == {pair: noisy[pair] for pair in some}
    again = dict(GroundTruth(who, noise=0.2, seed=8).answer(pairs))
    assert len(wrong & {p for p, same in again.items() if same != noisy[p]}) > 0.5 * len(wrong), "another seed, others"
    with pytest.raises(InputError, match=r"in \[0, 1\)"):
        GroundTruth(who, noise=1.0)


def lines(*told: object) -> str:
    return "".join(json.dumps(line) + "\n" for line in told)


def said(first: int, second: int, same: object, **more: object) -> dict[str, object]:
    return {"images": [NAMES[first], NAMES[second]], "same": same, **more}


def test_a_file_answers_by_name_and_leaves_open_what_it_does_not_know(tmp_path: Path):
    path = tmp_path / "a.jsonl"
    path.write_text(
        lines(said(0, 1, True, u=40, v=41), said(3, 2, False), said(4, 5, None), said(0, 1, False))
        + "\n"
        + lines({"images": ["x", NAMES[0]], "same": True})
        + '{"images": ["photos/im0.jpg", "pho'
    )
    known = {(0, 1): True, (2, 3): False, (4, 5): None}
    read = AnswersFile(path, NAMES)
    assert dict(read.answer(PAIRS)) == known
    assert dict(AnswersFile(path, NAMES, "skip").answer(PAIRS)) == {pair: known.get(pair) for pair in PAIRS}
    assert "line 4" in read.notes[0] and "earlier answer stands" in read.notes[0]
    assert "1 answers about other images" in read.notes[1]


def test_a_file_may_be_the_log_of_another_run_with_other_numbers(tmp_path: Path):
    store = ConstraintStore.open(tmp_path / "log.jsonl", NAMES)
    for u, v, same in [(0, 3, True), (1, 2, False), (4, 5, True)]:
        store.add(u, v, same)
    turned = NAMES[::-1]
    assert dict(AnswersFile(tmp_path / "log.jsonl", turned).answer(PAIRS)) == {
        (2, 5): True,
        (3, 4): False,
        (0, 1): True,
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("not json\n", "line 1 is not an answer"),
        (lines(said(0, 1, True), {"images": ["a"], "same": True}), "line 2 is not an answer"),
        (lines(said(0, 1, "yes")), "line 1"),
        (lines(said(0, 0, True)), "line 1"),
        (lines([1, 2]), "line 1"),
        ("[" * 100_000 + "\n", "line 1"),
        ("\xff\xfe\n", "line 1"),
        (lines({"images": ["x", "y"], "same": True}), "other images: none of its 1 answers"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_in_one_line(text: str, says: str, tmp_path: Path):
    (tmp_path / "a.jsonl").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=says) as caught:
        AnswersFile(tmp_path / "a.jsonl", NAMES)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    with pytest.raises(NotFoundError, match="no answers file"):
        AnswersFile(tmp_path / "nowhere", NAMES)
    with pytest.raises(InputError, match="cannot be read"):
        AnswersFile(tmp_path, NAMES)


def test_an_empty_file_knows_nothing(tmp_path: Path):
    (tmp_path / "a.jsonl").write_text("")
    assert list(AnswersFile(tmp_path / "a.jsonl", NAMES).answer(PAIRS)) == []


def typed(keys: str, monkeypatch: pytest.MonkeyPatch, pairs: list[tuple[int, int]]) -> tuple[list, str]:
    """What a person's keys become, and what the person sees."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{key}\n" for key in keys)))
    shown = io.StringIO()
    found = list(Terminal(NAMES, Console(file=shown, width=200)).answer(pairs))
    return found, shown.getvalue()


def test_a_person_answers_key_by_key(monkeypatch: pytest.MonkeyPatch):
    pairs = PAIRS[:3]
    found, shown = typed("sD?", monkeypatch, pairs)
    assert found == [(pairs[0], True), (pairs[1], False), (pairs[2], None)]
    assert "1/3  photos/im0.jpg  |  photos/im1.jpg" in shown and "3/3" in shown
    assert "undo" in shown and "quit" in shown
    assert typed("s", monkeypatch, []) == ([], "")


@pytest.mark.parametrize("keys", ["sq", "s", "sxxq", "s\n\n"])
def test_a_person_may_stop_and_the_rest_stays_open(keys: str, monkeypatch: pytest.MonkeyPatch):
    """By q, by the end of the input, and after keys that mean nothing."""
    assert typed(keys, monkeypatch, PAIRS[:3])[0] == [(PAIRS[0], True)]


def test_undo_goes_back_and_answers_anew(monkeypatch: pytest.MonkeyPatch):
    a, b, c = PAIRS[:3]
    assert typed("suddd", monkeypatch, [a, b, c])[0] == [(a, True), (a, False), (b, False), (c, False)]
    assert typed("suq", monkeypatch, [a, b])[0] == [(a, True)], "an answer stands until another is given"
    assert typed("usq", monkeypatch, [a, b])[0] == [(a, True)], "there is nothing before the first"
    assert typed("ssuuudds", monkeypatch, [a, b, c])[0] == [(a, True), (b, True), (a, False), (b, False), (c, True)]


def told(folder: Path) -> dict[tuple[int, int], bool | None]:
    """All answers of a folder, read anew."""
    read = RunAnswers(folder, NAMES)
    return {pair: read[pair] for pair in PAIRS if pair in read}


@settings(max_examples=60, deadline=None)
@given(
    given_answers=st.lists(st.tuples(st.sampled_from(PAIRS), st.sampled_from([True, False, None])), max_size=14),
    reopened=st.sets(st.integers(0, 13)),
)
def test_answers_and_corrections_are_kept_as_given(tmp_path_factory, given_answers, reopened):
    """Against a dict, and a store that never saw what was corrected."""
    folder = tmp_path_factory.mktemp("run")
    kept, expected = RunAnswers(folder, NAMES), {}
    for place, (pair, same) in enumerate(given_answers):
        if place in reopened:
            kept = RunAnswers(folder, NAMES)
        kept.give(pair, same)
        expected[pair] = same
        assert told(folder) == expected
    assert {pair: kept[pair] for pair in PAIRS if pair in kept} == expected
    fresh = ConstraintStore(len(NAMES))
    for u, v, same in kept.store.answers:
        fresh.add(u, v, same)
    again = RunAnswers(folder, NAMES).store
    for store in (fresh, again):
        assert (store.answers, store.must_link, store.cannot_link) == (
            kept.store.answers,
            kept.store.must_link,
            kept.store.cannot_link,
        )
    assert {(u, v): same for u, v, same in again.answers} == {p: s for p, s in expected.items() if s is not None}
    assert len(again.answers) == len({answer[:2] for answer in again.answers})


def test_a_correction_stays_in_its_place_and_says_what_was_before(tmp_path: Path):
    kept = RunAnswers(tmp_path, NAMES)
    for pair, same in [((0, 1), True), ((1, 2), True), ((0, 1), False), ((0, 1), True), ((0, 1), False)]:
        kept.give(pair, same)
    first, second = map(json.loads, (tmp_path / ANSWERS).read_text().splitlines())
    assert (first["u"], first["v"], first["same"], first["before"]) == (0, 1, False, [True, False, True])
    assert "before" not in second
    assert kept.store.relation(0, 2) == "different"


def test_a_contradiction_is_kept_told_by_name_and_changes_nothing(tmp_path: Path):
    kept = RunAnswers(tmp_path, NAMES)
    assert kept.give((0, 1), True) is None
    assert kept.give((1, 2), False) is None
    found = kept.give((0, 2), True)
    assert found is not None
    line = kept.told(found)
    assert line.startswith(
        "photos/im0.jpg and photos/im2.jpg are the same, but earlier: photos/im0.jpg and photos/im1.jpg"
    )
    assert "photos/im1.jpg and photos/im2.jpg differ" in line
    assert RunAnswers(tmp_path, NAMES).contradictions(PAIRS) == [line]
    assert RunAnswers(tmp_path, NAMES).contradictions([(0, 1)]) == []
    assert kept.store.relation(0, 2) == "different"
    assert kept.give((0, 2), False) is None, "corrected"
    assert kept.contradictions(PAIRS) == []


def test_a_line_cut_off_by_a_kill_was_never_given(tmp_path: Path):
    kept = RunAnswers(tmp_path, NAMES)
    for pair in PAIRS[:3]:
        kept.give(pair, None)
    whole = (tmp_path / UNSURE).read_bytes()
    for cut in range(1, len(whole) - whole.rindex(b"\n", 0, -1) - 1):
        (tmp_path / UNSURE).write_bytes(whole[:-cut])
        assert told(tmp_path) == dict.fromkeys(PAIRS[: 2 if cut else 3])
        RunAnswers(tmp_path, NAMES).give(PAIRS[2], None)
        assert (tmp_path / UNSURE).read_bytes() == whole


@pytest.mark.parametrize(
    "line", ["{}", "[]", '{"u": 0, "v": 1, "images": ["other", "names"]}', '{"u": 0, "v": 99, "images": ["a", "b"]}']
)
def test_damage_in_the_other_file_is_named(line: str, tmp_path: Path):
    (tmp_path / UNSURE).write_text(line + "\n")
    with pytest.raises(InputError, match=r"cannot_tell.jsonl line 1"):
        RunAnswers(tmp_path, NAMES)


def test_an_answer_that_was_not_given_is_not_there(tmp_path: Path):
    kept = RunAnswers(tmp_path, NAMES)
    assert (0, 1) not in kept
    with pytest.raises(KeyError):
        kept[0, 1]
    assert list(tmp_path.iterdir()) == [], "reading writes nothing"
