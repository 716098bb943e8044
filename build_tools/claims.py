"""Sphinx extension: the role {claim}, which prints a claim with as many digits as its error supports.

The author writes which claim to print, as {claim}`pooled_beta_mean`, in an alt text or a caption's f-string
as {pooled_beta_mean}. A format, as in {claim}`data_correlation:.2f`, is only for a claim without a Monte
Carlo error; a sign, commas or percent may always be asked for: {claim}`family_probability:%`.
"""

import json
import re
from math import floor, log10
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.util.docutils import SphinxRole

logger = logging.getLogger(__name__)
FORMAT = re.compile(r"(?P<options>[+,]*)(?P<precision>\.\d+)?(?P<type>[f%]?)")


def monte_carlo_error(key: str, claims: dict) -> float | None:
    """Return the Monte Carlo error of a claim, None if none is claimed."""
    return claims.get(f"{key}_mcse", claims.get(f"{key.removesuffix('_mean')}_mcse"))


def last_decimal(value: float, error: float) -> int:
    """Return the decimal place of the last digit to print, negative for one left of the point.

    A unit of that digit is not smaller than the Monte Carlo error. Three significant digits are enough,
    and two for a number below one.
    """
    leading = floor(log10(abs(value))) if value else 0
    enough = (1 if leading < 0 else 2) - leading
    return min(floor(-log10(error)), enough) if error else enough


def show(key: str, claims: dict, spec: str = "") -> str:
    """Return a claim as text. Raises KeyError if no cell glues it, ValueError for a bad format."""
    value = claims[key]
    if (error := monte_carlo_error(key, claims)) is None:
        return format(value, spec)
    if not (parts := FORMAT.fullmatch(spec)):
        raise ValueError(f"{spec!r} is no format for a claim")
    decimal = last_decimal(value, error)
    percent = parts["type"] == "%"
    places = max(decimal - 2 * percent, 0)
    text = format(
        round(value, decimal) + 0.0, f"{parts['options']}.{places}{'%' if percent else 'f'}"
    )
    return text.replace("-", "", 1) if not re.search("[1-9]", text) else text  # no negative zero


def read_claims(root: Path, chapter: str) -> dict:
    """Return the claims of a chapter, by key; none for a page without code."""
    return json.loads((root / "_build" / "claims.json").read_text()).get(chapter, {})


def read_seeds(root: Path) -> dict:
    """Return what the claims are with other seeds, by chapter, as trials/seeds.py keeps it.

    Each chapter has "code", the key of the code that was tried; "claims", the values of each over the
    seeds; and "comparisons", the deviations of its tests' comparisons in Monte Carlo errors.
    """
    store = root / "data" / "seeds.json"
    return json.loads(store.read_text()) if store.exists() else {}


class ClaimRole(SphinxRole):
    """Prints a claim of the chapter."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """Return the text, or warn if there is no such claim."""
        key, _, spec = self.text.partition(":")
        try:
            claims = read_claims(Path(self.env.srcdir), Path(self.env.docname).name)
            return [nodes.inline(self.rawtext, show(key, claims, spec), classes=["claim"])], []
        except KeyError as missing:
            logger.warning(
                "the text names %s, which no cell glues", missing, location=self.get_location()
            )
        except ValueError as error:
            logger.warning("%s: %s", self.text, error, location=self.get_location())
        return [], []


def setup(app: Sphinx) -> dict:
    """Register the role."""
    app.add_role("claim", ClaimRole())
    return {"parallel_read_safe": True}
