"""Execute the chapters once, in parallel, into the cache that the site and the tests read.

As a Sphinx extension it does so before every build: no build can publish a stale result.
"""

import ast
import errno
import hashlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import NoReturn

import fits
import psutil
import zmq
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn, JupyterCacheAbstract
from jupyter_cache.executors.utils import single_nb_execution
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.kernelspec import NoSuchKernel
from myst_nb.core.read import is_myst_markdown_notebook, myst_nb_reader_plugin
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from sphinx.application import Sphinx
from sqlalchemy.exc import OperationalError
from traitlets import Type
from traitlets.config import Config

ROOT = Path(__file__).parents[1]
CELL_SECONDS = 240  # a cell that runs longer than this hangs; the slowest takes about 20
KERNEL_CONFIG = Config(
    KernelManager={"transport_encryption": "auto"},  # as ipykernel asks for
    NotebookClient={
        "extra_arguments": [
            "--IPKernelApp.extra_extensions=fits",
            "--InlineBackend.figure_formats={'retina'}",  # sharp on a high-density screen
        ]
    },
)


class ShellChannel(AsyncZMQSocketChannel):
    """A channel to a kernel that looks for a reply after each message that it sends."""

    def send(self, msg: dict) -> None:
        """Send a message, and wake up who waits for a reply that came meanwhile."""
        super().send(msg)
        # jupyter_client sends behind asyncio's back, which takes the sign that there is something
        # to read. nbclient does so while it waits for a cell's reply, to redraw a progress bar, and
        # would then wait until the cell's time is over.
        self.socket.get(zmq.EVENTS)


class KernelClient(AsyncKernelClient):
    """A client of a kernel that misses no reply."""

    shell_channel_class = Type(ShellChannel)


# No part of a fingerprint: it changes no output.
CLIENT_CONFIG = Config(AsyncKernelManager={"client_factory": KernelClient})


class BookError(Exception):
    """The book cannot be made; the message says what is wrong where, and what to do."""


def full_disk(folder: Path) -> BookError:
    """Return the error that says that nothing more fits into a folder."""
    return BookError(
        f"The disk is full: nothing more fits into {folder}. Make room there and run the same "
        "command again; what was done is kept."
    )


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn the error of a full disk into a BookError that names the folder."""
    try:
        yield
    except (OSError, OperationalError) as error:
        # SQLite, which keeps the cache's records, has words instead of a number.
        if getattr(error, "errno", 0) != errno.ENOSPC and "disk is full" not in str(error):
            raise
        raise full_disk(folder) from error


def open_cache(root: Path = ROOT) -> JupyterCacheAbstract:
    """Return the cache of executed notebooks, in the place where Jupyter Book looks for it."""
    return get_cache(root / "_build" / ".jupyter_cache")


@cache
def read_notebook(page: Path, text: str) -> NotebookNode | None:
    """Return a page with this text as a notebook without outputs, None if it holds no code."""
    return myst_nb_reader_plugin(page) if is_myst_markdown_notebook(text) else None


def read_chapters(root: Path = ROOT) -> dict[str, NotebookNode]:
    """Return the chapters that hold code, by name, as notebooks without outputs."""
    notebooks = {
        page.stem: read_notebook(page, page.read_text("utf-8"))
        for page in sorted((root / "chapters").glob("*.md"))
    }
    # A copy for each who asks, to fill in outputs.
    return {name: deepcopy(notebook) for name, notebook in notebooks.items() if notebook}


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Return a notebook's code cells."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def fingerprint(notebook: NotebookNode, root: Path = ROOT) -> str:
    """Hash all that a chapter's outputs depend on: code, data, style, kernel, lock and Python."""
    # Cell by cell: a line that moves to another cell takes its output along.
    code = json.dumps(
        [
            [cell.source, "raises-exception" in cell.metadata.get("tags", [])]
            for cell in code_cells(notebook)
        ]
    )
    data = [path for path in sorted((root / "data").glob("*.csv")) if path.name in code]
    digest = hashlib.sha256(f"{platform.python_version()}\n{KERNEL_CONFIG}\n{code}".encode())
    style = (root / "chapters").glob("matplotlibrc")
    for path in [root / "requirements.txt", Path(fits.__file__), *style, *data]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def is_executed(notebook: NotebookNode, root: Path = ROOT) -> bool:
    """Say whether the cache holds valid outputs of a chapter, and see that Jupyter Book finds them.

    jupyter-cache files a notebook under its code and its cells' metadata. It knows nothing of data
    or packages, so each record also carries our fingerprint; and captions and alt texts are such
    metadata, so outputs whose fingerprint still holds are filed anew when only words have changed.
    """
    cache = open_cache(root)
    key = fingerprint(notebook, root)
    records = [
        record
        for record in cache.list_cache_records()
        if record.data.get("fingerprint") == key
        # An interrupted run can leave a record without its file.
        and (cache.path / "executed" / record.hashkey / "base.ipynb").exists()
    ]
    if not records:
        return False
    _, hashkey = cache.create_hashed_notebook(notebook)
    if hashkey not in {record.hashkey for record in records}:
        executed = cache.get_cache_bundle(records[0].pk).nb
        executed.metadata.update(notebook.metadata)
        notebook.metadata = executed.metadata  # with the language, which the site's colours need
        for cell, executed_cell in zip(code_cells(notebook), executed.cells, strict=True):
            cell.outputs = executed_cell.outputs
            cell.execution_count = executed_cell.execution_count
        store(notebook, records[0].uri, records[0].data, root)
    return True


def store(notebook: NotebookNode, uri: str, data: dict, root: Path = ROOT) -> None:
    """File an executed notebook in the cache, whole or not at all.

    Raises BookError if the disk is full.
    """
    with writing(root / "_build"):
        cache = open_cache(root)
        _, hashkey = cache.create_hashed_notebook(notebook)
        try:
            cache.cache_notebook_bundle(
                CacheBundleIn(notebook, uri, data=data), check_validity=False, overwrite=True
            )
        except BaseException:
            shutil.rmtree(cache.path / "executed" / hashkey, ignore_errors=True)
            raise


def execute(name: str, notebook: NotebookNode, root: Path = ROOT) -> float:
    """Execute one chapter in place and return the seconds that it took.

    Raises BookError, naming chapter, cell, line and error, if a cell fails, or the kernel if there
    is none of that name.
    """
    print(f"{name}: running ...\n", end="", flush=True)  # one write: threads share the line
    paths = [Path(fits.__file__).parent, os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(map(str, paths)))  # kernels load fits
    started = []  # the indices of the code cells that were reached
    try:
        result = single_nb_execution(
            notebook,
            cwd=str(root / "chapters"),
            timeout=CELL_SECONDS,
            allow_errors=False,
            on_cell_execute=lambda cell, cell_index: started.append(cell_index),
            config=Config(KERNEL_CONFIG, **CLIENT_CONFIG),
            # Its work is done by then, and a graceful end may print a race among its own sockets.
            shutdown_kernel="immediate",
        )
        error = result.err
    except DeadKernelError as dead:
        error = dead
    except NoSuchKernel as unknown:
        raise BookError(
            f"chapters/{name}.md asks for the kernel {unknown.name}, which does not exist: write "
            "python3 as the name of its kernelspec and run the same command again."
        ) from unknown
    if error is None:
        print(f"{name}: done in {result.time:.0f} s", flush=True)
        return result.time

    print(f"{name}: failed", flush=True)
    line = notebook.metadata.source_map[started[-1]]
    what = getattr(error, "ename", type(error).__name__)
    why = getattr(error, "evalue", str(error).split("\n")[0])
    raise BookError(
        f"chapters/{name}.md, code cell {len(started)} (line {line}) fails with {what}: {why}. "
        "Mend it (make lab) and run the same command again; the other chapters are kept."
    ) from error


def check_data(root: Path = ROOT) -> None:
    """Raise BookError, naming file, line and column, if a data file is missing or damaged."""
    check = [sys.executable, str(root / "data" / "build_radon.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True)
    if done.returncode:
        raise BookError(done.stderr.strip())


def expected_seconds(name: str, notebook: NotebookNode, root: Path = ROOT) -> float:
    """Return how long an earlier version of a chapter took; without one, judge by its code."""
    earlier = [
        record.data["execution_seconds"]
        for record in open_cache(root).list_cache_records()
        if Path(record.uri).stem == name
    ]
    return max(earlier, default=sum(len(cell.source) for cell in code_cells(notebook)) / 250)


def end_at_once(pool: ThreadPoolExecutor, runs: list[Future]) -> NoReturn:
    """End this process and its kernels without a word and without waiting for their chapters."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pool.shutdown(wait=False, cancel_futures=True)
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(silence, stream)
    # A kernel that is still starting would not notice the end of this process, and stay.
    deadline = time.monotonic() + 5
    while not all(run.done() for run in runs) and time.monotonic() < deadline:
        for kernel in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                kernel.kill()
        time.sleep(0.1)
    os._exit(130)


def execute_chapters(root: Path = ROOT) -> list[str]:
    """Execute the chapters that need it, as many at a time as there are cores; return their names.

    Also writes _build/claims.json. Raises BookError if the data are damaged, a cell fails or the
    disk is full; what the other chapters computed is kept. An interruption ends the process.
    """
    stale = {
        name: notebook
        for name, notebook in read_chapters(root).items()
        if not is_executed(notebook, root)
    }
    if stale:
        check_data(root)
    keys = {name: fingerprint(notebook, root) for name, notebook in stale.items()}
    failures, runs = [], {}
    pool = ThreadPoolExecutor(os.cpu_count())
    # The longest first, so that no core waits for it at the end.
    order = sorted(stale, key=lambda name: -expected_seconds(name, stale[name], root))
    try:
        runs = {pool.submit(execute, name, stale[name], root): name for name in order}
        for run in as_completed(runs):
            name = runs[run]
            if run.exception():
                failures.append(run.exception())
                continue
            record = {"execution_seconds": run.result(), "fingerprint": keys[name]}
            store(stale[name], str(root / "chapters" / f"{name}.md"), record, root)
    except KeyboardInterrupt:
        print("Interrupted. Chapters that were done are kept.", flush=True)
        end_at_once(pool, list(runs))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    if failures:
        raise BookError("\n".join(map(str, failures)))
    write_claims(root)
    return list(stale)


def executed_chapters(root: Path = ROOT) -> dict[str, NotebookNode]:
    """Return the chapters that hold code, by name, with their outputs."""
    cache = open_cache(root)
    return {
        name: cache.merge_match_into_notebook(notebook, nb_meta=())[1]
        for name, notebook in read_chapters(root).items()
    }


def glued(cell: NotebookNode) -> dict[str, str]:
    """Return what an executed cell glues, by key, as text."""
    scraps = [
        (output.metadata["scrapbook"], output.data)
        for output in cell.outputs
        if "scrapbook" in output.get("metadata", {})
    ]
    return {
        scrap["name"]: data.get(scrap["mime_prefix"] + "text/plain", "a picture")
        for scrap, data in scraps
    }


def write_claims(root: Path = ROOT) -> None:
    """Write what the chapters glue to _build/claims.json: {chapter: {key: value}}.

    Raises BookError if it is anything but a number, a truth value or a text.
    """
    claims = {}
    for name, notebook in executed_chapters(root).items():
        claims[name] = {}
        for key, text in (item for cell in code_cells(notebook) for item in glued(cell).items()):
            if key.startswith(fits.PREFIX):
                continue
            try:
                claims[name][key] = ast.literal_eval(text)
            except (SyntaxError, ValueError) as error:
                raise BookError(
                    f"chapters/{name}.md glues {key} as {text}, which is no plain number or text."
                ) from error
    path, text = root / "_build" / "claims.json", json.dumps(claims, indent=2) + "\n"
    if not path.exists() or path.read_text() != text:  # what reads it need not read it again
        with writing(path.parent):
            path.write_text(text)


def setup(app: Sphinx) -> dict:
    """Have Sphinx execute the chapters before it reads them."""

    def execute_first(app: Sphinx) -> None:
        execute_chapters(Path(app.srcdir))

    def depend_on_outputs(app: Sphinx, docname: str, source: list[str]) -> None:
        """Have Sphinx read a page again when its outputs change, not only when its text does."""
        root = Path(app.srcdir)
        if (root / f"{docname}.md").parent.name == "chapters" and (
            notebook := read_chapters(root).get(Path(docname).name)
        ):
            cache = open_cache(root)
            _, hashkey = cache.create_hashed_notebook(notebook)
            app.env.note_dependency(cache.path / "executed" / hashkey / "base.ipynb")

    app.connect("builder-inited", execute_first)
    app.connect("source-read", depend_on_outputs)
    return {"parallel_read_safe": True}
