"""In the students' edition no trace of a solution remains, wherever one looks."""

import json
import re
import subprocess
import sys
import zipfile
from html import unescape

import pytest
from execution import ROOT
from student import COPY, SOLUTION

CHAPTERS = {path: path.read_text() for path in sorted((ROOT / "chapters").glob("*.md"))}


def words(text):
    """Return a text's words in lower case, one blank between two, without markup."""
    return " ".join(re.findall(r"\w+", text.lower()))


def readable(name, content):
    """Return the words in a file of the site, whatever its kind is."""
    text = content.decode("utf-8", "replace")
    if name.endswith(".html"):
        # Without its tags, which part the words of code, and with them: they hold alt texts.
        text = unescape(re.sub(r"<[^>]*>", "", text) + text)
    elif name.endswith(".ipynb"):
        cells = json.loads(text)["cells"]
        for output in (output for cell in cells for output in cell.get("outputs", [])):
            output.get("data", {}).pop("image/png", None)  # which has no words
        text = "\n".join("".join(cell["source"]) + json.dumps(cell) for cell in cells)
    return words(text)


def contents(site):
    """Yield name and words of every file below a folder and in its archives, of equal ones once."""
    seen = set()
    for path in sorted(site.rglob("*")):
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                files = [(f"{path.name}/{name}", archive.read(name)) for name in archive.namelist()]
        elif path.is_file() and path.suffix not in {".avif", ".png", ".woff2", ".ttf"}:
            files = [(path.name, path.read_bytes())]
        else:
            continue
        for name, content in files:
            if content not in seen:
                seen.add(content)
                yield name, readable(name, content)


@pytest.fixture(scope="module")
def secrets():
    """Return lines of five words or more, and single words, that only solutions have."""
    # Counties have their names in tables, and the page for teachers is not in its chapter.
    others = [(ROOT / name).read_text() for name in ["data/radon.csv", "coursework/README.md"]]
    kept = words("\n".join([*(SOLUTION.sub("", text) for text in CHAPTERS.values()), *others]))
    lines = [
        words(line)
        for text in CHAPTERS.values()
        for solution in SOLUTION.findall(text)
        for line in re.sub(r"\{claim.*?`.*?`", "\n", solution).splitlines()
    ]
    phrases = {line for line in lines if line.count(" ") >= 4 and line not in kept}
    single = {word for line in lines for word in line.split() if len(word) > 5}
    return phrases, single - set(kept.split())


@pytest.fixture(scope="module")
def edition():
    """Build the edition and return its site."""
    done = subprocess.run(
        [sys.executable, ROOT / "build_tools" / "book.py", "student"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "running" not in done.stdout, "the outputs of the one execution serve it, too"
    return COPY / "_build" / "html"


def test_no_line_of_a_solution_is_in_any_file(edition, secrets):
    phrases, _ = secrets
    leaks = {
        (name, phrase) for name, text in contents(edition) for phrase in phrases if phrase in text
    }
    assert not leaks


def test_search_finds_no_word_that_only_solutions_have(edition, secrets):
    _, single = secrets
    index = set(words((edition / "searchindex.js").read_text()).split())
    assert not single & index


def test_these_traces_would_be_found(secrets):
    phrases, single = secrets
    site = ROOT / "_build" / "html"
    texts = [text for _, text in contents(site)]
    found = [phrase for phrase in phrases if any(phrase in text for text in texts)]
    assert len(found) > len(phrases) / 2 > 50  # lines with links or formulas look different there
    assert len(single & set(words((site / "searchindex.js").read_text()).split())) > 10


def test_exercises_are_all_there(edition):
    for path, text in CHAPTERS.items():
        if "{exercise-start}" in text:
            page = (edition / "chapters" / f"{path.stem}.html").read_text()
            assert page.count('class="exercise ') == text.count("{exercise-start}")
