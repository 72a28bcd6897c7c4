"""The house keeps its own rules: arrows, sizes, names, no torch in the service, no pickle anywhere."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("service", "export", "training")
SOURCES = sorted(path for room in (*ROOMS, "benchmarks") for path in (ROOT / room).rglob("*.py"))


@pytest.mark.parametrize("room", ["serving", "clustering"])
def test_the_service_starts_where_torch_cannot_be_imported(room):
    """Clustering needs scipy, which serving does without."""
    blocked = (
        "torch",
        "torchvision",
        "timm",
        "kornia",
        "pandas",
        "sklearn",
        *(("scipy",) if room == "serving" else ()),
        "matplotlib",
        "onnx",
        "onnxmltools",
        "xgboost",
        "optuna",
        "export",
        "training",
    )
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in (ROOT / "service").rglob("*.py")
        if path.name not in ("__main__.py", "__init__.py", "env.py") and "versions" not in path.parts
        if ("clustering" in path.parts) == (room == "clustering")
    ]
    program = (
        f"import sys, importlib\nfor name in {blocked!r}: sys.modules[name] = None\n"
        f"for name in {modules!r}: importlib.import_module(name)\nimport service.__main__\nprint('imported', {len(modules)})"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "imported" in done.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_files_and_functions_stay_small(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno - node.lineno < 60, f"{node.name} is {node.end_lineno - node.lineno + 1} lines"


def test_nothing_unpickles_or_evals():
    forbidden = re.compile(
        r"\b(pickle|cPickle|dill|joblib)\b|(?<![\w.])(eval|exec)\(|allow_pickle=True|weights_only=False|yaml\.load\("
    )
    guilty = [f"{p.relative_to(ROOT)}: {m.group()}" for p in SOURCES for m in [forbidden.search(_code(p))] if m]
    assert guilty == []


def test_nobody_else_owns_our_names():
    taken = metadata.packages_distributions()
    assert {room: taken[room] for room in ROOMS if room in taken} == {}


def test_no_tests_folder_is_a_package():
    assert list((ROOT / "tests").rglob("__init__.py")) == [], "it would shadow the real `service`"


def test_no_room_is_called_utils():
    assert [p for p in SOURCES if re.fullmatch(r"(utils?|helpers?|common|managers?|misc)", p.stem)] == []


def test_the_changelog_tells_of_this_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## {version}\n" in (ROOT / "CHANGELOG.md").read_text()


def test_the_lock_names_public_registries_only():
    hosts = set(re.findall(r"https?://[^/\"]+", (ROOT / "uv.lock").read_text()))
    assert hosts <= {"https://pypi.org", "https://files.pythonhosted.org"}


def _code(path: Path) -> str:
    """The file without its docstrings and comments."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            node.value.value = ""
    return ast.unparse(tree)
