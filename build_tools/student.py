"""Build the students' edition: the book without the solutions of its exercises.

It is built from a filtered copy of the book's files, so that no page, source, notebook or index can
hold what was left out.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from execution import (
    ROOT,
    code_cells,
    fingerprint,
    open_cache,
    read_chapters,
    store,
    writing,
)

COPY = ROOT / "_build" / "student"
NEEDED = ["chapters", "data", "build_tools", "index.md", "LICENSE", "requirements.in"]
NEEDED += ["requirements.txt", "_config.yml", "_toc.yml", "CITATION.cff", "coursework/README.md"]
SOLUTION = re.compile(
    r"^```\{solution-start\}.*?^```\{solution-end\}\n```\n", re.MULTILINE | re.DOTALL
)


def copy_book(copy: Path = COPY) -> None:
    """Copy what the site is made from, the chapters without solutions; keep what was built there."""
    for name in NEEDED:
        target = copy / name
        shutil.rmtree(target, ignore_errors=True)
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)
    for chapter in (copy / "chapters").glob("*.md"):
        chapter.write_text(SOLUTION.sub("", chapter.read_text("utf-8")), "utf-8")


def keep_outputs(copy: Path = COPY) -> None:
    """Give the copy the outputs of the one execution, where they cannot depend on a solution.

    They cannot if all that was left out of a chapter stands after all that was kept.
    """
    cache, full = open_cache(ROOT), read_chapters(ROOT)
    for name, notebook in read_chapters(copy).items():
        record = cache.match_cache_notebook(full[name])
        executed = cache.get_cache_bundle(record.pk).nb
        kept = code_cells(notebook)
        if [cell.source for cell in kept] != [cell.source for cell in executed.cells[: len(kept)]]:
            continue  # it will be executed
        for cell, done in zip(kept, executed.cells, strict=False):
            cell.outputs, cell.execution_count = done.outputs, done.execution_count
        notebook.metadata = executed.metadata | notebook.metadata  # with the language
        data = record.data | {"fingerprint": fingerprint(notebook, copy)}
        store(notebook, str(copy / "chapters" / f"{name}.md"), data, copy)


def keep_figures(copy: Path = COPY) -> None:
    """Give the copy the figures as they were made for the site, so that they are not made again."""
    folder = Path("_build", "jupyter_execute")
    (copy / folder).mkdir(parents=True, exist_ok=True)
    for figure in (ROOT / folder).glob("*.avif"):
        shutil.copy(figure, copy / folder)


def build_student_edition() -> None:
    """Build the edition in _build/student. Raises CalledProcessError if that fails."""
    with writing(COPY):
        copy_book()
        keep_outputs()
        keep_figures()
    command = [sys.executable, COPY / "build_tools" / "book.py"]
    subprocess.run(command, env=os.environ | {"PYTHONPATH": ""}, check=True)
