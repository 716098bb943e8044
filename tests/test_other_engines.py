"""The radon models agree with Stan and with statsmodels, which share nothing with PyMC.

Stan's summaries are stored, because it needs a C++ compiler and minutes; tests/stan/summarize.py makes
them. statsmodels is run here. It maximizes the restricted likelihood instead of averaging over the
posterior, so that it must agree with the exact posterior to a small part of a standard deviation; that
the book agrees with the exact posterior is for the chapter's own tests.
"""

import numpy as np
import pandas as pd
import pytest
from execution import ROOT
from monte_carlo import Estimate, assert_agrees

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
    stan = STAN.loc[STAN_NAMES[model], parameter]
    mean = claims["pooling"].estimate(f"{model}_{parameter}_mean")
    assert_agrees(mean, Estimate(stan["mean"], stan["mcse"], stan["ess"]))
    # Stan's summary has no error of the sd. Of the same posterior, it falls with the effective draws.
    sd = claims["pooling"].estimate(f"{model}_{parameter}_sd")
    assert_agrees(sd, Estimate(stan["sd"], sd.error * np.sqrt(sd.ess / stan["ess"]), stan["ess"]))


@pytest.mark.parametrize("name", ["alpha", "beta"])
def test_exact_posterior_of_every_county_agrees_with_stan(exact, counties, name):
    posterior = exact["hierarchical"]
    k = ["alpha", "beta"].index(name)
    mean = posterior.weight @ posterior.line_mean[:, :, k]
    for county, exact_mean in zip(counties, mean, strict=True):
        stan = STAN.loc["varying_intercept_and_slope", f"{name}[{county}]"]
        estimate = Estimate(stan["mean"], stan["mcse"], stan["ess"], f"Stan's {name} of {county}")
        assert_agrees(estimate, exact_mean)


@pytest.fixture(scope="module")
def mixed_model(radon):
    """Return the fit of statsmodels with independent levels and slopes of the counties."""
    import statsmodels.formula.api as smf
    from statsmodels.regression.mixed_linear_model import MixedLMParams

    model = smf.mixedlm("log_radon ~ floor", radon, groups="county", re_formula="~floor")
    independent = MixedLMParams.from_components(fe_params=np.ones(2), cov_re=np.eye(2))
    return model.fit(reml=True, free=independent)


@pytest.mark.parametrize(("term", "parameter"), [("Intercept", "mu_alpha"), ("floor", "mu_beta")])
def test_exact_posterior_agrees_with_statsmodels(exact, mixed_model, term, parameter):
    mean, sd = exact["hierarchical"].mean_and_sd(parameter)
    assert mean == pytest.approx(mixed_model.fe_params[term], abs=0.03 * sd)
    assert sd == pytest.approx(mixed_model.bse_fe[term], rel=0.1)


def test_pooled_model_agrees_with_least_squares(claims, radon):
    import statsmodels.formula.api as smf

    # The prior moves a coefficient by a hundred-thousandth of it.
    least_squares = smf.ols("log_radon ~ floor", radon).fit()
    for term, parameter in {"Intercept": "alpha", "floor": "beta"}.items():
        estimate = claims["pooling"].estimate(f"pooled_{parameter}_mean")
        assert_agrees(estimate, least_squares.params[term])


def test_exact_posterior_of_every_county_agrees_with_statsmodels(exact, counties, mixed_model):
    posterior = exact["hierarchical"]
    mean = np.einsum("s,sjk->jk", posterior.weight, posterior.line_mean)
    within = np.einsum("s,sjkk->jk", posterior.weight, posterior.line_cov)
    between = np.einsum("s,sjk->jk", posterior.weight, (posterior.line_mean - mean) ** 2)
    shifts = pd.DataFrame(mixed_model.random_effects).T.loc[counties].to_numpy()
    distance = (mixed_model.fe_params.to_numpy() + shifts - mean) / np.sqrt(within + between)
    assert np.abs(distance).max() < 0.3
