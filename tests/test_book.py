"""A site with a hole in it is not built."""

import re
import shutil
import subprocess
import sys

import pytest
from execution import ROOT

PAGE = """---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3, display_name: Python 3}
---

# One picture

A number that nobody computed: {glue:text}`absent_mean:.2f`. It belongs to $\\sigma$.

```{code-cell} ipython3
from IPython.display import SVG

SVG("<svg xmlns='http://www.w3.org/2000/svg'/>")
```
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return a book with a missing glue key and a picture without words."""
    root = tmp_path_factory.mktemp("book")
    for name in ["build_tools", "data"]:
        shutil.copytree(ROOT / name, root / name)
    for name in ["_config.yml", "requirements.txt"]:
        shutil.copy(ROOT / name, root)
    (root / "chapters").mkdir()
    shutil.copy(ROOT / "chapters" / "references.bib", root / "chapters")
    (root / "chapters" / "page.md").write_text(PAGE)
    (root / "index.md").write_text("# A book\n")
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: index\nchapters: [{file: chapters/page}]\n"
    )
    return root


@pytest.fixture(scope="module")
def broken_build(root):
    """Return the outcome of building it."""
    command = [sys.executable, root / "build_tools" / "book.py"]
    subprocess.run(command, capture_output=True)  # the second run must find what the first one did
    return subprocess.run(command, capture_output=True, text=True)


@pytest.fixture(scope="module")
def page(root, broken_build):
    """Return its page, which is there to look at."""
    return (root / "_build" / "html" / "chapters" / "page.html").read_text("utf-8")


def test_book_with_a_hole_is_not_built(broken_build):
    assert broken_build.returncode != 0
    assert "The site is not built" in broken_build.stderr


def test_missing_glue_key_is_named(broken_build):
    assert "absent_mean" in broken_build.stderr


def test_picture_without_alt_text_is_named(broken_build):
    warning = r"chapters/page.md:.*WARNING: a picture has no alt text"
    assert re.search(warning, broken_build.stderr)


def test_page_asks_nobody_else_for_anything(page):
    addresses = re.findall(r"<(?:script|img|link)[^>]* (?:src|href)=\"([^\"]+)", page)
    assert addresses
    assert not [address for address in addresses if "//" in address]


def test_page_has_its_equations_in_it(page):
    assert "<math" in page
    assert "mathjax" not in page.lower().replace("mathjax_ignore", "")
