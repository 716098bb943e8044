"""Sphinx extension: equations as MathML, which browsers show and read aloud without any script."""

import re

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

THIN_SPACE = '<mspace width="0.17em"></mspace>'


def to_mathml(tex: str, display: str) -> str:
    """Return a formula as a math element; display is inline or block."""
    # The converter knows aligned formulas by their other name only.
    tex = re.sub(r"\\(begin|end){aligned}", r"\\\1{align*}", tex)
    mathml = convert(tex, display=display)
    # It takes the relation for an ordinary sign, which would stand without space around it.
    mathml = mathml.replace("<mi>&#x0007E;</mi>", "<mo>&#x0223C;</mo>")
    # A minus after a relation is a sign, not a difference.
    mathml = re.sub(r"(<mo>[^<]*</mo><mo)(>&#x02212;)", r'\1 form="prefix"\2', mathml)
    # TeX sets a thin space after a named function, unless a parenthesis follows.
    return re.sub(r"(<mi>log</mi>)(?!<mo stretchy)", rf"\1{THIN_SPACE}", mathml)


def visit_inline(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula within a line."""
    translator.body.append(to_mathml(node.astext(), "inline"))
    raise nodes.SkipNode


def visit_block(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Write a formula on lines of its own."""
    # It may scroll on a narrow screen, so the keyboard must reach it.
    translator.body.append('<div class="math" tabindex="0" role="group" aria-label="equation">')
    translator.body.append(to_mathml(node.astext(), "block"))
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict:
    """Offer the renderer, which html_math_renderer chooses in _config.yml."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
