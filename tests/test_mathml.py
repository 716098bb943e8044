"""Equations reach the page as MathML, without a rest of TeX."""

import pytest
from execution import ROOT
from mathml import to_mathml
from prose import formulas

FORMULAS = {
    path.stem: formulas(path.read_text("utf-8"))
    for path in sorted((ROOT / "chapters").glob("*.md"))
}


@pytest.mark.parametrize("chapter", [name for name in FORMULAS if FORMULAS[name]])
def test_every_formula_of_a_chapter_is_converted(chapter):
    for formula in FORMULAS[chapter]:
        mathml = to_mathml(formula, "block")
        assert mathml.startswith("<math")
        assert "\\" not in mathml and "&amp;" not in mathml, formula


def test_aligned_formula_has_a_row_for_each_line():
    mathml = to_mathml(r"\begin{aligned} a &= b \\ c &= d \end{aligned}", "block")
    assert mathml.count("<mtr>") == 2


def test_relation_has_space_around_it():
    assert "<mo>&#x0223C;</mo>" in to_mathml(r"x \sim y", "inline")


def test_logarithm_keeps_its_distance():
    assert "<mspace" in to_mathml(r"\log \sigma", "inline")
    assert "<mspace" not in to_mathml(r"\log(\sigma)", "inline")


def test_minus_after_a_relation_is_a_sign():
    assert 'form="prefix"' in to_mathml(r"x = -3", "inline")
    assert 'form="prefix"' not in to_mathml(r"(x) - 3", "inline")
