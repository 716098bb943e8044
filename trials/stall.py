"""See that no cell stalls while it redraws what it shows, on a busy machine: what 'make stall' runs.

A cell that shows a progress bar makes nbclient talk to the kernel while it waits for its reply.
"""

import argparse
import os
import subprocess
import sys
from contextlib import contextmanager
from itertools import pairwise

import execution
import sandbox
from nbformat.v4 import new_code_cell, new_notebook

CELL_SECONDS = 10  # a cell that stalls goes on after that; one that does not takes less than one
KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}
CELL = """
import time
from IPython.display import display
from ipywidgets import Output

print(time.monotonic())
bar = Output()
display(bar)
for step in range(20):
    with bar:
        bar.clear_output(wait=True)
        print(step)
"""


@contextmanager
def busy_cores():
    """Keep every core busy."""
    command = [sys.executable, "-c", "while True: pass"]
    loads = [subprocess.Popen(command) for _ in range(os.cpu_count())]
    try:
        yield
    finally:
        for load in loads:
            load.kill()


def redrawing(cells: int):
    """Return a notebook whose cells say when they begin and then redraw an Output."""
    return new_notebook(
        cells=[new_code_cell(CELL) for _ in range(cells)], metadata={"kernelspec": KERNEL}
    )


def stalls_of_book(cells: int) -> int:
    """Return how many cells stall when the notebook is executed as a chapter is."""
    execution.CELL_SECONDS = CELL_SECONDS
    notebook = redrawing(cells + 1)  # the next cell's beginning is a cell's end
    execution.execute("stall", notebook)
    starts = [float(cell.outputs[0].text) for cell in notebook.cells]
    return sum(end - start > CELL_SECONDS * 0.9 for start, end in pairwise(starts))


def stalls_of_coursework(cells: int) -> int:
    """Return how many cells stall when the notebook is executed as a student's is."""
    limits = {"cell_seconds": CELL_SECONDS, "notebook_seconds": CELL_SECONDS * cells}
    report = sandbox.run(redrawing(cells), {}, {}, limits, boxed=False)
    if report["end"] != "done":
        sys.exit(f"The notebook did not come to its end: {report['end']}.")
    return len(report["remarks"])


def main(cells: int) -> bool:
    """Print how many cells stall, and say whether none did."""
    counts = {}
    with busy_cores():
        for name, count in {"book": stalls_of_book, "coursework": stalls_of_coursework}.items():
            counts[name] = count(cells // 2)
            print(f"{name}: {counts[name]} of {cells // 2} cells stalled.", flush=True)
    return not any(counts.values())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cells", nargs="?", type=int, default=400, help="how many to run")
    sys.exit(not main(parser.parse_args().cells))
