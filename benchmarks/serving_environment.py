"""The serving half alone: its size on disk, what is not in it, and how long it takes to start from an existing bundle.

python -m benchmarks serving_environment
"""

import os
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.error import URLError
from urllib.request import urlopen

from rich.console import Console
from rich.table import Table

from export.demo import prepare

ROOT = Path(__file__).parents[1]
PORT = 18527


def main() -> None:
    """Make the environment in a temporary folder, weigh it, start the demo with it."""
    prepare(ROOT / "artifacts" / "demo", None)
    uv = shutil.which("uv") or str(ROOT / ".venv-uv" / "bin" / "uv")
    with TemporaryDirectory() as folder:
        environment = {**os.environ, "UV_PROJECT_ENVIRONMENT": folder, "UV_LINK_MODE": "copy"}
        subprocess.run(
            [uv, "sync", "--quiet", "--frozen", "--no-dev", "--extra", "cpu"], cwd=ROOT, env=environment, check=True
        )
        before = _megabytes(Path(folder))
        torch = any(Path(folder).glob("lib/*/site-packages/torch"))
        seconds = _start(Path(folder) / "bin" / "python")
        table = Table("serving environment", "after its first start", "torch inside", "ready after")
        table.add_row(
            f"{before:.0f} MB", f"{_megabytes(Path(folder)):.0f} MB", "yes" if torch else "no", f"{seconds:.1f} s"
        )
    Console().print(table)


def _start(python: Path) -> float:
    started = time.perf_counter()
    command = [str(python), "-m", "service", "--root", "artifacts/demo", "--port", str(PORT)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as service:
        while service.poll() is None:
            try:
                if urlopen(f"http://127.0.0.1:{PORT}/readyz", timeout=1).status == 200:
                    break
            except (URLError, OSError):
                time.sleep(0.1)
        seconds = time.perf_counter() - started
        service.terminate()
        if service.wait() != 0:
            raise SystemExit("the service did not start or did not stop cleanly")
    return seconds


def _megabytes(folder: Path) -> float:
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*") if not path.is_symlink()) / 1e6


if __name__ == "__main__":
    main()
