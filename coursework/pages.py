"""The pages on which a student's work is shown: what it holds arrives there as text that cannot act.

Two rules hold on the way. Templates escape all that is put into them. The few filters that return
HTML pass it through one sanitizer, which knows a fixed list of elements and attributes.
"""

import base64
import binascii
import copy
import html
import re
from collections.abc import Callable
from contextvars import ContextVar
from urllib.parse import unquote
from xml.etree import ElementTree

import jinja2
import nh3
from latex2mathml.converter import Converter
from markupsafe import Markup, escape
from mistune import HTMLRenderer
from mistune.plugins import import_plugin
from nbconvert.exporters import HTMLExporter
from nbconvert.filters import Highlight2HTML, ansi2html
from nbconvert.filters.markdown_mistune import MarkdownWithMath
from traitlets import Bool, Dict, List
from traitlets.config import Config

# In characters. Who reads Markdown, mathematics or code takes a time that can grow with the square.
LONGEST_SOURCE = 20_000
LONGEST_FORMULA = 2_000
LARGEST_PICTURE = 10 * 2**20

TEXT = (
    "a b blockquote br code dd del div dl dt em h1 h2 h3 h4 h5 h6 hr img li ol p pre s span strong"
)
TABLE = "table tbody td th thead tr"
MATHEMATICS = (
    "math merror mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms "
    "mspace msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover"
)
MATHEMATICAL = (
    "accent accentunder columnalign columnspan columnspacing depth display displaystyle fence form "
    "height largeop linethickness lspace mathvariant maxsize minsize movablelimits rowspacing "
    "rowspan rspace scriptlevel separator stretchy symmetric voffset width"
)
TAGS = {*TEXT.split(), *TABLE.split(), *MATHEMATICS.split()}
ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"alt", "src", "title"},
    "ol": {"start"},
    "td": {"style"},
    "th": {"style"},
    # Colors: of code, and of what it printed.
    "div": {"class"},
    "pre": {"class"},
    "span": {"class", "style"},
    **{tag: set(MATHEMATICAL.split()) for tag in MATHEMATICS.split()},
}
STYLES = {"background-color", "color", "text-align"}
VALUES = {
    "class": r"( ?(highlight|hl-\w+|ansi-[a-z-]+|[a-z][a-z0-9]?))*",
    "href": r"(?i:https?://|mailto:).*",
    "src": r"data:image/png;base64,[\w+/=]+",
    "start": r"\d{1,9}",
    **dict.fromkeys(MATHEMATICAL.split(), r"[\w.%+# -]{1,40}"),
}


def allow_value(tag: str, name: str, value: str) -> str | None:
    """Return the value of an attribute if it is harmless, else None."""
    return value if re.fullmatch(VALUES.get(name, ".*"), value, re.ASCII | re.DOTALL) else None


CLEANER = nh3.Cleaner(
    tags=TAGS,
    attributes=ATTRIBUTES,
    attribute_filter=allow_value,
    url_schemes={"http", "https", "mailto", "data"},
    url_relative="deny",
    link_rel="noopener noreferrer",
    filter_style_properties=STYLES,
)


def clean(page: str) -> Markup:
    """Return HTML with nothing in it but the elements and attributes above."""
    return Markup(CLEANER.clean(page))


def as_lines(text: str) -> Markup:
    """Return a text as it is, in lines."""
    return Markup("<pre>{}</pre>").format(text)


def show(source: str, render: Callable[[str], str], plain: Callable[[str], Markup]) -> Markup:
    """Return a text as the HTML that render makes of it, or plainly if it is too long or odd."""
    # Half an emoji cannot be sent.
    source = source.encode("utf-8", "replace").decode()
    if len(source) > LONGEST_SOURCE:
        return plain(source)
    try:
        return clean(render(source))
    # A student's text is whatever it is, and no page may fail for it.
    except Exception:
        return plain(source)


def picture(data: object) -> str | None:
    """Return a PNG picture in base64, if it is one and at most of LARGEST_PICTURE, else None."""
    if not isinstance(data, str) or len(data) > LARGEST_PICTURE:
        return None
    try:
        content = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        return None
    return base64.b64encode(content).decode() if content.startswith(b"\x89PNG\r\n\x1a\n") else None


def pictures(attachments: object) -> dict[str, dict[str, str]]:
    """Return the PNG pictures among a cell's attachments, by name and type, as notebooks keep them."""
    found = {}
    for name, bundle in attachments.items() if isinstance(attachments, dict) else ():
        if isinstance(bundle, dict) and (data := picture(bundle.get("image/png"))):
            found[str(name)] = {"image/png": data}
    return found


def mathml(formula: str, display: str = "inline") -> str:
    """Return TeX as MathML, or as code if it is too long or not understood. display: or block."""
    source = f"<code>{escape(formula)}</code>"
    # A macro can grow without limit.
    if len(formula) > LONGEST_FORMULA or re.search(r"\\(re)?newcommand|\\g?def\b", formula):
        return source
    try:
        # Not convert(): it undoes the escaping of what stands in \text{}.
        math = Converter(display=display).convert_to_element(formula)
        for element in math.iter():
            element.text = html.unescape(element.text or "")
        return ElementTree.tostring(math, encoding="unicode", short_empty_elements=False)
    except Exception:
        return source


class AnswerRenderer(HTMLRenderer):
    """Turns Markdown into HTML; HTML in it, and code of whatever language, is text."""

    def __init__(self, attachments: dict):
        """Take the pictures that the cell brings, by name and type."""
        super().__init__(escape=True, allow_harmful_protocols=False)
        self.attachments = attachments

    def block_code(self, code: str, info: str | None = None) -> str:
        """Return code as text."""
        return as_lines(code)

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """Return a picture that the notebook holds, or else a note in its place."""
        name = unquote(url.removeprefix("attachment:"))
        if name not in self.attachments:
            return f"<em>[{text}: only PNG pictures pasted into the notebook are shown]</em>"
        data = self.attachments[name]["image/png"]
        return super().image(text, f"data:image/png;base64,{data}", title)

    def inline_math(self, body: str) -> str:
        """Return a formula in a line."""
        return mathml(body)

    def block_math(self, body: str) -> str:
        """Return a formula on lines of its own."""
        return mathml(body, "block")

    def latex_environment(self, name: str, body: str) -> str:
        """Return a formula that comes as an environment."""
        return mathml(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")


def safe_markdown(source: str, attachments: object = None) -> Markup:
    """Return Markdown as HTML. attachments are the cell's, as in the notebook."""
    plugins = [import_plugin(name) for name in ["strikethrough", "table", "url", "def_list"]]
    renderer = AnswerRenderer(pictures(attachments))
    return show(source, MarkdownWithMath(renderer=renderer, plugins=plugins).render, as_lines)


def safe_code(source: str, metadata: object = None) -> Markup:
    """Return a cell's code in colors, always as Python's, whatever its metadata say."""
    return show(source, Highlight2HTML(), as_lines)


def safe_output(text: str) -> Markup:
    """Return what was printed, with its colors."""
    return show(text, ansi2html, escape)


@jinja2.pass_context
def markdown_filter(context: jinja2.runtime.Context, source: str) -> Markup:
    """Return the Markdown of a cell or a comment as HTML."""
    return safe_markdown(source, (context.get("cell") or {}).get("attachments"))


NONCE = ContextVar("nonce", default="")
# What is put into a template is escaped; this is for what the templates themselves bring.
CHANGES = {
    # Only scripts with the response's nonce run.
    r"<script\b": '<script nonce="{{ nonce() }}"',
    # HTML's way to escape is not JavaScript's.
    r'= "\{\{ ([\w.]+) \}\}";': r"= {{ \1 | tojson }};",
    r"\{\{ css \}\}": "{{ css | safe }}",
    # A page that stands alone has no file with icons beside it.
    r"@font-face\{.*?\}": "",
    # These pages lead to what the server for grading by hand does not have.
    r'<li role="presentation".*manage_assignments.*': "",
    r'title="Open live notebook"\s+data-link="\{\{ resources.notebook_path \}\}"': "",
}


class OwnLoader(jinja2.BaseLoader):
    """Loads templates of nbgrader and nbconvert, with the changes above."""

    def __init__(self, loader: jinja2.BaseLoader):
        """Take the loader that finds them."""
        self.loader = loader

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple:
        """Return a template's source, its path, and whether it is up to date."""
        source, *rest = self.loader.get_source(environment, template)
        for pattern, replacement in CHANGES.items():
            source = re.sub(pattern, replacement, source)
        return source, *rest


def secure(environment: jinja2.Environment) -> jinja2.Environment:
    """Make an environment escape all values and load templates with the changes above."""
    environment.autoescape = True
    environment.loader = OwnLoader(environment.loader)
    environment.globals["nonce"] = NONCE.get
    return environment


def replace_mathjax(script: str) -> jinja2.BaseLoader:
    """Return a loader of a template that stands in for MathJax, which would come from the network."""
    macro = f"{{% macro mathjax(url='') %}}{script}{{% endmacro %}}"
    return jinja2.DictLoader({"mathjax.html.j2": macro})


class PageExporter(HTMLExporter):
    """nbconvert's page of a notebook, with the rules above."""

    filters = Dict(
        {
            "markdown2html": markdown_filter,
            "highlight_code": safe_code,
            "ansi2html": safe_output,
            # It would edit what has been sanitized.
            "strip_files_prefix": lambda page: page,
        }
    )
    extra_loaders = List([replace_mathjax("")])
    exclude_input_prompt = Bool(True)
    exclude_output_prompt = Bool(True)

    @property
    def default_config(self) -> Config:
        """Return the settings, by which text and PNG are the only outputs shown."""
        config = super().default_config
        config.NbConvertBase.display_data_priority = ["image/png", "text/plain"]
        return config

    def _create_environment(self) -> jinja2.Environment:
        return secure(super()._create_environment())

    def from_notebook_node(self, nb, resources=None, **options) -> tuple[str, dict]:
        """Return a notebook's page and nbconvert's resources."""
        nb = copy.deepcopy(nb)
        # nbconvert puts metadata into attributes without quotes.
        nb.metadata = {}
        for cell in nb.cells:
            cell.metadata = {key: cell.metadata[key] for key in cell.metadata if key == "nbgrader"}
            for output in cell.get("outputs", []):
                if "metadata" in output:
                    output.metadata = {}
        return super().from_notebook_node(nb, resources, **options)


class FormgradeExporter(PageExporter):
    """A submission in the formgrader, whose script waits for MathJax to be there."""

    extra_loaders = List(
        [
            replace_mathjax(
                "<script>var MathJax = "
                "{Hub: {Startup: {signal: {Interest: (start) => start('End')}}}};</script>"
            )
        ]
    )


class FeedbackExporter(PageExporter):
    """A page for the student, which needs no script and no other file."""

    POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"

    def from_notebook_node(self, nb, resources=None, **options) -> tuple[str, dict]:
        """Return the page, with the policy that forbids it scripts first, and resources."""
        page, resources = super().from_notebook_node(nb, resources, **options)
        policy = f'<head><meta http-equiv="Content-Security-Policy" content="{self.POLICY}">'
        return page.replace("<head>", policy, 1), resources
