"""Run a student's notebook; what happens goes to standard output, one JSON object a line.

This is the only code of the grader that shares a process tree with a student's, inside the sandbox.
It decides nothing: it passes on what the cells showed and what they left in the variables asked for.
"""

import json
import os
import sys
import time
from pathlib import Path

import nbformat
import zmq
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from nbclient import NotebookClient
from nbclient.exceptions import DeadKernelError
from traitlets import Type
from traitlets.config import Config

GRACE_SECONDS = 20  # for a kernel that was interrupted to answer again


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


CLIENT_CONFIG = Config(AsyncKernelManager={"client_factory": KernelClient})


def read_answers(path: Path) -> dict:
    """Return what collector.py wrote, if it could; it writes anew each time."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    finally:
        path.unlink(missing_ok=True)


def limit_resources(memory: int, file_size: int) -> None:
    """Limit the memory of a process and the size of a file, in bytes, for good; not on Windows."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def execute(client: NotebookClient, source: str, seconds: int) -> bool:
    """Execute code of ours in the kernel; say whether it answered in time."""
    cell = nbformat.v4.new_code_cell(source)
    start = time.monotonic()
    client.timeout, client.nb.cells = seconds, [cell]
    client.execute_cell(cell, 0, store_history=False)
    return time.monotonic() - start < seconds


def run(job: dict, tell) -> None:
    """Run all cells of a notebook and collect the answers of each question after its test."""
    notebook = nbformat.from_dict(job["notebook"])
    cells, answered = notebook.cells, set()
    client = NotebookClient(
        notebook,
        kernel_name="python3",
        config=CLIENT_CONFIG,
        allow_errors=True,
        interrupt_on_timeout=True,
        # Without it, nbclient would go on waiting for a cell that ignores its interruption.
        error_on_timeout={"ename": "TimeoutError", "evalue": "took too long", "traceback": []},
    )

    def collect(question: str) -> None:
        # Names of the student's own must not be in the way, so none is used.
        source = f"__import__('collector').collect({job['questions'][question]!r})"
        execute(client, source, job["cell_seconds"])
        answers = read_answers(Path(os.environ["ANSWERS_FILE"]))
        answered.update(answers)
        tell(answers=answers)

    with client.setup_kernel():
        for index, cell in enumerate(cells):
            if cell.cell_type != "code":
                continue
            client.timeout, client.nb.cells = job["cell_seconds"], cells
            start = time.monotonic()
            client.execute_cell(cell, index)
            tell(cell=index, outputs=cell.outputs)
            if time.monotonic() - start >= job["cell_seconds"]:
                tell(remark=f"cell {index + 1} was interrupted after {job['cell_seconds']} seconds")
                if not execute(client, "None", GRACE_SECONDS):
                    tell(end=f"cell {index + 1} ran too long and ignored its interruption")
                    os._exit(0)  # nothing below would get through to the kernel
            if (question := cell.metadata.get("nbgrader", {}).get("grade_id")) in job["questions"]:
                collect(question)
        for question, names in job["questions"].items():
            if not answered.issuperset(names):
                collect(question)  # its test stood above its answer
    tell(end="done")


if __name__ == "__main__":
    job = json.load(sys.stdin)
    stdout = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what the kernel's processes print is not for us

    def tell(**event) -> None:
        """Write one line."""
        print(json.dumps(event), file=stdout, flush=True)

    limit_resources(job["memory"], job["file_size"])
    for name, text in job["files"].items():
        Path(name).write_text(text, encoding="utf-8")
    try:
        run(job, tell)
    except DeadKernelError:
        tell(end="the notebook's process died (os._exit, a crash in compiled code, or no memory)")
