"""The linter of the chapters' words: what stands in the prose is computed, complete and no more.

A numeral is a result, and has to be glued, unless it is
- a whole number up to ten, a year or a reading time: the structure of the text;
- a setting: it stands in the code of the same section, or of the first one that has code;
- one of the book's CONVENTIONS;
- in a box that quotes an old post, in quotation marks, or in a displayed formula;
- marked where it stands, by a comment before the paragraph, the list or the box:
  % no result: 103, 104 (the parameters of the joint model)
"""

import json
import re
from pathlib import Path

from claims import monte_carlo_error
from myst_nb.core.read import is_myst_markdown_notebook, myst_nb_reader_plugin
from prose import CLAIM, PARSER, Block, formulas, read_blocks

NUMERAL = re.compile(r"(?<![\w.^])\d[\d,]*(?:\.\d+)?(?:\s?%)?(?<!,)")
CONVENTIONS = {
    "89 %": "of the posterior are in an interval, where nothing else is said",
    "85": "counties are in the survey",
    "919": "homes are in the survey",
    "1.01": "is the bound on R-hat (Vehtari et al. 2021)",
    "400": "is the bound on the effective sample size (Vehtari et al. 2021)",
    "0.3": "is the bound on BFMI (Betancourt 2017)",
    "0.7": "is the bound on Pareto's k (Vehtari et al. 2024)",
}
READING_TIME = re.compile(r"\d+(?= minutes)")
PROBABILITY = re.compile(r"\d %")
KINDS = re.compile(r"equal-tailed|highest-density|\bETI\b|\bHDI\b")


def settings(chapter: Path) -> list[set[str]]:
    """Return the numerals in the code of each section, those of the first section in all."""
    sections = [set() for _ in read_blocks(chapter)]
    if not is_myst_markdown_notebook(chapter.read_text("utf-8")):
        return sections
    section = first = 0
    for cell in myst_nb_reader_plugin(chapter).cells:
        if cell.cell_type == "markdown":
            section += len(re.findall(r"^#+ ", cell.source, flags=re.M))
        elif "remove-cell" not in cell.metadata.get("tags", []):
            first = first or section
            sections[section] |= set(re.findall(r"(?<![\w.])\d[\d_]*(?:\.\d+)?", cell.source))
    return [numerals | sections[first] for numerals in sections]


def is_result(numeral: str, block: Block, set_here: set[str]) -> bool:
    """Say whether a numeral looks like a result that nobody computed."""
    plain = re.sub(r"[,\s%]", "", numeral)
    in_code = {plain, str(float(plain) / 100)} if "%" in numeral else {plain}
    return not (
        (plain.isdigit() and int(plain) <= 10 and "%" not in numeral)
        or re.fullmatch(r"(19|20)\d\d", numeral)
        or in_code & set_here
        or numeral in CONVENTIONS
        or plain in [time[0] for time in READING_TIME.finditer(block.text)]
        or numeral in block.no_result
    )


def typed_results(chapter: Path) -> list[str]:
    """Return a complaint for each numeral that looks like a result and is not glued."""
    complaints = []
    sections = settings(chapter)
    marks = {}  # what each mark allows, and what stood under it
    blocks = list(read_blocks(chapter))
    for block in blocks:
        if block.quotes_old_post:
            continue
        text = re.sub(r'`[^`]*`|"[^"]*"', "...", CLAIM.sub("...", block.text))
        numerals = [match[0] for match in NUMERAL.finditer(text)]
        for numeral in numerals:
            if is_result(numeral, block, sections[block.section]):
                complaints.append(
                    f"{where(chapter, block)}: {numeral} is typed, not computed: glue it, "
                    "or mark it as no result (see tests/prose_rules.py)"
                )
        _, seen = marks.setdefault(id(block.no_result), (block, set()))
        seen.update(numerals)
    for block, seen in marks.values():
        for numeral in set(block.no_result) - seen:
            complaints.append(f"{where(chapter, block)}: {numeral} is marked and not there")
    return complaints


def bare_intervals(chapter: Path) -> list[str]:
    """Return a complaint for each interval that lacks its probability or its kind."""
    return [
        f"{where(chapter, block)}: an interval needs its probability and its kind"
        for block in read_blocks(chapter)
        if re.search(r"\bintervals?\b", block.text)
        and (block.claims or PROBABILITY.search(block.text))
        and not (PROBABILITY.search(block.text) and KINDS.search(block.text))
    ]


def wrong_formats(chapter: Path, claims: dict) -> list[str]:
    """Return a complaint for each claim whose digits nothing decides, or the author against its error.

    A posterior mean has to have an error; what describes a run or the data needs none, but a format.
    """
    complaints = []
    for block in read_blocks(chapter):
        for match in block.claims:
            key, spec = match["key"], match["format"] or ""
            if monte_carlo_error(key, claims) is not None:
                if "." in spec:
                    complaints.append(
                        f"{where(chapter, block)}: the digits of {key} follow from its Monte Carlo "
                        f"error: write it without {spec}"
                    )
            elif key.endswith("_mean") and not key.startswith("data_"):
                complaints.append(f"{where(chapter, block)}: {key} has no Monte Carlo error")
            elif isinstance(claims.get(key), float) and "." not in spec:
                complaints.append(
                    f"{where(chapter, block)}: {key} has neither a Monte Carlo error nor a format: "
                    f"claim {key}_mcse, or write {key}:.1f"
                )
    return complaints


def glossary_terms(glossary: Path) -> dict[str, re.Pattern]:
    """Return what finds each term of the glossary in a text, in the plural and as a verb, too."""
    terms = [
        term
        for token in PARSER.parse(glossary.read_text("utf-8"))
        if token.info == "{glossary}"
        for term in re.findall(r"^\S.*", token.content, flags=re.M)
    ]
    return {
        term: re.compile(
            rf"(?<![\w-]){re.escape(term.removesuffix('e'))}(?:e?s?|ed|ing)(?![\w-])",
            0 if term.isupper() else re.I,
        )
        for term in terms
    }


def symbols(glossary: Path) -> re.Pattern:
    """Return what finds a symbol of the glossary's table in a formula."""
    rows = [line for line in glossary.read_text("utf-8").split("\n") if line.startswith("| $")]
    found = [symbol for row in rows for symbol in formulas(row.split("|")[1])[0].split(", ")]
    return re.compile("|".join(rf"(?<![\w\\]){re.escape(symbol)}(?!\w)" for symbol in found))


def unlinked_terms(chapter: Path, glossary: Path) -> list[str]:
    """Return a complaint for each term of the glossary that a chapter uses and never links.

    Headings, captions and the texts of links do not count as uses.
    """
    used, linked = {}, set()
    terms = glossary_terms(glossary)
    for block in read_blocks(chapter):
        text, in_link = "", False
        for token in block.tokens:
            if token.type in ("link_open", "link_close"):
                in_link = token.type == "link_open"
            elif token.type == "myst_role" and token.meta["name"] == "term":
                linked.add(re.sub(r".*<(.*)>", r"\1", token.content))
            elif token.type in ("text", "softbreak") and not in_link:
                text += token.content or " "
            elif not token.nesting:
                text += "..."  # code, a formula, a number: not a part of a term
        for term, pattern in terms.items():
            if pattern.search(text) and not block.is_heading:
                used.setdefault(term, block)
    return [
        f"{where(chapter, block)}: {term} is in the glossary, and never linked: write {{term}}`{term}`"
        for term, block in used.items()
        if term not in linked
    ]


def uses_symbols_unlinked(chapter: Path, glossary: Path) -> bool:
    """Say whether a chapter's formulas use the book's symbols without a link to their table."""
    text = chapter.read_text("utf-8")
    used = any(symbols(glossary).search(formula) for formula in formulas(text))
    return used and f"{glossary.name}#symbols" not in text


def where(chapter: Path, block: Block) -> str:
    """Return file and line."""
    return f"chapters/{chapter.name}:{block.line}"


if __name__ == "__main__":
    root = Path(__file__).parents[1]
    all_claims = json.loads((root / "_build" / "claims.json").read_text())
    for path in sorted((root / "chapters").glob("*.md")):
        for line in [
            *typed_results(path),
            *bare_intervals(path),
            *wrong_formats(path, all_claims.get(path.stem, {})),
            *unlinked_terms(path, path.with_name("glossary.md")),
        ]:
            print(line)
