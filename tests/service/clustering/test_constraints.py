"""The store against a closure worked out from scratch, and its log against kills at every byte."""

import json
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.clustering.constraints import Answer, ConstraintStore, Contradiction
from service.errors import InputError

IMAGES = 8
NAMES = [f"photo {i}.jpg" for i in range(IMAGES)]


def answers(most: int = 24):
    pair = st.tuples(st.integers(0, IMAGES - 1), st.integers(0, IMAGES - 1)).filter(lambda both: both[0] != both[1])
    return st.lists(st.tuples(pair, st.booleans()).map(lambda said: (*said[0], said[1])), max_size=most)


def closure(said) -> dict[tuple[int, int], str]:
    """Relations of all pairs, by applying both rules until nothing new follows."""
    known = {(i, i): "same" for i in range(IMAGES)}
    for u, v, same in said:
        known[u, v] = known[v, u] = "same" if same else "different"
    changed = True
    while changed:
        changed = False
        for (i, j), first in list(known.items()):
            for (k, m), second in list(known.items()):
                if j == k and (i, m) not in known and "same" in (first, second):
                    known[i, m] = second if first == "same" else first
                    changed = True
    return known


@settings(max_examples=150, deadline=None)
@given(answers())
def test_the_closure_is_that_of_the_answers_that_stand(said):
    store, standing, refused = ConstraintStore(IMAGES), [], []
    for u, v, same in said:
        implied = closure(standing).get((u, v))
        expected = implied == ("different" if same else "same")
        found = store.add(u, v, same)
        assert (found is not None) == expected
        (refused if expected else standing).append((min(u, v), max(u, v), same))
    known = closure(standing)
    for u in range(IMAGES):
        for v in range(IMAGES):
            assert store.relation(u, v) == known.get((u, v), "unknown")
    assert [tuple(answer) for answer in store.answers] == [(min(u, v), max(u, v), same) for u, v, same in said]
    assert len(store) == len(said)
    assert [tuple(found.answer) for found in store.contradictions] == refused
    assert store.must_link == list(dict.fromkeys((u, v) for u, v, same in standing if same))
    assert store.cannot_link == list(dict.fromkeys((u, v) for u, v, same in standing if not same))


@settings(max_examples=150, deadline=None)
@given(answers())
def test_the_cause_of_a_contradiction_is_a_chain_of_earlier_answers_that_implies_the_opposite(said):
    store = ConstraintStore()
    for u, v, same in said:
        before = {*((*pair, True) for pair in store.must_link), *((*pair, False) for pair in store.cannot_link)}
        found = store.add(u, v, same)
        if found is None:
            continue
        assert {tuple(answer) for answer in found.cause} <= before
        assert closure(found.cause)[u, v] == ("different" if same else "same")
        assert [answer.same for answer in found.cause].count(False) == int(same)
        ends = [{answer.u, answer.v} for answer in found.cause]
        assert found.answer.u in ends[0]
        assert found.answer.v in ends[-1]
        assert all(one & two for one, two in pairwise(ends))


def test_a_contradiction_names_the_shortest_chain():
    store = ConstraintStore()
    for u, v in [(0, 1), (1, 2), (2, 3), (0, 3), (5, 6)]:
        assert store.add(u, v, True) is None
    assert store.add(6, 2, False) is None
    found = store.add(3, 0, False)
    assert found == Contradiction(Answer(0, 3, False), (Answer(0, 3, True),))
    assert str(found) == "0 and 3 are different, but earlier: 0 and 3 are the same"
    assert store.add(5, 0, True) == Contradiction(
        Answer(0, 5, True),
        (Answer(0, 1, True), Answer(1, 2, True), Answer(2, 6, False), Answer(5, 6, True)),
    )
    assert store.relation(0, 5) == "different"


def test_a_long_chain_of_many_images_is_followed():
    store = ConstraintStore()
    many = 20_000
    store.add_all((i, i + 1, True) for i in range(many))
    store.add(many, many + 1, False)
    assert store.relation(0, many) == "same"
    assert store.relation(0, many + 1) == "different"
    found = store.add(many, 0, False)
    assert found is not None
    assert len(found.cause) == many


def test_numbers_of_numpy_are_images_too():
    store = ConstraintStore(5)
    store.add(np.int64(3), np.int32(1), np.True_)
    assert store.answers == [(1, 3, True)]
    assert all(type(value) is kind for value, kind in zip(store.answers[0], (int, int, bool), strict=True))
    assert store.relation(np.int64(1), np.int64(3)) == "same"


@pytest.mark.parametrize("pair", [(2, 2), (-1, 0), (0, 5), (0.5, 1), ("0", 1)])
def test_what_is_no_pair_is_refused_before_anything_is_kept(tmp_path, pair):
    store = ConstraintStore.open(tmp_path / "answers.jsonl", NAMES[:5])
    with pytest.raises(InputError, match=r"pair|whole numbers"):
        store.add_all([(0, 1, True), (*pair, True)])
    assert len(store) == 0
    assert not (tmp_path / "answers.jsonl").exists()


@settings(max_examples=40, deadline=None)
@given(answers(), answers(6))
def test_a_store_reopened_is_the_same_store(tmp_path_factory, said, more):
    path = tmp_path_factory.mktemp("answers") / "run" / "answers.jsonl"
    store = ConstraintStore.open(path, NAMES)
    for u, v, same in said:
        store.add(u, v, same)
    again, unkept = ConstraintStore.open(path, NAMES), ConstraintStore()
    assert (again.answers, again.contradictions) == (store.answers, store.contradictions)
    unkept.add_all(said)
    assert again.add_all(more) == unkept.add_all(more)
    last = ConstraintStore.open(path, NAMES)
    assert (last.answers, last.contradictions) == (unkept.answers, unkept.contradictions)


def test_a_line_names_the_images(tmp_path):
    path = tmp_path / "answers.jsonl"
    ConstraintStore.open(path, NAMES).add(7, 2, False)
    assert json.loads(path.read_text()) == {"u": 2, "v": 7, "same": False, "images": ["photo 2.jpg", "photo 7.jpg"]}


def test_a_kill_at_any_byte_of_the_last_line_costs_that_answer_at_most(tmp_path):
    path = tmp_path / "answers.jsonl"
    names = ["ä" * 20 + ".jpg", *NAMES[1:]]  # the lost line is longer than the one that takes its place
    store = ConstraintStore.open(path, names)
    store.add_all([(0, 1, True), (1, 2, False), (0, 3, True)])
    whole = path.read_bytes()
    last = whole.rindex(b"\n", 0, -1) + 1
    for end in range(last, len(whole) + 1):
        for rest in (b"", b"\0" * 100):
            if rest and end == len(whole):
                continue
            path.write_bytes(whole[:end] + rest)
            again = ConstraintStore.open(path, names)
            kept = (
                3 if end >= len(whole) - 1 and not rest else 2
            )  # only the newline is missing: nothing of the answer is
            assert again.answers == store.answers[:kept]
            again.add(4, 5, True)
            assert ConstraintStore.open(path, names).answers == [*store.answers[:kept], (4, 5, True)]
            assert path.read_bytes().count(b"\n") == kept + 1


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"u,v,same",
        b"[]",
        b'{"u": 0, "v": 1}',
        b'{"u": 1, "v": 0, "same": true, "images": ["photo 1.jpg", "photo 0.jpg"]}',
        b'{"u": 0, "v": 1, "same": 1, "images": ["photo 0.jpg", "photo 1.jpg"]}',
        b'{"u": 0.0, "v": 1, "same": true, "images": ["photo 0.jpg", "photo 1.jpg"]}',
        b'{"u": 0, "v": 1, "same": true, "images": ["photo 0.jpg"]}',
        b'{"u": 0, "v": 1, "same": tr',
        b"\xff\xfe",
        b'{"u": ' + b"[" * 30_000,
        b'{"u": ' + b" " * 70_000,
    ],
    ids=range(12),
)
def test_a_damaged_line_in_the_middle_is_refused_with_its_number(tmp_path, line):
    path = tmp_path / "answers.jsonl"
    ConstraintStore.open(path, NAMES).add_all([(0, 1, True), (1, 2, True)])
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + line + b"\n" + second)
    with pytest.raises(InputError, match=r"answers\.jsonl line 2 is damaged: not one answer"):
        ConstraintStore.open(path, NAMES)


@pytest.mark.parametrize("content", [b"some other file", b"u,v,same\n0,1,true\n", b"\x89PNG\r\n", b'{"format": 1'])
def test_somebody_elses_file_is_never_taken_for_a_torn_one(tmp_path, content):
    path = tmp_path / "answers.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match="line 1 is damaged"):
        ConstraintStore.open(path, NAMES)
    assert path.read_bytes() == content


def test_answers_about_other_images_are_refused(tmp_path):
    path = tmp_path / "answers.jsonl"
    ConstraintStore.open(path, NAMES).add_all([(0, 1, True), (1, 7, True)])
    with pytest.raises(
        InputError, match=r"line 2: image 7 is 'photo 7.jpg', here it is 'x.jpg'; answers of other images"
    ):
        ConstraintStore.open(path, [*NAMES[:7], "x.jpg"])
    with pytest.raises(InputError, match=r"line 2: image 7 is 'photo 7\.jpg', here it is not there"):
        ConstraintStore.open(path, NAMES[:7])


def test_two_writers_do_not_overwrite_each_other(tmp_path):
    path = tmp_path / "answers.jsonl"
    one, two = ConstraintStore.open(path, NAMES), ConstraintStore.open(path, NAMES)
    one.add(0, 1, True)
    with pytest.raises(InputError, match="written to by somebody else; open it again"):
        two.add(2, 3, True)
    assert len(two) == 0
    assert ConstraintStore.open(path, NAMES).answers == [(0, 1, True)]


def test_a_full_disk_leaves_the_file_and_the_store_as_they_were(tmp_path):
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    path = tmp_path / "answers.jsonl"
    store = ConstraintStore.open(path, NAMES)
    store.add(0, 1, True)
    before = path.read_bytes()
    limits, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 10, limits[1]))
        with pytest.raises(OSError, match="too large"):
            store.add(2, 3, True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert path.read_bytes() == before
    assert store.answers == [(0, 1, True)]
    store.add(4, 5, False)
    assert ConstraintStore.open(path, NAMES).answers == [(0, 1, True), (4, 5, False)]


def test_a_name_too_long_for_a_line_is_refused_when_it_is_written(tmp_path):
    store = ConstraintStore.open(tmp_path / "answers.jsonl", ["a", "b" * 70_000])
    with pytest.raises(InputError, match="names of images 0 and 1 are too long"):
        store.add(0, 1, True)
    assert len(store) == 0
