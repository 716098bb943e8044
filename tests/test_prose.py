"""No number is typed by hand, no interval bare, no digit idle, no term without its link."""

import re

import pytest
from execution import ROOT
from myst_nb.core.read import is_myst_markdown_notebook
from prose_rules import (
    CONVENTIONS,
    bare_intervals,
    typed_results,
    unlinked_terms,
    uses_symbols_unlinked,
    wrong_formats,
)

CHAPTERS = sorted((ROOT / "chapters").glob("*.md"))
PAGE = """---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3, display_name: Python 3}
---

# Four draws

```{code-cell} ipython3
draws = 4000
```

## A result

SENTENCE
"""
LINE = 14  # of the sentence


@pytest.fixture
def page(tmp_path, request):
    """Return a chapter that says a sentence."""
    path = tmp_path / "page.md"
    path.write_text(PAGE.replace("SENTENCE", request.param))
    return path


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_every_result_is_computed(chapter):
    assert typed_results(chapter) == []


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_every_interval_has_its_probability_and_kind(chapter):
    assert bare_intervals(chapter) == []


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_digits_follow_from_the_monte_carlo_error(chapter, claims):
    assert wrong_formats(chapter, claims.get(chapter.stem, {})) == []


def test_conventions_about_the_survey_are_right(radon):
    assert {str(radon["county"].nunique()), str(len(radon))} <= set(CONVENTIONS)


RESULTS = [
    "The mean is 0.26.",
    "The mean is $0.26$.",
    "We find $\\sigma = 0.26$.",
    "About 27 % lie below.",
    "There are 12,345 of them.",
    "R-hat is 1.02.",
    "% no result: 0.3 (a bound)\nThe mean is 0.26.",
    "- one\n- 0.26",
    "| mean |\n| --- |\n| 0.26 |",
    "```{note}\nThe mean is 0.26.\n```",
    ":::{admonition} Result\nThe mean is 0.26.\n:::",
    "```{code-cell} ipython3\n---\nmystnb:\n  image:\n    alt: A mean of 0.26.\n---\n```",
    "```{code-cell} ipython3\n---\nmystnb:\n  figure:\n    caption: A mean of 0.26.\n---\n```",
    # A hidden cell sets nothing that a reader sees.
    "```{code-cell} ipython3\n:tags: [remove-cell]\nmean = 0.26\n```\n\nThe mean is 0.26.",
]


@pytest.mark.parametrize("page", RESULTS, indirect=True, ids=range(len(RESULTS)))
def test_typed_result_is_noticed(page):
    complaints = typed_results(page)
    assert complaints
    assert complaints[0].startswith("chapters/page.md:")


NO_RESULTS = [
    "The mean is {claim}`draws_mean:.2f`.",
    "Three of 10 chains, in 2017.",
    "We took 4,000 draws.",
    "**Reading time:** 35 minutes.",
    "% no result: 0.26 (an old value)\nThe mean was 0.26.",
    "% no result: 0.26 (an old value)\n- one\n- 0.26",
    'The old page says "0.26".',
    ":::{admonition} What the old post said\n:class: seealso\nThe mean was 0.26.\n:::",
    "$$\n\\sigma = 0.26\n$$",
    "The call is `f(0.26)`.",
    "An R-hat above 1.01 is a warning.",
]


@pytest.mark.parametrize("page", NO_RESULTS, indirect=True, ids=range(len(NO_RESULTS)))
def test_what_is_no_result_is_left_alone(page):
    assert typed_results(page) == []


@pytest.mark.parametrize("page", ["The mean is 0.26."], indirect=True)
def test_complaint_names_file_line_and_numeral(page):
    assert typed_results(page)[0].startswith(f"chapters/page.md:{LINE}: 0.26 is typed")


@pytest.mark.parametrize(
    "page", ["% no result: 0.26, 0.4 (old)\nThe mean was 0.26."], indirect=True
)
def test_mark_without_its_numeral_is_noticed(page):
    assert ["0.4 is marked and not there" in line for line in typed_results(page)] == [True]


@pytest.mark.parametrize(
    ("page", "n_complaints"),
    [
        ("The interval ends at {claim}`draws_high:.1f`.", 1),
        ("The 89 % interval ends at {claim}`draws_high:.1f`.", 1),
        ("The equal-tailed interval ends at {claim}`draws_high:.1f`.", 1),
        ("The 89 % equal-tailed interval ends at {claim}`draws_high:.1f`.", 0),
        ("Report an interval.", 0),
    ],
    indirect=["page"],
    ids=["bare", "no kind", "no probability", "complete", "no result"],
)
def test_bare_interval_is_noticed(page, n_complaints):
    assert len(bare_intervals(page)) == n_complaints


@pytest.mark.parametrize(
    ("page", "n_complaints"),
    [
        ("{claim}`draws_mean:.3f`", 1),
        ("{claim}`draws_mean`", 0),
        ("{claim}`draws_share:.1%`", 1),
        ("{claim}`draws_share:%`", 0),
        ("{claim}`other_mean:.0f`", 1),
        ("{claim}`other_ratio`", 1),
        ("{claim}`other_ratio:.1f`", 0),
        ("{claim}`other_count`", 0),
    ],
    indirect=["page"],
    ids=[
        "digits by hand",
        "digits by error",
        "digits of a share",
        "share",
        "mean without error",
        "no format",
        "format",
        "count",
    ],
)
def test_wrong_format_is_noticed(page, n_complaints):
    claims = {
        "draws_mean": 0.2571,
        "draws_mcse": 0.004,
        "draws_share": 0.31,
        "draws_share_mcse": 0.01,
        "other_mean": 1.5,
        "other_ratio": 1.5,
        "other_count": 3,
    }
    assert len(wrong_formats(page, claims)) == n_complaints


GLOSSARY = ROOT / "chapters" / "glossary.md"


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_every_term_of_the_glossary_is_linked_where_it_is_used(chapter):
    if is_myst_markdown_notebook(chapter.read_text("utf-8")):
        assert unlinked_terms(chapter, GLOSSARY) == []
        assert not uses_symbols_unlinked(chapter, GLOSSARY), "link [symbols](glossary.md#symbols)"


def test_every_entry_of_the_glossary_leads_to_a_chapter():
    for _, entry in re.findall(r"^(\S.*)\n((?:  .*\n)+)", GLOSSARY.read_text("utf-8"), flags=re.M):
        assert re.search(r"\]\([\w-]+\.md", entry), entry
    rows = [line for line in GLOSSARY.read_text("utf-8").split("\n") if line.startswith("| $")]
    assert rows
    for row in rows:
        assert re.search(r"\]\([\w-]+\.md#", row), row


@pytest.mark.parametrize(
    ("page", "n_complaints"),
    [
        ("A divergence is a warning.", 1),
        ("Two *Divergences* are worse.", 1),
        ("The effective\nsample size is small.", 1),
        ("- It was marginalized.", 1),
        (":::{note}\nThis is shrinkage.\n:::", 1),
        ("| shrinkage |\n| --- |", 1),
        ("A {term}`divergence` is a warning. Divergences are bad.", 0),
        ("It {term}`diverged <divergence>`, so it is no divergence.", 0),
        ("## A divergence", 0),
        ("The column `divergence` and [the divergence](funnel.md).", 0),
        ("The sum $divergence$ is a non-divergence.", 0),
        ("```{code-cell} ipython3\nshrinkage = 'divergence'\n```", 0),
        ("A map is no mode.", 0),
    ],
    indirect=["page"],
)
def test_term_without_a_link_is_noticed(page, n_complaints):
    assert len(unlinked_terms(page, GLOSSARY)) == n_complaints


@pytest.mark.parametrize(
    ("page", "unlinked"),
    [
        ("We estimate $\\sigma_\\beta$.", True),
        ("$$\n\\sigma_\\beta = 1\n$$", True),
        ("We estimate $\\sigma_\\beta$, one of our [symbols](glossary.md#symbols).", False),
        ("We estimate $\\sigma$ and $n_m$ in $\\mathrm{mm}$.", False),
    ],
    indirect=["page"],
)
def test_symbols_without_a_link_are_noticed(page, unlinked):
    assert uses_symbols_unlinked(page, GLOSSARY) == unlinked
