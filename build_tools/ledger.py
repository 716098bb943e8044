"""Sphinx extension: the page that lists every claim of the book, made from what was executed."""

import ast
import hashlib
import json
import platform
import re
from importlib.metadata import version
from pathlib import Path

import matplotlib
import numpy as np
from claims import monte_carlo_error, read_seeds
from execution import code_cells, executed_chapters, glued, open_cache
from fits import PREFIX
from matplotlib.figure import Figure
from nbformat import NotebookNode
from prose import CLAIM, fill_in, read_blocks
from scipy.stats import norm, t
from sphinx.application import Sphinx

PAGE = "chapters/ledger"
PACKAGES = {"PyMC": "pymc", "nutpie": "nutpie", "ArviZ": "arviz", "NumPy": "numpy"}


def sentences(chapter: Path, claims: dict) -> dict[str, list[str]]:
    """Return the sentences that state claims, with the values filled in, and the claims of each.

    A claim stands under the first of its sentences.
    """
    stated, seen = {}, set()
    for block in read_blocks(chapter):
        if block.is_alt_text:
            continue
        for sentence in re.split(r"(?<=[.!?:])\s+(?=[A-Z{$])", block.text):
            keys = [match["key"] for match in CLAIM.finditer(sentence)]
            keys = [key for key in dict.fromkeys(keys) if key not in seen]
            if keys:
                text = re.sub(r"\s+([.,;:)])", r"\1", fill_in(sentence, claims))
                stated[text] = keys
                seen.update(keys)
    return stated


def describe(key: str, claims: dict, tests: list[str]) -> str:
    """Return a claim, its value, its error and its tests as an item of a Markdown list."""
    value, error = claims[key], monte_carlo_error(key, claims)
    if isinstance(value, float):
        value = f"{value:.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    text = f"`{key}` = {value}"
    text += f" ± {error:.1g}" if error is not None else ""
    names = sorted({test.split("::")[1].split("[")[0] for test in tests})
    return "- " + text + "".join(f"; `{name}`" for name in names) + "\n"


def fits_table(notebook: NotebookNode) -> str:
    """Return the diagnostics of the fits of a chapter as a Markdown table, nothing if it has none."""
    rows = []
    for cell in code_cells(notebook):
        for key, text in glued(cell).items():
            if key.startswith(PREFIX):
                name, fit = key.removeprefix(PREFIX), ast.literal_eval(text)
                shown_as = "broken" if name in cell.metadata.get("broken_fits", []) else "sound"
                rows.append(
                    f"| `{name}` | {shown_as} | {fit['r_hat']:.3f} | {fit['ess_bulk']:,.0f} "
                    f"| {fit['ess_tail']:,.0f} | {fit['divergences']:,} |\n"
                )
    header = (
        "| fit | shown as | R-hat | bulk ESS | tail ESS | divergences |\n" + "| --- " * 6 + "|\n"
    )
    return "\n" + header + "".join(rows) if rows else ""


def chapter_section(name: str, notebook: NotebookNode, root: Path, tests: dict) -> str:
    """Return what the ledger says of one chapter, in Markdown."""
    claims = json.loads((root / "_build" / "claims.json").read_text())[name]
    record = open_cache(root).match_cache_notebook(notebook)
    title = next(block.text for block in read_blocks(root / "chapters" / f"{name}.md"))
    text = f"\n## {title}\n\n[The chapter]({name}.md) was executed on {record.created:%Y-%m-%d} in "
    text += f"{record.data['execution_seconds']:.0f} seconds.\n"
    stated = sentences(root / "chapters" / f"{name}.md", claims)
    for sentence, keys in stated.items():
        text += f"\n{sentence}\n\n"
        text += "".join(describe(key, claims, tests.get(key, [])) for key in keys)
    named = {key for keys in stated.values() for key in keys}
    further = [key for key in claims if key not in named and not key.endswith("_mcse")]
    if further:
        text += "\n:::{admonition} Claims of figures and comparisons\n:class: dropdown\n"
        text += "".join(describe(key, claims, tests.get(key, [])) for key in further) + ":::\n"
    return text + fits_table(notebook)


def deviations(root: Path) -> np.ndarray:
    """Return how far results lie from what they should be, over all seeds, as normal quantiles.

    In Monte Carlo errors, but for how well an error is known: Student's t is brought to a normal.
    """
    compared = [
        entry
        for chapter in read_seeds(root).values()
        for name, entry in chapter["comparisons"].items()
        if name.startswith("agrees")
    ]
    if not compared:
        return np.array([])
    off, dof = [
        np.concatenate([entry[name] for entry in compared]) for name in ["deviations", "dof"]
    ]
    return np.sort(norm.ppf(t(dof).cdf(off)))


def draw_deviations(off: np.ndarray, picture: Path) -> None:
    """Draw the quantiles of deviations against those of a normal distribution."""
    theory = norm.ppf((np.arange(len(off)) + 0.5) / len(off))
    with matplotlib.rc_context(fname=Path(__file__).parents[1] / "chapters" / "matplotlibrc"):
        figure = Figure(figsize=(4.5, 4.5), layout="constrained")
        axes = figure.subplots()
        ends = [theory[0], theory[-1]]
        axes.plot(ends, ends, color="0.5")
        axes.plot(theory, off, ".", markersize=3)
        axes.set(xlabel="deviation that theory expects (errors)", ylabel="deviation found (errors)")
        axes.set_aspect("equal")
        figure.savefig(picture, dpi=200)


def calibration_section(root: Path) -> str:
    """Return what the ledger says of the errors themselves, in Markdown; nothing without a store."""
    off = deviations(root)
    if not len(off):
        return ""
    picture = root / "_build" / "ledger" / "deviations.png"
    picture.parent.mkdir(parents=True, exist_ok=True)
    draw_deviations(off, picture)
    n_seeds = max(
        len(values) for entry in read_seeds(root).values() for values in entry["claims"].values()
    )
    share = np.mean(np.abs(off) > norm.ppf(0.975))
    return f"""
## Are the errors right?

Every chapter was also run with {n_seeds} other seeds, and each comparison of a result with its exact value, with theory or with another
fit repeated: {len(off):,} deviations. If the Monte Carlo errors are right, the deviations, counted in errors, are normal: their quantiles lie on the
line. One in twenty should be beyond 1.96; {share:.1%} are.

![Quantiles of {len(off):,} deviations against those of a normal distribution: the dots follow the diagonal; the smallest is {off[0]:.1f}, the largest {off[-1]:.1f}.](../_build/ledger/{picture.name})
"""


def write_ledger(app: Sphinx, docname: str, source: list[str]) -> None:
    """Add to the page's own words what was claimed, computed and tested."""
    if docname != PAGE:
        return
    root = Path(app.srcdir)
    claims_file, guards_file = root / "_build" / "claims.json", root / "_build" / "guards.json"
    for file in [claims_file, guards_file, root / "data" / "seeds.json"]:
        app.env.note_dependency(file)
    guards = json.loads(guards_file.read_text()) if guards_file.exists() else {}
    if guards.get("claims") != hashlib.sha256(claims_file.read_bytes()).hexdigest():
        guards = {"tests": {}}
        source[0] += (
            "\n**These values have not been tested yet: run `make test`, then `make book`.**\n"
        )
    elif guards["failed"]:
        source[0] += f"\n**On {guards['when']} {len(guards['failed'])} tests failed.**\n"
    else:
        skipped = f", but for {n} that were skipped" if (n := len(guards["skipped"])) else ""
        source[0] += f"\nOn {guards['when']} all tests passed{skipped}.\n"
    packages = ", ".join(f"{name} {version(package)}" for name, package in PACKAGES.items())
    source[0] += f"All was computed with Python {platform.python_version()}, {packages}.\n"
    source[0] += calibration_section(root)
    contents = (root / "_toc.yml").read_text("utf-8")
    chapters = executed_chapters(root)
    for name in sorted(chapters, key=lambda name: contents.find(f"chapters/{name}\n")):
        source[0] += chapter_section(name, chapters[name], root, guards["tests"].get(name, {}))


def setup(app: Sphinx) -> dict:
    """Have Sphinx complete the page when it reads it."""
    app.connect("source-read", write_ledger)
    return {"parallel_read_safe": True}
