"""What every chapter shows and how its code is written, whatever it is about."""

import ast
import re
import subprocess
import sys

import jupytext
import pytest
from execution import ROOT, code_cells, executed_chapters

CHAPTERS = executed_chapters()
HIDDEN = {"remove-cell", "remove-output", "hide-output"}


def ruff(*arguments, **options):
    command = [sys.executable, "-m", "ruff", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, **options)


def shown_outputs(notebook):
    """Return the outputs that a reader of the site sees, as (output, the tags of its cell)."""
    return [
        (output, cell.metadata.get("tags", []))
        for cell in code_cells(notebook)
        if not HIDDEN & set(cell.metadata.get("tags", []))
        for output in cell.outputs
    ]


@pytest.mark.parametrize("name", CHAPTERS)
def test_page_shows_no_warnings_and_no_chatter(name):
    for output, tags in shown_outputs(CHAPTERS[name]):
        if output.output_type == "stream":
            assert output.name == "stdout" or f"remove-{output.name}" in tags, output.text


@pytest.mark.parametrize("name", CHAPTERS)
def test_hidden_output_hides_no_warning(name):
    # A sampler's progress may be hidden, and a warning that the text discusses (remove-stderr).
    for cell in code_cells(CHAPTERS[name]):
        for output in cell.outputs:
            tags = cell.metadata.get("tags", [])
            if output.get("name") == "stderr" and "remove-stderr" not in tags:
                assert "arning" not in output.text and "diverg" not in output.text


@pytest.mark.parametrize("name", CHAPTERS)
def test_page_shows_no_representation_of_an_object(name):
    for output, _ in shown_outputs(CHAPTERS[name]):
        data = output.get("data", {})
        if not {"image/png", "text/html"} & set(data):
            text = data.get("text/plain", "")
            assert not any(sign in text for sign in ["<", "dtype", "object at"]), text


RANDOM = {"sample", "sample_prior_predictive", "sample_posterior_predictive", "find_MAP", "rvs"}
SEEDS = {"seed", "random_seed", "random_state"}


def draws_without_a_seed(code):
    """Return the calls that draw randomness from elsewhere than a given seed."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("np.random."):
            if node.attr != "default_rng":
                yield ast.unparse(node)
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        given = {keyword.arg for keyword in node.keywords}
        seeded = SEEDS & given or None in given  # None: **options
        if node.func.attr in RANDOM and not seeded:
            yield ast.unparse(node)
        if node.func.attr == "default_rng" and not (seeded or node.args):
            yield ast.unparse(node)
        if "num_samples" in given and not seeded:  # az.extract
            yield ast.unparse(node)


@pytest.mark.parametrize("name", CHAPTERS)
def test_randomness_comes_from_one_seed(name):
    code = "\n".join(cell.source for cell in code_cells(CHAPTERS[name]))
    assert list(draws_without_a_seed(code)) == []
    if "RANDOM_SEED" in code:
        assert len(re.findall(r"^RANDOM_SEED = \d+$", code, flags=re.M)) == 1


@pytest.mark.parametrize(
    "code",
    [
        "pm.sample()",
        "pm.find_MAP(model=model)",
        "np.random.default_rng()",
        "np.random.normal()",
        "norm(0, 1).rvs(3)",
        "az.extract(idata, num_samples=10)",
    ],
)
def test_draw_without_a_seed_is_noticed(code):
    assert list(draws_without_a_seed(code))


@pytest.mark.parametrize("name", CHAPTERS)
def test_code_in_chapters_is_formatted(name):
    chapter = jupytext.read(ROOT / "chapters" / f"{name}.md")
    code = jupytext.writes(chapter, "py:percent")
    formatted = jupytext.reads(ruff("format", "--line-length=80", "-", input=code).stdout, "py")
    sources = [cell.source for cell in code_cells(formatted)]
    assert sources == [cell.source for cell in code_cells(chapter)], "run make format"


@pytest.mark.parametrize("name", CHAPTERS)
def test_code_in_chapters_is_clean(name):
    code = jupytext.writes(jupytext.read(ROOT / "chapters" / f"{name}.md"), "py:percent")
    done = ruff("check", "--ignore=D1,E402", "-", input=code)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("command", [["format", "--check"], ["check"]])
def test_code_outside_the_chapters_is_formatted_and_clean(command):
    done = ruff(*command, ".")
    assert done.returncode == 0, done.stdout
