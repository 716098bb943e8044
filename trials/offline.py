"""Run the notebooks of the zip in an empty folder, without a network: what 'make offline' runs.

'offline.py radon-data' runs one of them.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from zipfile import ZipFile

from copies import ROOT

ZIP = ROOT / "_build" / "partial-pooling.zip"
CELL_SECONDS = 600  # a cell that runs longer than this hangs
# A network of its own, in which a program reaches itself and nothing else
ALONE = ["unshare", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]


def network_can_be_cut() -> bool:
    """Say whether this system lets us start a program without a network."""
    return (
        bool(shutil.which("unshare"))
        and not subprocess.run([*ALONE, "true"], capture_output=True).returncode
    )


def run(notebook: Path, prefix: list[str]) -> bool:
    """Execute a notebook as a reader would, print how it went, and say whether it did."""
    start = time.monotonic()
    jupyter = Path(sys.executable).with_name("jupyter")
    command = [*prefix, jupyter, "execute", f"--timeout={CELL_SECONDS}", notebook]
    environment = os.environ | {"PYTHONPATH": ""}  # nothing of the book's own code
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    seconds = f"{time.monotonic() - start:.0f} s"
    outcome = f"fails:\n{done.stderr}" if done.returncode else f"runs, {seconds}"
    print(f"{notebook.stem}: {outcome}", flush=True)
    return not done.returncode


def main(names: list[str]) -> bool:
    """Run the named notebooks, or all, as many at a time as there are cores; say if all do."""
    if not ZIP.exists():
        sys.exit("There is no zip of the notebooks yet: run 'make notebooks' first.")
    cut = network_can_be_cut()
    print(
        "The network is off."
        if cut
        else "The network stays on: this system does not let us cut it."
    )
    with tempfile.TemporaryDirectory() as folder:
        with ZipFile(ZIP) as archive:
            archive.extractall(folder)
        notebooks = sorted(Path(folder).glob("*/chapters/*.ipynb"))
        wanted = [notebook for notebook in notebooks if not names or notebook.stem in names]
        if len(wanted) < len(names):
            sys.exit(f"There are these notebooks: {', '.join(path.stem for path in notebooks)}.")
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            return all(list(pool.map(lambda path: run(path, ALONE if cut else []), wanted)))


if __name__ == "__main__":
    sys.exit(not main(sys.argv[1:]))
