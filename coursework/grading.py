"""From a submission to points: put the notebook in order, run it in the sandbox, test its answers."""

from copy import deepcopy
from pathlib import Path

import nbformat
from checks import Check
from course import Course
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from nbgrader.utils import is_grade, is_locked, is_solution
from pages import picture, pictures

LARGEST_SUBMISSION = 20 * 2**20  # bytes
MISSING = "This cell was missing from the submission."
LONGEST_TEXT = 20_000  # characters that are kept of an output
BEGIN, END = "### BEGIN HIDDEN TESTS", "### END HIDDEN TESTS"


class UnreadableError(Exception):
    """A submission cannot be graded; the message says why."""


def read_submission(file: Path) -> NotebookNode:
    """Return a notebook that a student handed in. Raises UnreadableError if it is none."""
    try:
        notebook = nbformat.reads(file.read_text(encoding="utf-8"), as_version=4)
        for cell in notebook.cells:
            cell.source, cell.metadata, cell.cell_type  # noqa: B018
    except UnicodeDecodeError as error:
        raise UnreadableError("the file is not text in UTF-8") from error
    except (ValueError, nbformat.ValidationError) as error:
        raise UnreadableError("the file is not JSON") from error
    except Exception as error:
        raise UnreadableError("the file is JSON, but not a notebook") from error
    return notebook


def grade_id(cell: NotebookNode) -> str | None:
    """Return the name by which nbgrader knows a cell, if any, whatever its metadata are."""
    nbgrader = cell.metadata.get("nbgrader")
    return nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None


def new_cell(kind: str, old: NotebookNode, source: str, metadata: dict) -> NotebookNode:
    """Return a new cell in place of an old one, of code or else of text: others could hold anything.

    Of what the old one held besides, only PNG pictures in a text stay.
    """
    if kind == "code":
        return nbformat.v4.new_code_cell(str(source), metadata=metadata)
    cell = nbformat.v4.new_markdown_cell(str(source), metadata=metadata)
    if kept := pictures(old.get("attachments")):
        cell.attachments = kept
    return cell


def recognize(submitted: NotebookNode, wanted: dict[str, NotebookNode]) -> dict[int, str]:
    """Return which submitted cells, by index, are which released ones, by grade id.

    They are known by their grade id or, where that is gone, by their id or text. Of duplicates the
    last one counts, as it does when the notebook runs.
    """
    found = {}
    for key in [grade_id, lambda cell: cell.get("id"), lambda cell: cell.source.strip() or None]:
        places = {
            key(cell): index for index, cell in enumerate(submitted.cells) if index not in found
        }
        for name, cell in wanted.items():
            if name not in found.values() and key(cell) is not None and key(cell) in places:
                found[places[key(cell)]] = name
    return found


def restore(submitted: NotebookNode, released: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """Return a submission in which nbgrader finds every released cell, and remarks.

    The student's cells stay, in their order. A recognized cell gets back the type and the metadata
    that were released and, if it is locked, its text. A cell that is gone is put back below the one
    that stood above it; if it held an answer, with a note, so that a person will look.
    """
    wanted = {grade_id(cell): cell for cell in released.cells if grade_id(cell)}
    found = recognize(submitted, wanted)
    cells, remarks = [], []
    for index, cell in enumerate(submitted.cells):
        name = found.get(index)
        if not name:
            if grade_id(cell) in wanted:
                remarks.append(f"{grade_id(cell)} is there more than once; the last one counts")
            cells.append(new_cell(cell.cell_type, cell, cell.source, {}))
            continue
        original, source = wanted[name], cell.source
        if grade_id(cell) != name:
            remarks.append(f"{name} had lost its metadata and was recognized")
        if is_locked(original) and source.strip() != original.source.strip():
            remarks.append(f"{name} had been edited; the original was put back")
            source = original.source
        cells.append(new_cell(original.cell_type, cell, source, original.metadata))
    above = 0
    for name, original in wanted.items():
        if name not in found.values():
            comment = "# " if original.cell_type == "code" else ""
            source = original.source if is_locked(original) else comment + MISSING
            cells.insert(above, new_cell(original.cell_type, original, source, original.metadata))
            remarks.append(f"{name} was missing and was put back")
        above = next(i for i, cell in enumerate(cells, 1) if grade_id(cell) == name)
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"
    return nbformat.v4.new_notebook(cells=cells, metadata=released.metadata), remarks


def clean_outputs(outputs: list) -> list[NotebookNode]:
    """Return what a cell showed, as far as it is text or a picture and not endless."""
    clean = []
    for output in outputs[:100]:
        match output:
            case {"output_type": "stream", "name": "stdout" | "stderr" as name, "text": str(text)}:
                clean.append(nbformat.v4.new_output("stream", name=name, text=text[:LONGEST_TEXT]))
            case {"output_type": "error", "ename": str(name), "traceback": list(lines)}:
                lines = [str(line)[:LONGEST_TEXT] for line in lines[:100]]
                value = str(output.get("evalue", ""))[:1000]
                error = {"ename": name[:100], "evalue": value, "traceback": lines}
                clean.append(nbformat.v4.new_output("error", **error))
            case {"output_type": "execute_result" | "display_data", "data": dict(data)}:
                kept = {}
                if isinstance(text := data.get("text/plain"), str):
                    kept["text/plain"] = text[:LONGEST_TEXT]
                if png := picture(data.get("image/png")):
                    kept["image/png"] = png
                clean.append(nbformat.v4.new_output("display_data", data=kept))
    return clean


def fill_in(notebook: NotebookNode, outputs: dict[str, list]) -> NotebookNode:
    """Put the outputs that the sandbox reported into a notebook."""
    for index, cell in enumerate(notebook.cells):
        if cell.cell_type == "code":
            cell.outputs = clean_outputs(outputs.get(str(index), []))
    return notebook


def visible(source: NotebookNode) -> NotebookNode:
    """Return a copy of the instructor's notebook without the hidden tests."""
    notebook = deepcopy(source)
    for cell in notebook.cells:
        cell.source = cell.source.partition(BEGIN)[0]
    return notebook


def hidden_test(source: str) -> str:
    """Return the hidden part of a test cell."""
    _, _, rest = source.partition(BEGIN)
    return rest.partition(END)[0]


def judge(cell: NotebookNode, answers: dict, reference: dict) -> Check:
    """Run a cell's hidden test, which is ours, on a student's answers, which are data."""
    check = Check(answers, reference)
    exec(hidden_test(cell.source), {"check": check})
    return check


def judge_all(source: NotebookNode, answers: dict, reference: dict) -> dict[str, Check]:
    """Run all hidden tests of an assignment and return the outcomes by grade id."""
    return {
        grade_id(cell): judge(cell, answers, reference)
        for cell in source.cells
        if is_grade(cell) and not is_solution(cell)
    }


class HiddenTests(NbGraderPreprocessor):
    """nbgrader's step of executing a notebook: it only tests the answers that the sandbox left."""

    def preprocess(self, nb, resources):
        """Show points and messages as the output of each test cell; nbgrader reads the points."""
        ids = resources["nbgrader"]
        course = Course(Path.cwd())  # nbgrader works in the class's folder
        answers = course.result(ids["assignment"], ids["student"])["answers"]
        reference = course.reference(ids["assignment"], ids["student"])
        for name, check in judge_all(nb, answers, reference).items():
            (cell,) = [cell for cell in nb.cells if grade_id(cell) == name]
            # What the visible part of the test complained of is shown, too; it costs no points.
            errors = [f"{out.ename}: {out.evalue}" for out in cell.outputs if "ename" in out]
            text = "\n".join([*errors, *check.messages]) + "\n"
            cell.outputs = [
                nbformat.v4.new_output("stream", name="stdout", text=text),
                nbformat.v4.new_output("execute_result", data={"text/plain": str(check.points)}),
            ]
        return nb, resources
