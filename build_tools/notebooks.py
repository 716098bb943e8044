"""Sphinx extension: the chapters as notebooks that any Jupyter shows, a zip of all, and buttons.

The words are those of the site, resolved and written as plain Markdown; code and outputs come from
the one execution.
"""

import os
import re
import shutil
from importlib.metadata import version
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile

import nbformat
from docutils import nodes
from docutils.io import StringOutput
from execution import executed_chapters
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx_exercise.nodes import exercise_enumerable_node, solution_node
from sphinx_exercise.utils import get_node_number
from sphinx_markdown_builder.builder import MarkdownBuilder
from sphinx_markdown_builder.contexts import (
    IndentContext,
    SubContext,
    SubContextParams,
    TableContext,
    TitleContext,
    WrappedContext,
)
from sphinx_markdown_builder.translator import MarkdownTranslator, pushing_context
from tabulate import tabulate

ZIP = "partial-pooling.zip"
# What the notebooks need beside them, in the places where they look for it
COMPANIONS = ["data", "chapters/matplotlibrc", "requirements.txt", "LICENSE"]
README = """# {title}: the notebooks

You need Python 3.12, 3.13 or 3.14. In this folder type (on Windows write `.venv\\Scripts\\` instead of `.venv/bin/`)

    python3 -m venv .venv
    .venv/bin/pip install --requirement requirements.txt
    .venv/bin/jupyter lab --LabApp.default_url=/lab/tree/chapters

Only the second line needs a network, and only once. Read the notebooks in this order:

{contents}

Text: CC BY 4.0. Code: MIT. Data: public domain. See `LICENSE`.
"""
COLAB = """# On Google Colab, fetch the data and the packages. Elsewhere, this cell does nothing.
import sys

if "google.colab" in sys.modules:
    !git clone --quiet --depth 1 --branch notebooks {address} /content/book
    %cd -q /content/book/chapters
    %pip install --quiet {packages}
    import matplotlib

    matplotlib.rc_file("matplotlibrc")"""


def repository() -> str:
    """Return the repository's name, owner/name, where the environment knows it, as on GitHub."""
    return os.environ.get("GITHUB_REPOSITORY", "")


def repository_address() -> str:
    """Return its address."""
    return f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{repository()}"


class CodeCell(nodes.Element):
    """The place of a code cell: its index, its picture's alt text, and whether it is a solution's."""


class Fold(nodes.Element):
    """Words of a solution, which a click opens."""


class SimplifyCells(SphinxPostTransform):
    """Leave of a code cell its place and its caption, and fold the words of the solutions."""

    builders = ("notebooks",)
    default_priority = (
        1  # before MyST-NB chooses among the outputs, for which it knows no rule here
    )

    def run(self, **kwargs: Any) -> None:
        """Change the tree."""
        for cell in list(self.document.findall(nodes.container)):
            if "tag_remove-input" in cell["classes"]:
                cell.parent.remove(cell)  # data for a script of the page
            elif cell.get("nb_element") == "cell_code":
                cell.replace_self(
                    [self.place(cell), *map(self.caption, cell.findall(nodes.figure))]
                )
        for solution in self.document.findall(solution_node):
            title, content = solution.children
            solution.children = [title]
            for part in content.children:
                if isinstance(part, CodeCell):
                    part["folded"] = True
                    solution += part
                    continue
                if not isinstance(solution.children[-1], Fold):
                    solution += Fold()
                solution.children[-1] += part

    def place(self, cell: nodes.container) -> CodeCell:
        """Return what stands for a code cell."""
        alt = next((image.get("alt", "") for image in cell.findall(nodes.image)), "")
        return CodeCell(index=cell["cell_index"], alt=alt, folded=False)

    def caption(self, figure: nodes.figure) -> nodes.paragraph:
        """Return a figure's caption with its number."""
        label = self.config.numfig_format["figure"] % self.number(figure)
        (caption,) = figure.findall(nodes.caption)
        return nodes.paragraph("", "", nodes.strong("", label), nodes.Text(" "), *caption.children)

    def number(self, figure: nodes.figure) -> str:
        """Return a figure's number."""
        numbers = self.env.toc_fignumbers[self.env.docname]["figure"][figure["ids"][0]]
        return ".".join(map(str, numbers))


class Table(TableContext):
    """A table whose numbers stay as they are written."""

    def make(self) -> str:
        """Return it in Markdown."""
        headers, *rows = map(self.make_row, [*self.headers, *self.body])
        return tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True)


class NotebookTranslator(MarkdownTranslator):
    """Writes plain Markdown, with the places of the code cells marked."""

    def visit_CodeCell(self, node: CodeCell) -> None:  # noqa: N802
        """Mark the place."""
        self.add(f"\0{node['index']}\0", prefix_eol=2, suffix_eol=2)

    def visit_Fold(self, node: Fold) -> None:  # noqa: N802
        """Begin what a click opens."""
        self.add("<details>\n<summary>Read the solution</summary>", prefix_eol=2, suffix_eol=2)

    def visit_math_block(self, node: nodes.math_block) -> None:
        """Write an equation; a blank line in it would end it."""
        self.add(f"$$\n{node.astext().strip()}\n$$", prefix_eol=2, suffix_eol=2)
        raise nodes.SkipNode

    def depart_Fold(self, node: Fold) -> None:  # noqa: N802
        """End it."""
        self.add("</details>", prefix_eol=2, suffix_eol=2)

    @pushing_context
    def visit_admonition(self, node: nodes.admonition) -> None:
        """Write a box as a quotation."""
        self._push_context(IndentContext("> ", empty=True, params=SubContextParams(2, 2)))

    @pushing_context
    def visit_exercise_enumerable_node(self, node: exercise_enumerable_node) -> None:
        """Write an exercise or a solution without a box around it."""
        self._push_context(SubContext(SubContextParams(2, 2)))

    visit_solution_node = visit_exercise_enumerable_node

    @pushing_context
    def visit_title(self, node: nodes.title) -> None:
        """Write a heading, or a box's title as strong words."""
        if isinstance(node.parent, exercise_enumerable_node):
            self._push_context(TitleContext(self.status.section_level + 1))
            self.add(node["title"] % get_node_number(self, node.parent, "exercise"))
        elif isinstance(node.parent, nodes.section):
            self._push_context(TitleContext(self.status.section_level))
        else:
            self._push_context(WrappedContext("**", params=SubContextParams(2, 2)))

    @pushing_context
    def visit_reference(self, node: nodes.reference) -> None:
        """Write a link if it leads to another page; of one within this page, the words."""
        # Jupyter gives sections names of its own, so a link leads to the notebook.
        address = re.sub(r"(\.ipynb)#.*", r"\1", node.get("refuri", "#"))
        if address.startswith("#"):
            self._push_context(SubContext())
        else:
            self._push_context(WrappedContext("[", f"]({address})"))

    @pushing_context
    def visit_table(self, node: nodes.table) -> None:
        """Write a table."""
        self._push_context(Table(params=SubContextParams(2, 2)))

    def skip(self, node: nodes.Node) -> None:
        """Leave out what is for browsers or for authors, and targets of links within the page."""
        raise nodes.SkipNode

    visit_comment = visit_raw = visit_target = skip


class NotebookBuilder(MarkdownBuilder):
    """Writes the chapters that hold code, puts beside them what they need, and zips it all."""

    name = "notebooks"
    format = "notebook"
    default_translator_class = NotebookTranslator

    def init(self) -> None:
        """Empty the folder, and read the executed notebooks."""
        super().init()
        self.config.markdown_flavor = "github"  # a paragraph on one line
        shutil.rmtree(self.outdir, ignore_errors=True)
        Path(self.outdir, "chapters").mkdir(parents=True)
        self.executed = {
            f"chapters/{name}": notebook
            for name, notebook in executed_chapters(Path(self.srcdir)).items()
        }

    def get_outdated_docs(self) -> list[str]:
        """Return all chapters: to write them takes less time than to know which must be written."""
        return list(self.executed)

    def get_target_uri(self, docname: str, typ: str | None = None) -> str:
        """Return where a page is, seen from the root."""
        return docname + (".ipynb" if docname in self.executed else ".html")

    def get_relative_uri(self, from_: str, to: str, typ: str | None = None) -> str:
        """Return where a page is, or nothing if it is no notebook and the site has no address."""
        if to in self.executed:
            return super().get_relative_uri(from_, to, typ)
        site = self.config.html_baseurl
        return site and f"{site.rstrip('/')}/{self.get_target_uri(to)}"

    def write_doc(self, docname: str, doctree: nodes.document) -> None:
        """Write a notebook, if the page is one."""
        if docname not in self.executed:
            return
        executed = self.executed[docname]
        chapter = doctree.next_node(nodes.section)
        chapter.insert(1, self.origin(docname))
        chapter += self.references(docname)
        places = {place["index"]: place for place in doctree.findall(CodeCell)}
        self.writer.write(doctree, StringOutput(encoding="unicode"))
        cells = []
        for number, part in enumerate(re.split(r"\0(\d+)\0", self.writer.output)):
            if number % 2:
                cells.append(code_cell(executed.cells[int(part)], places[int(part)]))
            elif part.strip():
                cells.append(new_markdown_cell(part.strip()))
        if repository():
            cells.insert(1, colab_cell(Path(self.srcdir)))
        language = {key: self.env.metadata[docname][key] for key in ["kernelspec", "language_info"]}
        notebook = new_notebook(cells=cells, metadata=language)
        count = 0
        for number, cell in enumerate(cells):
            cell.id = f"cell-{number}"  # the same in every build
            if cell.cell_type == "code":
                count += 1
                cell.execution_count = count
                for output in cell.outputs:
                    if output.output_type == "execute_result":
                        output.execution_count = count
        nbformat.validate(notebook)
        nbformat.write(notebook, Path(self.outdir, f"{docname}.ipynb"))

    def origin(self, docname: str) -> nodes.paragraph:
        """Return the sentences that say where a notebook comes from and what it needs."""
        title = self.config.html_title
        text = f"A chapter of the book {title}. Text: CC BY 4.0. Code: MIT."
        if "../data/" in "".join(cell.source for cell in self.executed[docname].cells):
            text += f" It reads a file of the folder data, which comes with all notebooks in {ZIP}."
        return nodes.paragraph("", "", nodes.emphasis("", text))

    def references(self, docname: str) -> list[nodes.section]:
        """Return the list of what a chapter cites."""
        domain = self.env.get_domain("cite")
        keys = {
            target.key
            for reference in domain.citation_refs
            if reference.docname == docname
            for target in reference.targets
        }
        entries = [
            nodes.list_item("", domain.backend.paragraph(citation.formatted_entry))
            for citation in domain.citations
            if citation.key in keys
        ]
        if not entries:
            return []
        title = nodes.title("", "References")
        return [nodes.section("", title, nodes.bullet_list("", *entries, bullet="-"))]

    def finish(self) -> None:
        """Put beside the notebooks what they need, and all into the zip."""
        root, folder = Path(self.srcdir), Path(self.outdir)
        for name in COMPANIONS:
            if (root / name).is_dir():
                # What other seeds said is for the tests.
                without = shutil.ignore_patterns("seeds.json", "__pycache__")
                shutil.copytree(root / name, folder / name, ignore=without)
            else:
                shutil.copy(root / name, folder / name)
        contents = "\n".join(
            f"- `{page}.ipynb`: {self.env.titles[page].astext()}"
            for page in self.env.toctree_includes[self.config.root_doc]
            if page in self.executed
        )
        readme = README.format(title=self.config.html_title, contents=contents)
        (folder / "README.md").write_text(readme, "utf-8")
        with ZipFile(folder.parent / ZIP, "w", ZIP_DEFLATED) as archive:
            for path in sorted(folder.rglob("*")):
                archive.write(path, Path(ZIP).stem / path.relative_to(folder))


def code_cell(executed: NotebookNode, place: CodeCell) -> NotebookNode:
    """Return a code cell with its outputs, without what only the build of the site reads."""
    tags = executed.metadata.get("tags", [])
    cell = new_code_cell(executed.source)
    if "raises-exception" in tags:
        cell.metadata.tags = ["raises-exception"]
    if "hide-input" in tags:
        cell.metadata.jupyter = {"source_hidden": True}
    if place["folded"]:
        cell.metadata.jupyter = {"source_hidden": True, "outputs_hidden": True}
    for output in executed.outputs if "remove-output" not in tags else []:
        if "scrapbook" in output.get("metadata", {}):
            continue  # a diagnostic of a fit, for the tests
        if "remove-stderr" in tags and output.get("name") == "stderr":
            continue
        for metadata in output.get("metadata", {}).values():
            metadata["alt"] = place["alt"]
        cell.outputs.append(output)
    return cell


def colab_cell(root: Path) -> NotebookNode:
    """Return the cell that fetches, on Google Colab, what a notebook needs."""
    wanted = (root / "requirements.in").read_text("utf-8").split("\n\n")[0]
    names = re.findall(r"^[\w-]+", wanted, flags=re.M)
    packages = " ".join(f"{name}=={version(name)}" for name in names)
    return new_code_cell(COLAB.format(address=repository_address(), packages=packages))


def offer(app: Sphinx, config: Config) -> None:
    """Tell the template of the buttons what there is to offer."""
    config.html_context |= {
        "zip": ZIP,
        "repository": repository(),
        "repository_address": repository_address(),
    }


def add_notebooks(app: Sphinx) -> list:
    """Write the notebooks while the site is written, and put them into it; no page is added."""
    if app.builder.name != "html":
        return []
    site, folder = app.builder, Path(app.outdir).with_name("notebooks")
    # What resolves a page asks the app for its builder.
    app.builder = NotebookBuilder(app, app.env)
    app.builder.outdir = folder
    try:
        app.builder.init()
        app.builder.write(app.builder.get_outdated_docs(), [])
        app.builder.finish()
    finally:
        app.builder = site
    for notebook in folder.glob("chapters/*.ipynb"):
        shutil.copy(notebook, Path(app.outdir, "chapters"))
    shutil.copy(folder.with_name(ZIP), app.outdir)
    return []


def setup(app: Sphinx) -> dict:
    """Register builder and buttons."""
    app.setup_extension("sphinx_markdown_builder")
    app.add_post_transform(SimplifyCells)
    app.connect("config-inited", offer)
    app.connect("html-collect-pages", add_notebooks, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
