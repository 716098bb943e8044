"""Put obstacles in the way of the commands, and see that each says so in one sentence: 'make obstacles'.

No network, a full disk, an interruption. What needs no real obstacle is in the tests.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from copies import copy_book
from offline import ALONE, network_can_be_cut

PYTHON = Path(sys.executable)
MEBIBYTE = 2**20
CHAPTER = """---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3, display_name: Python 3}
---

# A megabyte

```{code-cell} ipython3
:tags: [remove-output]
print("0123456789abcdef" * 65536)
```
"""


def small_disk(folder: Path, size: int) -> list[str]:
    """Return the beginning of a command line that gives a folder a disk of its own, in bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    return ["bwrap", "--dev-bind", "/", "/", "--size", str(size), "--tmpfs", str(folder)]


def run(*command: str | Path, **environment: str) -> subprocess.CompletedProcess:
    """Run a command to its end and return what it said."""
    variables = os.environ | environment
    return subprocess.run(command, capture_output=True, text=True, env=variables)


def install_without_network(book: Path) -> subprocess.CompletedProcess:
    """Install from nothing, with nothing kept from earlier downloads."""
    if not network_can_be_cut():
        sys.exit("This system does not let us cut the network.")
    install = book / "build_tools" / "install.py"
    alone = {"PIP_NO_CACHE_DIR": "1", "PIP_RETRIES": "0", "UV_NO_CACHE": "1"}
    done = run(*ALONE, PYTHON, install, **alone)
    assert not (book / ".venv" / "installed-requirements.txt").exists()
    return done


def install_on_a_full_disk(book: Path) -> subprocess.CompletedProcess:
    """Install where a hundred megabytes are free."""
    install = book / "build_tools" / "install.py"
    return run(*small_disk(book / ".venv", 100 * MEBIBYTE), PYTHON, install)


def execute_on_a_full_disk(book: Path) -> subprocess.CompletedProcess:
    """Build a book whose outputs do not fit."""
    write_small_book(book)
    disk = small_disk(book / "_build", MEBIBYTE // 2)
    return run(*disk, PYTHON, book / "build_tools" / "book.py")


def build_on_a_full_disk(book: Path) -> subprocess.CompletedProcess:
    """Build a book whose outputs fit and whose pages do not."""
    write_small_book(book)
    disk = small_disk(book / "_build", 3 * MEBIBYTE)
    return run(*disk, PYTHON, book / "build_tools" / "book.py")


def interrupt_the_tests(book: Path) -> subprocess.CompletedProcess:
    """Press Ctrl-C while the tests execute chapters."""
    command = [PYTHON, "-m", "pytest", "-n0"]
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with subprocess.Popen(command, cwd=book, start_new_session=True, **options) as tests:
        said = ""
        for line in tests.stdout:
            if "running" not in line:
                said += line
            elif not said:
                said = "\n"
                os.killpg(tests.pid, signal.SIGINT)
    return subprocess.CompletedProcess(command, tests.returncode, "", said)


def write_small_book(book: Path) -> None:
    """Leave of a book one short chapter with large outputs."""
    shutil.rmtree(book / "coursework")
    for page in (book / "chapters").glob("*.md"):
        page.unlink()
    (book / "chapters" / "page.md").write_text(CHAPTER)
    (book / "index.md").write_text("# A book\n")
    contents = "format: jb-book\nroot: index\nchapters: [{file: chapters/page}]\n"
    (book / "_toc.yml").write_text(contents)


OBSTACLES: dict[Callable[[Path], subprocess.CompletedProcess], str] = {
    install_without_network: "The packages could not be downloaded: pip cannot reach",
    install_on_a_full_disk: "The disk is full: the packages, about 1.5 GB, do not fit into",
    execute_on_a_full_disk: "The disk is full: nothing more fits into",
    build_on_a_full_disk: "The disk is full: nothing more fits into",
    interrupt_the_tests: "Interrupted. Chapters that were done are kept.",
}


def main() -> bool:
    """Meet all obstacles, print what was said, and say whether it was what should be said."""
    if not shutil.which("bwrap"):
        sys.exit("The small disks are bubblewrap's: install it (apt install bubblewrap).")
    good = 0
    for meet, sentence in OBSTACLES.items():
        with tempfile.TemporaryDirectory() as folder:
            book = Path(folder, "book")
            copy_book(book)
            done = meet(book)
        said = done.stderr.strip()
        met = done.returncode != 0 and said.startswith(sentence) and "\n" not in said
        good += met
        print(f"{meet.__name__.replace('_', ' ')}: {'' if met else 'NOT MET, '}{said}", flush=True)
    print(f"{good} of {len(OBSTACLES)} obstacles were met with one sentence.")
    return good == len(OBSTACLES)


if __name__ == "__main__":
    sys.exit(not main())
