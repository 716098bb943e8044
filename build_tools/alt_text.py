"""Sphinx extension: every picture has an alt text, and its numbers are the chapter's claims.

An alt text names a claim as an f-string would: "the line falls by {pooled_beta_drop}".
"""

from pathlib import Path

from claims import read_claims
from docutils import nodes
from prose import fill_in
from sphinx.application import Sphinx
from sphinx.util import logging

logger = logging.getLogger(__name__)


def fill_alt_texts(app: Sphinx, doctree: nodes.document) -> None:
    """Put the claims into the alt texts, and warn where a text or a claim is missing."""
    claims = read_claims(Path(app.srcdir), Path(app.env.docname).name)
    for image in doctree.findall(nodes.image):
        if "alt" not in image:
            logger.warning("a picture has no alt text", location=image)
            continue
        try:
            image["alt"] = fill_in(image["alt"], claims)
        except KeyError as key:
            logger.warning("an alt text names %s, which no cell glues", key, location=image)


def setup(app: Sphinx) -> dict:
    """Register the extension."""
    app.connect("doctree-read", fill_alt_texts)
    return {"parallel_read_safe": True}
