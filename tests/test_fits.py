"""Every fit that a chapter keeps is sound, unless the chapter says that it is broken; then it is."""

import ast

import numpy as np
import pytest
import xarray as xr
from execution import code_cells, executed_chapters, glued
from fits import PREFIX, is_fit, load_ipython_extension, worst_diagnostics
from IPython.core.interactiveshell import InteractiveShell

CHAPTERS = executed_chapters()


def fits_of(cell):
    """Return the fits that a cell leaves behind, as {label: diagnostics}."""
    return {
        key.removeprefix(PREFIX): ast.literal_eval(text)
        for key, text in glued(cell).items()
        if key.startswith(PREFIX)
    }


FITS = [
    pytest.param(fit, label in cell.metadata.get("broken_fits", []), id=f"{name}-{label}")
    for name, notebook in CHAPTERS.items()
    for cell in code_cells(notebook)
    for label, fit in fits_of(cell).items()
]


def complaints(fit):
    """Return what is wrong with a fit, by the criteria of Vehtari et al. (2021)."""
    return {
        name: fit[name]
        for name, fine in {
            "r_hat": fit["r_hat"] < 1.01,
            "ess_bulk": fit["ess_bulk"] > 400,
            "ess_tail": fit["ess_tail"] > 400,
            "divergences": fit["divergences"] == 0,
        }.items()
        if not fine
    }


@pytest.mark.parametrize(("fit", "shown_as_broken"), FITS)
def test_fit_is_what_the_chapter_takes_it_for(fit, shown_as_broken):
    if shown_as_broken:
        assert complaints(fit), "nothing is wrong: mend the text, and the option broken_fits"
    else:
        assert not complaints(fit), "mend it, or name it in its cell's option broken_fits"


@pytest.mark.parametrize("name", CHAPTERS)
def test_broken_fits_exist(name):
    for cell in code_cells(CHAPTERS[name]):
        assert set(cell.metadata.get("broken_fits", [])) <= set(fits_of(cell))


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_monte_carlo_errors_follow_from_spread_and_effective_draws(chapter, claims):
    known = dict(claims[chapter].items())
    for key, error in known.items():
        stem = key.removesuffix("_mcse")
        if key.endswith("_mcse") and f"{stem}_sd" in known and f"{stem}_ess" in known:
            expected = known[f"{stem}_sd"] / np.sqrt(known[f"{stem}_ess"])
            # The bulk's effective size is that of ranks; half or double the error is too far.
            assert 1 / np.sqrt(2) < error / expected < np.sqrt(2), key


def fit_of(**draws):
    """Return a fit with the given draws, each of shape (chain, draw)."""
    posterior = xr.Dataset({name: (["chain", "draw"], values) for name, values in draws.items()})
    stats = xr.Dataset({"diverging": (["chain", "draw"], np.zeros((4, 1000), dtype=bool))})
    return xr.DataTree.from_dict({"posterior": posterior, "sample_stats": stats})


NOISE = np.random.default_rng(1).normal(size=(4, 1000))


def test_worst_parameter_decides():
    drifting = NOISE + np.arange(4)[:, None]
    fit = worst_diagnostics(fit_of(good=NOISE, bad=drifting))
    assert fit["r_hat"] > 1.5
    assert fit["ess_bulk"] < 100


def test_chains_that_are_stuck_are_noticed():
    stuck = np.repeat(np.arange(4.0)[:, None], 1000, axis=1)
    assert complaints(worst_diagnostics(fit_of(good=NOISE, bad=stuck)))


def test_constant_is_no_broken_parameter():
    fit = worst_diagnostics(fit_of(good=NOISE, one=np.ones((4, 1000))))
    assert not complaints(fit)


def test_divergence_is_a_complaint():
    fit = fit_of(good=NOISE)
    fit.sample_stats["diverging"][0, 0] = True
    assert complaints(worst_diagnostics(fit)) == {"divergences": 1}


def test_each_kept_fit_is_reported_once(monkeypatch):
    shell = InteractiveShell()
    load_ipython_extension(shell)
    reported = []
    monkeypatch.setattr("myst_nb.glue", lambda key, *_, **__: reported.append(key))
    shell.push({"idata": fit_of(x=NOISE), "several": {"a": fit_of(x=NOISE)}, "number": 1})
    shell.run_cell("again = idata")
    shell.push({"idata": fit_of(x=NOISE)})
    shell.run_cell("pass")
    assert reported == ["fit idata", "fit several['a']", "fit idata (2)"]


def test_prior_draws_are_no_fit():
    assert not is_fit(xr.DataTree.from_dict({"prior": xr.Dataset()}))
