"""What readers take with them: notebooks that are plain and run on their own, and the PDF."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from zipfile import ZipFile

import nbformat
import pytest
from execution import ROOT, code_cells, read_chapters
from pdf import pages_of_headings, print_page
from prose import fill_in, read_blocks

ZIP = ROOT / "_build" / "partial-pooling.zip"
CHAPTERS = read_chapters()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return an empty folder into which the zip of the site was unpacked."""
    zip_of_site = ROOT / "_build" / "html" / ZIP.name
    if not zip_of_site.exists():
        pytest.fail("The site is not built yet: run 'make book' first.")
    folder = tmp_path_factory.mktemp("reader")
    ZipFile(zip_of_site).extractall(folder)
    return folder / ZIP.stem


@pytest.fixture(params=sorted(CHAPTERS))
def name(request):
    """Return the name of each chapter."""
    return request.param


@pytest.fixture
def notebook(folder, name):
    """Return each notebook of the zip."""
    return nbformat.read(folder / "chapters" / f"{name}.ipynb", as_version=4)


def words_of(notebook):
    """Return a notebook's text."""
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def letters(text):
    """Return the letters and digits of a text alone, without its links' addresses."""
    return re.sub(r"\W|_", "", re.sub(r"\]\([^)]*\)", "", text))


def test_zip_holds_all_that_a_reader_needs(folder):
    needed = {"README.md", "LICENSE", "requirements.txt", "data/radon.csv", "chapters/matplotlibrc"}
    needed |= {f"chapters/{name}.ipynb" for name in CHAPTERS}
    assert needed <= {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    for name in ["requirements.txt", "data/radon.csv"]:
        assert (folder / name).read_bytes() == (ROOT / name).read_bytes()


def test_readme_lists_the_notebooks_in_the_order_of_the_book(folder):
    order = [name for name in re.findall(r"chapters/([\w-]+)", (ROOT / "_toc.yml").read_text())]
    listed = re.findall(r"`chapters/([\w-]+)\.ipynb`", (folder / "README.md").read_text("utf-8"))
    assert listed == [name for name in order if name in CHAPTERS]


def test_page_offers_its_notebook(folder, name):
    offered = ROOT / "_build" / "html" / "chapters" / f"{name}.ipynb"
    assert offered.read_bytes() == (folder / "chapters" / offered.name).read_bytes()
    page = offered.with_suffix(".html").read_text("utf-8")
    assert f'href="{offered.name}" download' in page
    assert f'href="../{ZIP.name}" download' in page


def test_no_page_offers_its_source():
    site = ROOT / "_build" / "html"
    assert not (site / "_sources").exists()
    assert not [page for page in site.rglob("*.html") if "_sources/" in page.read_text("utf-8")]


def test_notebook_is_valid_and_carries_no_traces_of_the_build(notebook):
    nbformat.validate(notebook)
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"jupyter", "tags"}
        for output in cell.get("outputs", []):
            assert set(output.get("metadata", {})) <= {"image/png"}


def test_words_are_plain_markdown(notebook):
    text = words_of(notebook)
    for trace in ["}`", ":::", "```{", "% no result", "\0", ".md)"]:
        assert trace not in text
    assert set(re.findall(r"</?[a-z]+", text)) <= {"<details", "</details", "<summary", "</summary"}
    assert text.count("$$") % 2 == 0
    for equation in re.findall(r"\$\$(.*?)\$\$", text, flags=re.DOTALL):
        assert "\n\n" not in equation  # which would end it in Jupyter


def test_every_number_of_the_chapter_is_in_the_words(notebook, name, claims):
    text = letters(words_of(notebook))
    chapter = dict(claims[name])
    for block in read_blocks(ROOT / "chapters" / f"{name}.md"):
        for claim in [] if block.is_alt_text else block.claims:
            before = fill_in(block.text[: claim.start()], chapter)
            value = fill_in(claim[0], chapter)
            assert letters(before)[-8:] + letters(value) in text, f"line {block.line}: {value}"


def test_code_is_that_of_the_chapter_but_for_the_cells_that_are_not_shown(notebook, name):
    shown = [
        cell.source
        for cell in code_cells(CHAPTERS[name])
        if not {"remove-cell", "remove-input"} & set(cell.metadata.get("tags", []))
    ]
    code = [cell.source for cell in code_cells(notebook)]
    assert code[code.index(shown[0]) :] == shown
    assert "glue" not in "".join(code)


def test_no_cell_needs_one_that_is_not_shown(folder):
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select=F821"]
    done = subprocess.run([*command, folder / "chapters"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_every_picture_is_there_with_its_alt_text(notebook, name):
    page = (ROOT / "_build" / "html" / "chapters" / f"{name}.html").read_text("utf-8")
    shown = [unescape(alt) for alt in re.findall(r'<img[^>]*alt="([^"]+)"[^>]*_images/', page)]
    pictures = [
        output.metadata["image/png"]["alt"]
        for cell in code_cells(notebook)
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]
    assert pictures == shown
    assert len(re.findall(r"^\*\*Fig\. \d+\*\* ", words_of(notebook), flags=re.M)) == len(pictures)


def test_solutions_are_folded(notebook, name):
    source = (ROOT / "chapters" / f"{name}.md").read_text("utf-8")
    solutions = re.findall(r"^```{solution-start}.*?^```{solution-end}", source, re.M | re.S)
    cells = sum(len(re.findall(r"{code-cell}", solution)) for solution in solutions)
    cells -= sum(solution.count("[remove-cell]") for solution in solutions)
    folded = [
        cell
        for cell in code_cells(notebook)
        if "outputs_hidden" in cell.metadata.get("jupyter", {})
    ]
    assert len(folded) == cells
    text = words_of(notebook)
    assert text.count("**Solution to") == len(solutions)
    assert len(solutions) <= text.count("<details>") == text.count("</details>")


def test_links_lead_to_a_notebook_of_the_folder_or_to_the_web(notebook, folder):
    for address in re.findall(r"\]\(([^)]+)\)", words_of(notebook)):
        if not address.startswith("https://"):
            assert (folder / "chapters" / address).exists(), address


def test_what_a_chapter_cites_is_listed_at_its_end(notebook, name):
    source = (ROOT / "chapters" / f"{name}.md").read_text("utf-8")
    roles = re.findall(r"{cite:[a-z]+}`([^`]+)`", source)
    keys = {key.strip() for role in roles for key in role.split(",")}
    *_, end = words_of(notebook).partition("## References\n")
    assert end.count("\n- ") == len(keys)


PAGES = {
    "index": "# A book\n\n**About little**\n",
    "chapters/page": """---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3, display_name: Python 3}
---

# A small chapter

## A small section

It has a {term}`word`, and $\\sigma$.

```{code-cell} ipython3
6 * 7
```

```{exercise-start} Easy
:label: ex-easy
```
Do you know the answer?
```{exercise-end}
```

```{solution-start} ex-easy
:class: dropdown
```
You do.
```{solution-end}
```
""",
    "chapters/ledger": "# Claims\n",
    "chapters/glossary": "# Words\n\n```{glossary}\nword\n  What has a meaning.\n```\n",
}


@pytest.fixture(scope="module")
def small_book(tmp_path_factory):
    """Return a book of one short chapter and what belongs to any book."""
    root = tmp_path_factory.mktemp("book")
    for name in ["build_tools", "data"]:
        shutil.copytree(ROOT / name, root / name)
    for name in ["_config.yml", "requirements.in", "requirements.txt", "LICENSE"]:
        shutil.copy(ROOT / name, root)
    (root / "chapters").mkdir()
    for name in ["references.bib", "matplotlibrc"]:
        shutil.copy(ROOT / "chapters" / name, root / "chapters")
    for name, text in PAGES.items():
        (root / f"{name}.md").write_text(text)
    first, *others = PAGES
    contents = {"format": "jb-book", "root": first, "chapters": [{"file": name} for name in others]}
    (root / "_toc.yml").write_text(json.dumps(contents))
    return root


def build(book, command="book.py", **environment):
    """Run a command of a book."""
    program = [sys.executable, book / "build_tools" / command]
    subprocess.run(program, env=os.environ | environment, check=True, stdout=subprocess.DEVNULL)


def test_services_are_offered_where_the_repository_is_known(small_book):
    build(small_book, GITHUB_REPOSITORY="somebody/somewhere")
    html = small_book / "_build" / "html" / "chapters" / "page.html"
    page, notebook = html.read_text("utf-8"), nbformat.read(html.with_suffix(".ipynb"), 4)
    colab = "https://colab.research.google.com/github/somebody/somewhere/blob/notebooks/"
    assert f'href="{colab}chapters/page.ipynb"' in page
    binder = "https://mybinder.org/v2/gh/somebody/somewhere/notebooks?labpath="
    assert f'href="{binder}chapters/page.ipynb"' in page
    assert 'href="https://github.com/somebody/somewhere/edit/main/chapters/page.md"' in page
    fetch, code = code_cells(notebook)
    assert "https://github.com/somebody/somewhere /content" in fetch.source
    assert re.search(r"pip install --quiet pymc==[\d.]+ nutpie==[\d.]+ arviz==", fetch.source)


@pytest.mark.skipif("GITHUB_REPOSITORY" in os.environ, reason="the site is built for a repository")
def test_services_are_absent_where_it_is_not(notebook, name):
    page = (ROOT / "_build" / "html" / "chapters" / f"{name}.html").read_text("utf-8")
    assert not [word for word in ["colab", "mybinder", "edit/main"] if word in page]
    assert "pip install" not in code_cells(notebook)[0].source


def test_pdf_has_contents_with_pages_and_leads_nowhere_but_to_the_web(small_book, page, tmp_path):
    build(small_book, "pdf.py")
    pdf = (small_book / "_build" / "partial-pooling.pdf").read_bytes()
    assert b"/Outlines" in pdf and b"/MarkInfo" in pdf
    assert b"file:" not in pdf
    printed = list(pages_of_headings(pdf).values())
    assert printed == [3, 3, 4, 5]  # after the title and the contents
    print_page(page, small_book / "_build" / "singlehtml" / "index.html", tmp_path / "again.pdf")
    entries = page.locator(".printed-contents a")
    assert entries.all_inner_texts() == [
        "A small chapter",
        "A small section",
        "Solutions",
        "Words",
    ]
    assert entries.evaluate_all("all => all.map(entry => +entry.dataset.page)") == printed
    assert page.locator("#solutions .solution").count() == 1


def test_missing_chromium_is_said_in_a_sentence(monkeypatch):
    monkeypatch.setenv("CHROMIUM", "/absent/chromium")
    # In a thread of its own, since this one may have started a browser already.
    with ThreadPoolExecutor() as pool, pytest.raises(SystemExit) as stop:
        pool.submit(runpy.run_path, ROOT / "build_tools" / "pdf.py", run_name="__main__").result()
    message = stop.value.code
    assert message.startswith("The PDF is printed by Chromium") and "\n" not in message
