"""Sphinx extension: pages load what they use, and figures are light and sharp."""

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode, depart_HideCellInput, visit_HideCellInput
from PIL import Image
from sphinx.application import Sphinx
from sphinxcontrib.bibtex.plugin import register_plugin
from sphinxcontrib.bibtex.style.referencing import BracketStyle
from sphinxcontrib.bibtex.style.referencing.author_year import AuthorYearReferenceStyle

# Live code cells, which this book does not have, tabs and the state of progress bars.
UNUSED = ["thebe", "design-tabs", "sphinx-design", "widget-state"]
# The book's own modules that change what Sphinx keeps of a page that it has read
READERS = ["alt_text", "execution", "ledger", "navigation", "pages", "prose"]
# Full resolution for the colours too, or thin lines blur. Speed 6, Pillow's own, takes 1.6 times as
# long for 7 % fewer bytes; speed 8 half as long for 15 % more.
AVIF = {"quality": 70, "subsampling": "4:4:4", "speed": 7}
AVIF_SUFFIX = f".q{AVIF['quality']}s{AVIF['speed']}.avif"  # of other settings, another file


def lighten_assets(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Drop scripts and styles that Jupyter Book loads in any case; no other script may block."""
    for kind in ["script_files", "css_files"]:
        context[kind] = [
            asset
            for asset in context[kind]
            if not any(name in f"{asset.filename} {asset.attributes}".lower() for name in UNUSED)
        ]
    for script in context["script_files"]:
        # The page's own scripts use the options at once, and the page for searching more than that.
        if pagename == "search":
            script.attributes.pop("defer", None)  # pages share these objects
        elif script.filename and "options" not in str(script.filename):
            script.attributes["defer"] = "defer"


def lighten_figures(app: Sphinx, doctree: nodes.document) -> None:
    """Turn the figures into AVIF of a known size, which the browser loads when they come near."""
    for image in doctree.findall(nodes.image):
        _, path = app.env.relfn2path(image["uri"], app.env.docname)
        if not path.endswith(".png"):
            continue
        target = Path(path).with_suffix(AVIF_SUFFIX)
        with Image.open(path) as figure:
            if not target.exists():  # MyST-NB names a picture by what is in it
                part = target.with_suffix(".part")
                figure.save(part, "AVIF", **AVIF)
                part.replace(target)
            dpi = figure.info.get("dpi", (96, 96))[0]
            # CSS takes an inch for 96 pixels, whatever the density of the screen.
            image["size"] = [round(size * 96 / dpi) for size in figure.size]
        for side in ["width", "height"]:  # a style that would keep figures from shrinking evenly
            image.attributes.pop(side, None)
        image["uri"] = str(Path(image["uri"]).with_suffix(AVIF_SUFFIX))
        image["loading"] = "lazy"


def mend_tables(app: Sphinx, doctree: nodes.document) -> None:
    """Make the tables of pandas scroll by themselves, by the keyboard too, without empty headers."""
    for raw in doctree.findall(nodes.raw):
        if 'class="dataframe"' in raw.astext():
            html = raw.astext().replace("<th></th>", "<td></td>")
            html = html.replace("<table ", '<div class="wide" tabindex="0"><table ')
            html = html.replace("</table>", "</table></div>")
            raw.children = [nodes.Text(html)]


def replace_in_page(app: Sphinx, node: type[nodes.Node], old: str, new: Callable | str) -> None:
    """Have a text replaced in what the theme or an extension writes for a kind of node."""
    name = node.__name__

    def visit(translator, node):
        start = len(translator.body)
        getattr(type(translator), f"visit_{name}", visit_HideCellInput)(translator, node)
        text = new(node) if callable(new) else new
        written = [part.replace(old, text, 1) for part in translator.body[start:]]
        translator.body[start:] = written

    def depart(translator, node):
        getattr(type(translator), f"depart_{name}", depart_HideCellInput)(translator, node)

    app.add_node(node, override=True, html=(visit, depart))


def image_size(image: nodes.image) -> str:
    """Return the beginning of an image's element with its size: the text below must not jump."""
    if "size" not in image:
        return "<img "
    return '<img width="{}" height="{}" '.format(*image["size"])


def round_brackets() -> BracketStyle:
    """Return the brackets of a citation."""
    return BracketStyle(left="(", right=")")


@dataclass
class AuthorYear(AuthorYearReferenceStyle):
    """Cites as the field does: (Gelman, 2006) and Gelman (2006)."""

    bracket_parenthetical: BracketStyle = field(default_factory=round_brackets)
    bracket_textual: BracketStyle = field(default_factory=round_brackets)


register_plugin("sphinxcontrib.bibtex.style.referencing", "author_year_round", AuthorYear)


def setup(app: Sphinx) -> dict:
    """Register the handlers; they come after those of Jupyter Book's own extensions."""
    app.connect("html-page-context", lighten_assets, priority=900)
    app.connect("doctree-read", lighten_figures, priority=400)
    app.connect("doctree-read", mend_tables)
    replace_in_page(app, nodes.image, "<img ", image_size)
    # What scrolls on a narrow screen, the keyboard must reach.
    container = '<div class="pst-scrollable-table-container"'
    replace_in_page(app, nodes.table, container, f'{container} tabindex="0"')
    # A role that is no longer in use.
    replace_in_page(app, nodes.citation, 'role="doc-biblioentry"', 'role="listitem"')
    # A name that is not the text that one sees.
    replace_in_page(app, HideCodeCellNode, ' aria-label="Toggle hidden content"', "")
    # Pages are read again when a module changes that has a part in it. All are written in any case.
    extensions = b"".join(Path(__file__).with_name(f"{name}.py").read_bytes() for name in READERS)
    return {"parallel_read_safe": True, "env_version": zlib.crc32(extensions)}
