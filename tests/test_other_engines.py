"""The radon models agree with Stan and with statsmodels, which share nothing with PyMC.

Stan's summaries are stored, because it needs a C++ compiler and minutes; tests/stan/summarize.py makes
them. statsmodels is run here. It maximizes the restricted likelihood instead of averaging over the
posterior, so that it must agree to a small part of a standard deviation, not to the Monte Carlo error.
"""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from execution import ROOT
from statsmodels.regression.mixed_linear_model import MixedLMParams

STAN_NAMES = {
    "pooled": "pooled",
    "one_slope": "varying_intercept",
    "hierarchical": "varying_intercept_and_slope",
}
STAN = pd.read_csv(ROOT / "tests" / "stan" / "summaries.csv", index_col=["model", "parameter"])
POPULATION = [
    (book, parameter)
    for book, stan in STAN_NAMES.items()
    for parameter in STAN.loc[stan].index
    if "[" not in parameter
]


def test_stan_has_converged():
    assert (STAN["r_hat"] < 1.01).all()
    assert (STAN["ess"] > 400).all()


@pytest.mark.parametrize(("model", "parameter"), POPULATION)
def test_book_agrees_with_stan(claims, model, parameter):
    book = {name: claims["pooling"][f"{model}_{parameter}_{name}"] for name in ["mean", "sd"]}
    stan = STAN.loc[STAN_NAMES[model], parameter]
    error = np.hypot(claims["pooling"][f"{model}_{parameter}_mcse"], stan["mcse"])
    assert book["mean"] == pytest.approx(stan["mean"], abs=4 * error)
    # The error of a normal's sd is sd / sqrt(2 ESS); there is room for heavier tails.
    ess = [claims["pooling"][f"{model}_{parameter}_ess"], stan["ess"]]
    sd_error = stan["sd"] * np.sqrt((1 / np.array(ess)).sum())
    assert book["sd"] == pytest.approx(stan["sd"], abs=4 * sd_error)


@pytest.mark.parametrize("name", ["alpha", "beta"])
def test_exact_posterior_of_every_county_agrees_with_stan(exact, counties, name):
    posterior = exact["hierarchical"]
    k = ["alpha", "beta"].index(name)
    mean = posterior.weight @ posterior.line_mean[:, :, k]
    stan = STAN.loc["varying_intercept_and_slope"].loc[[f"{name}[{c}]" for c in counties]]
    assert np.abs((mean - stan["mean"]) / stan["mcse"]).max() < 5  # the largest of 85


@pytest.fixture(scope="module")
def mixed_model(radon):
    """Return the fit of statsmodels with independent levels and slopes of the counties."""
    model = smf.mixedlm("log_radon ~ floor", radon, groups="county", re_formula="~floor")
    independent = MixedLMParams.from_components(fe_params=np.ones(2), cov_re=np.eye(2))
    return model.fit(reml=True, free=independent)


@pytest.mark.parametrize(("term", "parameter"), [("Intercept", "mu_alpha"), ("floor", "mu_beta")])
def test_book_agrees_with_statsmodels(claims, mixed_model, term, parameter):
    book = {k: claims["pooling"][f"hierarchical_{parameter}_{k}"] for k in ["mean", "sd", "mcse"]}
    standard_error = mixed_model.bse_fe[term]
    room = 4 * book["mcse"] + 0.03 * standard_error
    assert book["mean"] == pytest.approx(mixed_model.fe_params[term], abs=room)
    assert book["sd"] == pytest.approx(standard_error, rel=0.1)


def test_pooled_model_agrees_with_least_squares(claims, radon):
    least_squares = smf.ols("log_radon ~ floor", radon).fit()
    for term, parameter in {"Intercept": "alpha", "floor": "beta"}.items():
        error = claims["pooling"][f"pooled_{parameter}_mcse"]
        assert claims["pooling"][f"pooled_{parameter}_mean"] == pytest.approx(
            least_squares.params[term], abs=4 * error
        )


def test_exact_posterior_of_every_county_agrees_with_statsmodels(exact, counties, mixed_model):
    posterior = exact["hierarchical"]
    mean = np.einsum("s,sjk->jk", posterior.weight, posterior.line_mean)
    within = np.einsum("s,sjkk->jk", posterior.weight, posterior.line_cov)
    between = np.einsum("s,sjk->jk", posterior.weight, (posterior.line_mean - mean) ** 2)
    shifts = pd.DataFrame(mixed_model.random_effects).T.loc[counties].to_numpy()
    distance = (mixed_model.fe_params.to_numpy() + shifts - mean) / np.sqrt(within + between)
    assert np.abs(distance).max() < 0.3
