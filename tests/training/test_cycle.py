"""The loop: what the paper's Algorithm 1 says, file by file, killed anywhere, and on input that has nothing to ask."""

import json
import re
import shutil
from itertools import count
from pathlib import Path

import faiss
import numpy as np
import pytest
import torch
from loop_parts import NAMES, WHO, N, head, loop, points, run, settings
from PIL import Image

from service.clustering.dbscan import dbscan
from service.clustering.finch import finch, finch_level0
from service.clustering.jaccard import jaccard
from service.clustering.knn import knn
from service.clustering.np3 import np3
from service.errors import ArtifactError, InputError
from training.answering.contact_sheet import SheetRow, write_sheets
from training.arcface.train_head import one_thread
from training.cycle import PairsOpen
from training.memory import HybridMemory
from training.oracle import AnswersFile, GroundTruth
from training.reliability import spcl_reliability
from training.samplers.registry import SAMPLERS
from training.samplers.state import State
from training.stages.settings import PUBLISHED, LoopSettings


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Work this small is many times slower on two threads."""
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    with one_thread():
        yield
    faiss.omp_set_num_threads(threads)


class Killed(BaseException):
    """The process ends here."""


class ThenDies:
    """The truth, and the end of the process after so many answers."""

    def __init__(self, answers: int) -> None:
        self._left = answers

    def answer(self, pairs):
        for told in GroundTruth(WHO).answer(pairs):
            if not self._left:
                raise Killed
            self._left -= 1
            yield told


def same_files(one: Path, two: Path) -> None:
    """Every file of two runs, byte for byte; answers may only differ in nothing at all."""
    names = sorted(path.relative_to(one) for path in one.rglob("*") if path.is_file())
    assert names == sorted(path.relative_to(two) for path in two.rglob("*") if path.is_file())
    for name in names:
        if name.suffix == ".npz":  # zip files carry the time of day
            first, second = np.load(one / name), np.load(two / name)
            assert all((first[key] == second[key]).all() for key in first.files)
        else:
            assert (one / name).read_bytes() == (two / name).read_bytes(), name


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "whole"
    run(folder)
    return folder


def algorithm_1(asked: LoopSettings, who, learner):
    """The paper's loop, straight down, in memory, with every constraint as a plain list."""
    n = len(who)
    memory = HybridMemory(torch.from_numpy(learner.embed()))
    same, different, questions, threshold = [], [], [], None
    for epoch in range(asked.epochs):
        x = memory.rows()
        graph = knn(x, asked.k1)
        distances = jaccard(x, asked.k1, asked.k2, asked.keep, knn=graph)
        if epoch % asked.period == 0 and epoch // asked.period < asked.cycles:
            raw_a, raw_b = dbscan(distances, asked.dbscan_eps, asked.min_samples), finch_level0(x, graph)
            a, b = (np.asarray(np3(raw, same, different, x)[0]) for raw in (raw_a, raw_b))
            state = State(
                x, graph, distances, raw_a, a, b, _Known(same, different, n), epoch // asked.period, asked.seed
            )
            chosen = SAMPLERS[asked.sampler](state, asked.pairs_a_cycle(n))
            for u, v in chosen:
                (same if who[u] == who[v] else different).append((u, v))
            questions.append(chosen)
        at = [
            dbscan(distances, eps, asked.min_samples)
            for eps in (asked.dbscan_eps, asked.dbscan_eps - asked.gap, asked.dbscan_eps + asked.gap)
        ]
        labels, threshold = spcl_reliability(*at, threshold)
        memory.relabel(np3(labels, same, different, x)[0])
        learner.epoch(memory, epoch)
    return questions, memory.rows()


class _Known:
    """What follows from plain lists, by brute force."""

    def __init__(self, same, different, n) -> None:
        self.group = np.arange(n)
        for _ in range(n):
            for u, v in same:
                self.group[self.group == self.group[u]] = self.group[v]
        self.must_link, self.different = same, different

    def relation(self, u, v):
        g = self.group
        if g[u] == g[v]:
            return "same"
        return "different" if any({g[u], g[v]} == {g[p], g[q]} for p, q in self.different) else "unknown"


@pytest.mark.parametrize("sampler", ["aas", "random"])
def test_a_run_is_algorithm_1(sampler, tmp_path):
    asked = settings(sampler=sampler)
    done = run(tmp_path, asked=asked)
    questions, features = algorithm_1(asked, WHO, head())
    assert [cycle.asked for cycle in done] == questions
    assert sum(map(len, questions)) > asked.cycles, "there was something to ask"
    np.testing.assert_array_equal(done[-1].features, features)
    assert [answer for cycle in done for answer in cycle.answers] == [
        WHO[u] == WHO[v] for part in questions for u, v in part
    ]
    assert [cycle.spent for cycle in done] == np.cumsum([len(part) for part in questions]).tolist()


def test_a_cycle_leaves_a_file_a_stage(finished):
    stages = {"views.npz", "pools.json", "pairs.json", "answered.json", "epochs.json", "memory.safetensors"}
    for cycle in ("cycle_00", "cycle_01", "cycle_02"):
        assert {path.name for path in (finished / cycle).iterdir()} == stages | {"trained.safetensors", "trained.json"}
    pools = json.loads((finished / "cycle_00" / "pools.json").read_text())
    asked = json.loads((finished / "cycle_00" / "pairs.json").read_text())["pairs"]
    assert pools["budget"] == 6
    assert 0 < len(asked) <= min(6, pools["pools"]["under"] + pools["pools"]["over"])
    assert {pair["pool"] for pair in asked} <= {"under", "over"}
    assert asked[0]["images"] == [NAMES[asked[0]["u"]], NAMES[asked[0]["v"]]]
    log = [json.loads(line) for line in (finished / "answers.jsonl").read_text().splitlines()]
    told = [
        pair
        for cycle in range(3)
        for pair in json.loads((finished / f"cycle_0{cycle}/answered.json").read_text())["pairs"]
    ]
    assert [(line["u"], line["v"], line["same"]) for line in log] == [
        (pair["u"], pair["v"], pair["same"]) for pair in told
    ]


@pytest.mark.parametrize("files", [5, 6])
def test_a_run_killed_again_and_again_ends_with_the_same_bits(files, finished, tmp_path, monkeypatch):
    """Each attempt ends right after its so many-th file; the largest stage, a checkpoint, has four."""
    rename = Path.replace
    for attempt in count(1):
        done = count(1)

        def dies(partial, path, done=done):
            rename(partial, path)
            if next(done) == files:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", dies)
            try:
                loop(tmp_path / "r").run()
                break
            except Killed:
                pass
        assert attempt < 50
    assert attempt > 4
    same_files(finished, tmp_path / "r")


def test_a_run_killed_before_every_single_file_ends_with_the_same_bits(finished, tmp_path, monkeypatch):
    """Attempt k dies instead of its k-th rename, and the next attempt ends the run."""
    rename = Path.replace
    for dies_at in (0, 4, 8, 13, 17):
        left = count()

        def dies(partial, path, left=left, dies_at=dies_at):
            if next(left) == dies_at:
                raise Killed
            return rename(partial, path)

        folder = tmp_path / str(dies_at)
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(Path, "replace", dies)
            loop(folder).run()
        run(folder)
        same_files(finished, folder)


@pytest.mark.parametrize("where", ["epoch", "embed", "each_cycle", "bar"])
def test_a_run_killed_while_it_works_ends_with_the_same_bits(where, finished, tmp_path):
    """Also a learner that was thrown away half trained, and one that goes on in the same process."""
    for number in range(1, 4):
        learner, calls = head(), count(1)

        def dies(*_arguments, calls=calls, number=number):
            if next(calls) == number:
                raise Killed

        more, each_cycle = {}, lambda _done: None
        if where == "bar":
            more["bar"] = _bar_calling(dies)
        elif where == "each_cycle":
            each_cycle = dies
        elif where == "epoch" or number == 1:
            work = getattr(learner, where)

            def works_and_dies(*arguments, work=work, dies=dies):
                result = work(*arguments)
                dies()
                return result

            setattr(learner, where, works_and_dies)
        else:
            break
        one = loop(tmp_path / str(number), learner=learner, **more)
        with pytest.raises(Killed):
            one.run(each_cycle)
        one.run()
        same_files(finished, tmp_path / str(number))


def _bar_calling(dies):
    from contextlib import contextmanager

    @contextmanager
    def bar(_title):
        yield dies

    return bar


def test_an_answer_is_on_the_disk_the_moment_it_is_given_and_never_asked_again(finished, tmp_path):
    folder, heard = tmp_path / "r", []
    for attempts in count(1):
        try:
            run(folder, oracle=ThenDies(1))
            break
        except Killed:
            lines = (folder / "answers.jsonl").read_text().splitlines()
            heard.append(len(lines))
            assert heard == list(range(1, attempts + 1))
    same_files(finished, folder)


def test_a_finished_run_does_nothing_but_tell_again(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "r")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "r").rglob("*")}
    learner = head()
    first, again = run(tmp_path / "other"), run(tmp_path / "r", learner=learner, oracle=ThenDies(0))
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "r").rglob("*")} == before
    for one, two in zip(first, again, strict=True):
        assert (one.asked, one.answers, one.spent, one.pools) == (two.asked, two.answers, two.spent, two.pools)
        assert one.epochs == two.epochs and len(one.epochs) == 2
        np.testing.assert_array_equal(one.features, two.features)
    trained = head()
    trained.load(finished / "cycle_02" / "trained.safetensors")
    np.testing.assert_array_equal(learner.embed(), trained.embed())  # as after the last epoch
    assert np.abs(learner.embed() - head().embed()).max() > 0.01


def test_checkpoints_on_the_way_go_and_help(tmp_path):
    seen = []
    learner = head()
    work = learner.epoch

    def epoch(memory, number):
        seen.append(number)
        if seen == [0, 1, 2, 3, 4]:
            raise Killed
        return work(memory, number)

    learner.epoch = epoch
    asked = settings(cycles=1, epochs=7, checkpoint_every=2)
    with pytest.raises(Killed):
        run(tmp_path, learner=learner, asked=asked)
    assert [path.name for path in (tmp_path / "cycle_00").glob("epoch_*")] == ["epoch_00004"]
    run(tmp_path, learner=learner, asked=asked)
    assert seen == [0, 1, 2, 3, 4, 4, 5, 6]
    assert not list((tmp_path / "cycle_00").glob("epoch_*"))


def test_a_folder_answers_one_question(finished):
    for asked, says in (
        (settings(seed=4), "another seed"),
        (settings(cycles=2, sampler="nis"), "another sampler, cycles"),
    ):
        with pytest.raises(InputError, match=says):
            run(finished, asked=asked)
    with pytest.raises(InputError, match="another names_sha256"):
        run(finished, names=[f"x{name}" for name in NAMES])
    with pytest.raises(InputError, match="another bundle"):
        run(finished, question={"bundle": "other"})


def test_damaged_files_are_named(finished, tmp_path):
    for name in ("cycle_00/answered.json", "cycle_02/memory.safetensors", "cycle_01/epochs.json", "settings.json"):
        shutil.copytree(finished, tmp_path / "r")
        (tmp_path / "r" / name).write_bytes(b"\x00 damaged")
        with pytest.raises(ArtifactError, match=name.rpartition("/")[2]):
            run(tmp_path / "r")
        shutil.rmtree(tmp_path / "r")
    shutil.copytree(finished, tmp_path / "r")
    with (tmp_path / "r" / "answers.jsonl").open("a") as log:
        log.write("not an answer\n")
    with pytest.raises(InputError, match="damaged"):
        run(tmp_path / "r")


def test_a_run_waits_for_open_pairs_and_goes_on_with_a_file(finished, tmp_path):
    """Nobody answers at first; then a file knows half, then all: the end is the same as with the truth."""
    folder, whole = tmp_path / "r", (finished / "answers.jsonl").read_text().splitlines(keepends=True)
    half = tmp_path / "half.jsonl"
    half.write_text("".join(whole[::2]))
    with pytest.raises(PairsOpen, match="wait for an answer") as caught:
        run(folder, oracle=AnswersFile(half, NAMES))
    waiting = json.loads((folder / "cycle_00" / "open.json").read_text())
    assert (
        caught.value.open
        == len(waiting)
        == caught.value.pairs - len((folder / "answers.jsonl").read_text().splitlines())
    )
    assert not (folder / "cycle_00" / "epochs.json").exists(), "nothing is trained before the answers are there"
    assert set(waiting[0]) == {"u", "v", "images"}
    done = run(folder, oracle=AnswersFile(finished / "answers.jsonl", NAMES))
    assert not (folder / "cycle_00" / "open.json").exists()
    straight = run(tmp_path / "straight")
    assert [cycle.asked for cycle in done] == [cycle.asked for cycle in straight]
    np.testing.assert_array_equal(done[-1].features, straight[-1].features)


class Scripted:
    """Answers by a function of how often it was asked, and remembers what it was asked."""

    def __init__(self, answer) -> None:
        self.seen, self._answer = [], answer

    def answer(self, pairs):
        for pair in pairs:
            self.seen.append(pair)
            yield pair, self._answer(len(self.seen), pair)


def test_pairs_nobody_can_tell_cost_budget_constrain_nothing_and_are_not_asked_again_after_a_restart(tmp_path):
    asked = settings(sampler="random", cycles=1, epochs=2)
    oracle = Scripted(lambda place, pair: None if place % 2 else WHO[pair[0]] == WHO[pair[1]])
    learner = head()
    learner.epoch = lambda memory, epoch: (_ for _ in ()).throw(Killed())
    with pytest.raises(Killed):
        run(tmp_path, oracle=oracle, learner=learner, asked=asked)
    (tmp_path / "cycle_00" / "answered.json").unlink()
    (done,) = run(tmp_path, oracle=oracle, asked=asked)
    assert len(oracle.seen) == done.spent == 6
    assert done.answers.count(None) == 3
    assert len((tmp_path / "answers.jsonl").read_text().splitlines()) == 3
    assert len((tmp_path / "cannot_tell.jsonl").read_text().splitlines()) == 3


@pytest.mark.parametrize("sampler", ["aas", "random", "margin"])
def test_pairs_nobody_can_tell_are_not_chosen_again_in_later_cycles(sampler, tmp_path):
    """Nothing that was answered keeps these pairs out, and nothing but them can be chosen from when they are all there are."""
    done = run(tmp_path, oracle=Scripted(lambda _place, _pair: None), asked=settings(sampler=sampler))
    asked = [pair for cycle in done for pair in cycle.asked]
    assert len(asked) == len(set(asked)) == done[-1].spent > 6
    again = run(tmp_path, oracle=Scripted(lambda _place, _pair: 1 / 0), asked=settings(sampler=sampler))
    assert [cycle.asked for cycle in again] == [cycle.asked for cycle in done]


def test_who_answers_sees_the_photos_and_not_what_the_sampler_thinks(tmp_path):
    photos = [Image.new("RGB", (40, 30), (5 * i, 90, 200)) for i in range(N)]
    for photo, name in zip(photos, NAMES, strict=True):
        photo.save(tmp_path / name)
    shown = {"pictures": lambda i: tmp_path / NAMES[i], "sheets_first": True}
    nobody = AnswersFile(Path("/dev/null"), NAMES)
    with pytest.raises(PairsOpen):
        run(tmp_path / "r", oracle=nobody, **shown)
    asked = json.loads((tmp_path / "r" / "cycle_00" / "pairs.json").read_text())["pairs"]
    assert {pair["pool"] for pair in asked} <= {"under", "over"}
    rows = [
        SheetRow(number, tuple(pair["images"]), tuple(tmp_path / name for name in pair["images"]))
        for number, pair in enumerate(asked, 1)
    ]
    (plain,) = write_sheets(rows, tmp_path / "plain")
    assert (tmp_path / "r" / "cycle_00" / "sheet.png").read_bytes() == plain.read_bytes()
    run(tmp_path / "r", **shown)
    assert (tmp_path / "r" / "cycle_00" / "sheet.png").read_bytes() != plain.read_bytes(), (
        "the record says pool and answer"
    )


def test_contradictions_are_told_with_their_causes_and_the_run_carries_on(tmp_path):
    """All pairs of few images, everyone the same, but for the last answer."""
    x, names, said = points()[:5], NAMES[:5], []
    oracle = Scripted(lambda place, _pair: place < 10)
    asked = settings(sampler="random", budget={"absolute": 10}, k1=3, k2=1, cycles=1, epochs=2)
    (done,) = run(tmp_path, learner=head(x), names=names, oracle=oracle, asked=asked, say=said.append)
    assert len(done.asked) == 10
    (line,) = [line for line in said if line.startswith("contradiction")]
    u, v = done.asked[-1]
    assert f"{names[u]} and {names[v]} differ, but earlier: " in line
    chain = [{a, b} for a, b in re.findall(r"(im\d+.jpg) and (im\d+.jpg) are the same", line)]
    ends = {name for name in names if sum(name in link for link in chain) == 1}
    assert ends == {names[u], names[v]}, "a chain from one image to the other"
    assert line.endswith("the earlier answers stand")
    told = json.loads((tmp_path / "cycle_00" / "answered.json").read_text())
    assert told["contradictions"] == [line.removeprefix("contradiction: ")]


def test_what_follows_is_not_asked_where_it_need_not_be(tmp_path):
    """All pairs of eight images of two animals: six must-links and one cannot-link say everything."""
    chosen = [i for i in range(N) if WHO[i] in (0, 1)][:8]
    who, names = [WHO[i] for i in chosen], [NAMES[i] for i in chosen]
    asked = settings(sampler="random", budget={"absolute": 28}, k1=3, k2=1, cycles=1, epochs=2, skip_implied=True)
    oracle = Scripted(lambda _place, pair: who[pair[0]] == who[pair[1]])
    (done,) = run(tmp_path, learner=head(points()[chosen]), names=names, oracle=oracle, asked=asked)
    told = json.loads((tmp_path / "cycle_00" / "answered.json").read_text())
    assert done.spent == len(oracle.seen) == len(set(oracle.seen)) < 16
    assert len(told["pairs"]) + len(told["implied"]) == 28
    assert all(pair["same"] == (who[pair["u"]] == who[pair["v"]]) for pair in told["implied"])
    follows = _Known(
        [p for p in done.asked if who[p[0]] == who[p[1]]], [p for p in done.asked if who[p[0]] != who[p[1]]], 8
    )
    assert all(follows.relation(pair["u"], pair["v"]) != "unknown" for pair in told["implied"])


def alike(n: int, noise: float) -> np.ndarray:
    random = np.random.default_rng(0)
    x = np.ones(16) + noise * random.normal(size=(n, 16))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize(
    ("features", "changed"),
    [
        (alike(2, 0.5), {}),
        (alike(3, 0.5), {"sampler": "random"}),
        (alike(40, 0.01), {}),
        (alike(20, 5.0), {"dbscan_eps": 0.03, **PUBLISHED}),
        (np.repeat(alike(4, 2.0), 6, axis=0), {}),
    ],
    ids=[
        "two images",
        "three images",
        "one giant cluster",
        "all outliers",
        "copies: views agree",
    ],
)
def test_a_run_ends_whatever_the_images_are(features, changed, tmp_path):
    names, said = [f"{i}" for i in range(len(features))], []
    learner = head(features)
    done = run(
        tmp_path,
        learner=learner,
        names=names,
        oracle=GroundTruth(list(range(len(names)))),
        asked=settings(**changed),
        say=said.append,
    )
    assert len(done) == 3
    assert np.isfinite(done[-1].features).all()
    if not any(cycle.asked for cycle in done):
        assert any("nothing to ask" in line for line in said)
    if changed.get("dbscan_eps") == 0.03:
        assert (done[0].clusters, done[0].outliers) == (0, 20)


def test_embeddings_that_all_are_the_same_have_nothing_to_learn_from(tmp_path):
    with pytest.raises(InputError, match=r"im00.jpg and 47 more: .* tell them apart"):
        run(tmp_path, learner=head(alike(N, 0.0)))


@pytest.mark.parametrize("names", [[], ["one"], ["a", "b", "a"]])
def test_images_need_names_of_their_own(names, tmp_path):
    with pytest.raises(InputError, match="two images or more"):
        loop(tmp_path, names=names)


def test_a_learner_of_other_images_and_an_oracle_of_other_pairs_are_refused(tmp_path):
    with pytest.raises(InputError, match=f"the learner has 5 images, the run {N}"):
        run(tmp_path / "a", learner=head(points()[:5]))

    class Beside:
        def answer(self, pairs):
            yield (0, N + 1), True

    with pytest.raises(InputError, match="nobody asked"):
        run(tmp_path / "b", oracle=Beside())


def test_a_loss_that_is_no_number_ends_the_run_and_is_not_kept(tmp_path):
    learner = head()
    learner.epoch = lambda memory, epoch: float("nan")
    with pytest.raises(InputError, match="loss of epoch 0 is no number"):
        run(tmp_path, learner=learner)
    assert not (tmp_path / "cycle_00" / "epochs.json").exists()


def test_answers_help(tmp_path):
    """Pseudo labels with many answers are purer than without any."""

    def purity(**changed):
        done = run(tmp_path / str(len(list(tmp_path.iterdir()))), asked=settings(cycles=2, period=3, **changed))
        x = done[-1].features
        nearest = (x @ x.T - 2 * np.eye(N)).argmax(1)
        return np.mean([WHO[i] == WHO[j] for i, j in enumerate(nearest)])

    assert purity(sampler="random", budget={"absolute": 300}) > purity(sampler="none") + 0.02


@pytest.mark.parametrize("view_b", ["finch0", "finch_match", "dbscan"])
def test_view_b_is_what_was_asked_for(view_b, tmp_path):
    asked = settings(view_b=view_b, cycles=1, epochs=1, eps_b=0.45)
    run(tmp_path, asked=asked)
    views = np.load(tmp_path / "cycle_00" / "views.npz")
    x = HybridMemory(torch.from_numpy(head().embed())).rows()
    graph = knn(x, asked.k1)
    distances = jaccard(x, asked.k1, asked.k2, knn=graph)
    np.testing.assert_array_equal(views["raw_a"], dbscan(distances, 0.6, asked.min_samples))
    groups = len(set(views["raw_a"][views["raw_a"] >= 0])) + (views["raw_a"] < 0).sum()
    expected = {
        "finch0": lambda: finch_level0(x, graph),
        "dbscan": lambda: dbscan(distances, 0.45, asked.min_samples),
        "finch_match": lambda: sorted(finch(x, graph), key=lambda level: abs(np.log((level.max() + 1) / groups)))[0],
    }[view_b]()
    np.testing.assert_array_equal(views["raw_b"], expected)
    np.testing.assert_array_equal(views["a"], views["raw_a"])  # no answers yet: NP3 changes nothing


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"sampler": "nobody"}, "no sampler 'nobody'; there are aas"),
        ({"cycles": 6}, "do not fit into 50 epochs"),
        ({"dbscan_eps": 0.69}, "scales of DBSCAN"),
        ({"gap": 0.6}, "scales of DBSCAN"),
        ({"budget": {}}, "at least 1 item"),
        ({"budget": {"fraction": 0.1, "absolute": 3}}, "at most 1 item"),
        ({"budget": {"share": 0.1}}, "Input should be"),
        ({"period": 0}, "greater than or equal to 1"),
        ({"other": 1}, "not permitted"),
    ],
)
def test_settings_that_cannot_be_are_refused(changed, says):
    with pytest.raises(ValueError, match=says):
        LoopSettings(**changed)


def test_an_impossible_budget_is_refused_and_the_published_one_is_a_share():
    with pytest.raises(InputError, match="at most 1"):
        LoopSettings(budget={"fraction": 2})
    assert LoopSettings().pairs_a_cycle(1205) == 145
    assert LoopSettings(budget={"per_image": 0.5}).pairs_a_cycle(9) == 4
    assert LoopSettings(budget={"absolute": 7}).pairs_a_cycle(1000) == 7


def test_cycles_cover_all_epochs():
    asked = LoopSettings(cycles=3, period=4, epochs=15)
    assert [list(asked.epochs_of(cycle)) for cycle in range(3)] == [
        list(range(4)),
        list(range(4, 8)),
        list(range(8, 15)),
    ]
