"""Read a chapter's words: its paragraphs, headings, captions and alt texts, with their lines."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from claims import show
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_nb.core.read import is_myst_markdown_notebook, myst_nb_reader_plugin
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser
from nbformat.v4 import new_markdown_cell

EXTENSIONS = {"amsmath", "colon_fence", "deflist", "dollarmath"}  # as in _config.yml
PARSER = create_md_parser(MdParserConfig(enable_extensions=EXTENSIONS), RendererHTML)
CLAIM = re.compile(r"(?<!{){(?P<key>\w+)(?P<format>:[^{}]*)?}(?!})")


def fill_in(text: str, claims: dict) -> str:
    """Return the text of a block with its claims printed. Raises KeyError if one is missing."""
    filled = CLAIM.sub(lambda claim: show(claim["key"], claims, (claim["format"] or ":")[1:]), text)
    return filled.replace("{{", "{").replace("}}", "}")


@dataclass
class Block:
    """A paragraph, a heading, a caption or an alt text.

    text is what a reader reads, as an f-string in Markdown: what is glued into it stands as
    {key:format}, and braces of code and TeX are doubled. section counts the headings above. quotes_old_post: stands in a box that quotes an old post.
    no_result are the numerals that the author has marked as no results. tokens are the parts of the
    text as the Markdown parser has them, for captions and alt texts none.
    """

    line: int
    section: int
    text: str
    quotes_old_post: bool = False
    is_alt_text: bool = False
    is_heading: bool = False
    no_result: list[str] = field(default_factory=list)
    tokens: list[Token] = field(default_factory=list)

    @property
    def claims(self) -> list[re.Match]:
        """Return what is glued into it, with the groups key and format."""
        return list(CLAIM.finditer(self.text))


def words(tokens: list[Token]) -> str:
    """Return inline tokens as the text of a block."""
    text = ""
    for token in tokens:
        content = token.content.replace("{", "{{").replace("}", "}}")
        if token.type == "text":
            text += content
        elif token.type == "softbreak":
            text += " "
        elif token.type == "code_inline":
            text += f"`{content}`"
        elif token.type == "math_inline":
            text += f"${content}$"
        elif token.type == "myst_role" and token.meta["name"] == "claim":
            text += "{" + token.content + "}"
        elif token.type == "myst_role" and token.meta["name"] == "term":
            text += token.content.split("<")[0].strip()
    return text


def markdown_blocks(source: str, line: int, block: Block) -> Iterator[Block]:
    """Yield the blocks of a Markdown text that begins at a line, as they differ from a block."""
    no_result, level = [], 0  # what a comment allows to the thing that follows at its level
    is_heading = False
    for token in PARSER.parse(source):
        start = line + (token.map[0] if token.map else 0)
        if token.type == "myst_line_comment":
            if marked := re.match(r"no result: ([^(]+)\(.+\)", token.content.strip()):
                no_result, level = re.split(r",\s+", marked[1].strip()), token.level
            continue
        if token.type == "heading_open":
            block.section += 1
        if token.type == "inline":
            text = words(token.children)
            parts = {"tokens": token.children, "is_heading": is_heading}
            yield replace(block, line=start, text=text, no_result=no_result, **parts)
        elif token.type in ("fence", "colon_fence") and token.info.startswith("{"):
            quotes = block.quotes_old_post or "seealso" in token.content
            inside = replace(block, quotes_old_post=quotes)
            yield from markdown_blocks(token.content, start + 1, inside)
        is_heading = token.type == "heading_open"
        if token.level == level and token.nesting < 1:
            no_result = []


def read_blocks(chapter: Path) -> Iterator[Block]:
    """Yield the blocks of a chapter."""
    lines = chapter.read_text("utf-8").split("\n")
    if is_myst_markdown_notebook("\n".join(lines)):
        notebook = myst_nb_reader_plugin(chapter)
        cells = zip(notebook.cells, notebook.metadata.source_map, strict=True)
    else:
        cells = [(new_markdown_cell("\n".join(lines)), 0)]
    start = Block(line=0, section=0, text="")
    for cell, line in cells:
        if cell.cell_type == "markdown":
            while not lines[line].strip():
                line += 1
            yield from markdown_blocks(cell.source, line + 1, start)
        options = cell.metadata.get("mystnb", {})
        if caption := options.get("figure", {}).get("caption"):
            yield replace(start, line=line + 1, text=caption)
        if alt := options.get("image", {}).get("alt"):
            yield replace(start, line=line + 1, text=alt, is_alt_text=True)


def formulas(source: str) -> list[str]:
    """Return the formulas of a Markdown text, those inside of directives too."""
    found = []
    for token in PARSER.parse(source):
        if token.type in ("math_block", "amsmath"):
            found.append(token.content)
        elif token.type == "inline":
            found += [child.content for child in token.children if child.type == "math_inline"]
        elif token.type in ("fence", "colon_fence") and not token.info.startswith("{code-cell}"):
            found += formulas(token.content)
    return found
