"""A site with a hole in it is not built; a site with an address can be found there."""

import os
import re
import shutil
import subprocess
import sys

import book
import pytest
from execution import ROOT, BookError

ADDRESS = "https://book.example/some/folder"  # no such place
PAGE = """---
description: What this page is "about".
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3, display_name: Python 3}
---

# One picture

A number that nobody computed: {claim}`absent_mean`. It belongs to $\\sigma$.
A link to [a section](../index.md#that-is-gone).

```{code-cell} ipython3
from IPython.display import SVG

SVG("<svg xmlns='http://www.w3.org/2000/svg'/>")
```
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """Return a book with a missing claim, a missing section and a picture without words."""
    root = tmp_path_factory.mktemp("book")
    for name in ["build_tools", "data"]:
        shutil.copytree(ROOT / name, root / name)
    (root / "chapters").mkdir()
    for name in ["_config.yml", "requirements.txt", "LICENSE"]:
        shutil.copy(ROOT / name, root)
    for name in ["references.bib", "matplotlibrc"]:
        shutil.copy(ROOT / "chapters" / name, root / "chapters")
    (root / "chapters" / "page.md").write_text(PAGE)
    (root / "index.md").write_text("# A book\n")
    (root / "_toc.yml").write_text(
        "format: jb-book\nroot: index\nchapters: [{file: chapters/page}]\n"
    )
    return root


@pytest.fixture(scope="module")
def broken_build(root):
    """Return the outcome of building it for an address."""
    command = [sys.executable, root / "build_tools" / "book.py"]
    options = {"capture_output": True, "text": True, "env": os.environ | {"SITE_URL": ADDRESS}}
    subprocess.run(command, **options)  # the second run must find what the first one did
    return subprocess.run(command, **options)


@pytest.fixture(scope="module")
def written(root, broken_build):
    """Return its page, which is there to look at."""
    return read(root, "chapters/page.html")


def read(root, name):
    return (root / "_build" / "html" / name).read_text("utf-8")


def test_book_with_a_hole_is_not_built(broken_build):
    assert broken_build.returncode != 0
    assert "The site is not built" in broken_build.stderr


def test_missing_claim_is_named(broken_build):
    assert "absent_mean" in broken_build.stderr


def test_link_to_a_missing_section_is_named(broken_build):
    assert re.search("chapters/page.md:.*WARNING:.*that-is-gone", broken_build.stderr)


def test_picture_without_alt_text_is_named(broken_build):
    warning = r"chapters/page.md:.*WARNING: a picture has no alt text"
    assert re.search(warning, broken_build.stderr)


def test_page_asks_nobody_else_for_anything(written):
    tag = r"<(?:script|img|link(?! rel=\"canonical))[^>]* (?:src|href)=\"([^\"]+)"
    addresses = re.findall(tag, written)
    assert addresses
    assert not [address for address in addresses if "//" in address]


def test_page_has_its_equations_in_it(written):
    assert "<math" in written
    assert "mathjax" not in written.lower().replace("mathjax_ignore", "")


def test_page_says_what_it_is_about(written):
    assert '<meta name="description" content="What this page is &quot;about&quot;." />' in written
    assert (
        '<meta property="og:description" content="What this page is &quot;about&quot;." />'
        in written
    )


def test_link_to_a_page_shows_a_card_that_exists(root, written):
    card = re.search(r'<meta property="og:image" content="([^"]+)"', written)[1]
    assert (root / "_build" / "html" / card.removeprefix(f"{ADDRESS}/")).is_file()


def test_sitemap_names_the_pages(root, broken_build):
    pages = re.findall("<loc>(.*?)</loc>", read(root, "sitemap.xml"))
    assert set(pages) == {f"{ADDRESS}/index.html", f"{ADDRESS}/chapters/page.html"}


def test_page_for_wrong_addresses_finds_the_others_from_anywhere(root, broken_build):
    targets = re.findall(r' (?:src|href)="([^"#][^"]*)"', read(root, "404.html"))
    assert "/some/folder/index.html" in targets
    assert all(target.startswith(("/some/folder/", ADDRESS, "data:")) for target in targets)


def test_word_that_names_no_edition_is_refused():
    with pytest.raises(BookError, match="There is no edition 'students': say 'make book'"):
        book.main(["students"])


@pytest.fixture
def builds(tmp_path, monkeypatch):
    """Return a list that grows when the site of a small book would be built; build it once."""
    for folder in ["_build", "chapters"]:
        (tmp_path / folder).mkdir()
    for file in ["_toc.yml", "chapters/page.md", "_build/guards.json"]:
        (tmp_path / file).write_text("as it was")
    site, builds = tmp_path / "_build" / "html", []

    def build(*builder):
        site.mkdir()
        (site / "index.html").touch()
        builds.append(builder)

    constants = {"ROOT": tmp_path, "SITE": site, "STAMP": tmp_path / "_build" / "site.txt"}
    for name, value in {**constants, "jupyter_book": build}.items():
        monkeypatch.setattr(book, name, value)
    book.build_site()
    assert len(builds) == 1
    return builds


def test_site_is_not_built_again_when_nothing_has_changed(builds):
    book.build_site()
    assert len(builds) == 1


@pytest.mark.parametrize("name", ["_toc.yml", "chapters/page.md", "_build/guards.json"])
def test_site_is_built_again_when_a_file_changes(builds, name):
    (book.ROOT / name).write_text("as it is")
    book.build_site()
    assert len(builds) == 2


def test_site_is_built_again_when_a_chapter_is_gone(builds):
    (book.ROOT / "chapters" / "page.md").unlink()
    book.build_site()
    assert len(builds) == 2


def test_site_is_built_again_for_another_address(builds, monkeypatch):
    monkeypatch.setenv("SITE_URL", ADDRESS)
    book.build_site()
    assert len(builds) == 2


def test_site_that_could_not_be_built_is_tried_again(builds, monkeypatch):
    (book.ROOT / "_toc.yml").write_text("as it is")
    with monkeypatch.context() as patch, pytest.raises(BookError):
        patch.setattr(book, "jupyter_book", lambda: (_ for _ in ()).throw(BookError("warnings")))
        book.build_site()
    book.build_site()
    assert len(builds) == 2
