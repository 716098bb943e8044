"""Every result that chapters/from-pymc3.md states, and every line of its tables, run."""

import ast
import warnings

import numpy as np
import pandas as pd
import pytest
from exact_posterior import interval
from execution import ROOT
from monte_carlo import Estimate, assert_agrees, assert_share
from prose import PARSER
from scipy.stats import gamma, halfnorm, norm, t

CHAPTER = ROOT / "chapters" / "from-pymc3.md"
POPULATION = ["mu_alpha", "sigma_alpha", "mu_beta", "sigma_beta", "sigma_y"]


@pytest.fixture(scope="module")
def chapter(claims):
    return claims["from-pymc3"]


def codes(cell):
    """Return the code in a table's cell."""
    return [part.content for part in cell.children if part.type == "code_inline"]


def tables():
    """Yield the rows of the chapter's tables as (the code above the table, the code of its cells)."""
    tokens = PARSER.parse(CHAPTER.read_text("utf-8"))
    above, row = [], None
    for token in tokens:
        if token.type == "tr_open":
            row = []
        elif token.type == "inline" and row is not None:
            row.append(codes(token))
        elif token.type == "inline":
            above = codes(token)
        elif token.type == "tr_close":
            if row[0]:  # not the names of the columns
                yield above, row
            row = None


ROWS = list(tables())
ERRORS = {"ModuleNotFoundError", "TypeError", "AttributeError", "KeyError", "ValueError"}
FAILING = [
    (row[0][0], (set(above) | set(sum(row[1:-1], []))) & ERRORS)
    for above, row in ROWS
    if (set(above) | set(sum(row[1:-1], []))) & ERRORS
]
NEW = sorted({line for _, row in ROWS if len(row) > 2 for line in row[-1]})


@pytest.fixture(scope="module")
def pm():
    """Return PyMC, which takes seconds to import: those who collect the tests need not wait."""
    import pymc

    return pymc


@pytest.fixture(scope="module")
def compile_once():
    """Return a function that compiles for nutpie, once for all lines: they sample one model."""
    import nutpie

    compiled = {}
    compile_model = nutpie.compile_pymc_model

    def compile_or_remember(model, **options):
        assert [variable.name for variable in model.free_RVs] == ["b"]
        key = f"{options}"
        if key not in compiled:
            compiled[key] = compile_model(model, **options)
        return compiled[key]

    return compile_or_remember


@pytest.fixture
def names(monkeypatch, pm, compile_once):
    """Return what the lines of the tables find: a model, its draws, and some data."""
    import arviz as az
    import nutpie
    import pytensor

    quick = {"tune": 20, "progressbar": False, "quiet": True, "random_seed": 1}
    sample, fit = pm.sample, pm.fit
    fast = pytensor.config.change_flags(mode="FAST_COMPILE")
    with pm.Model(coords={"county": list("abc")}) as model:
        pm.Normal("b", mu=0, sigma=1)
        idata = az.from_dict(
            {
                "posterior": {"b": np.random.default_rng(1).normal(size=(4, 1000))},
                "log_likelihood": {"y": np.random.default_rng(2).normal(size=(4, 1000, 5))},
            }
        )
        # As the lines are written they would take minutes.
        monkeypatch.setattr(nutpie, "compile_pymc_model", compile_once)
        monkeypatch.setattr(pm, "sample", lambda *args, **kw: sample(*args, **kw | quick))
        monkeypatch.setattr(pm, "fit", fast(lambda n, **kw: fit(10, **kw | {"progressbar": False})))
        monkeypatch.chdir(CHAPTER.parent)
        start = {"b": np.array(0.0)}
        yield {
            "pm": pm, "az": az, "np": np, "pd": pd, "idata": idata, "trace": idata,
            "start": start, "step": pm.NUTS(), "data": None, "model": model,
        }  # fmt: skip


def run(line, names):
    """Run a line and return its value, if it has one."""
    if isinstance(ast.parse(line).body[0], ast.Expr):
        return eval(line, names)
    exec(line, names)


def test_tables_are_found():
    assert len(FAILING) == 27
    assert len(NEW) > 30
    assert {error for _, errors in FAILING for error in errors} == ERRORS


@pytest.mark.parametrize(("line", "errors"), FAILING, ids=[line for line, _ in FAILING])
def test_old_line_fails_as_it_says(line, errors, names):
    with pytest.raises(Exception) as caught:
        run(line, names)
    assert {caught.type.__name__} == errors


@pytest.mark.parametrize("line", NEW)
@pytest.mark.filterwarnings("error")
def test_new_line_works_without_a_word(line, names):
    if line == "az.plot_autocorr(idata)":  # ArviZ asks for more figure than it needs
        warnings.simplefilter("ignore")
    run(line, names)


@pytest.mark.parametrize("name", ["Normal", "HalfNormal", "StudentT"])
def test_sd_is_ignored_in_silence(name, pm):
    shape = {"nu": 4} if name == "StudentT" else {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ignored = getattr(pm, name).dist(sd=10, **shape)
    assert ignored.owner.inputs[-1].eval() == 1  # the scale


@pytest.mark.parametrize("line", ['pm.HalfCauchy("x", sd=1)', 'pm.Gamma("x", mu=1, sd=1)'])
def test_other_distributions_complain(line, names):
    with pytest.raises((TypeError, ValueError)):
        run(line, names)


def test_third_argument_is_a_standard_deviation(pm):
    assert pm.Normal.dist(0, 0.01).owner.inputs[-1].eval() == 0.01


def test_start_by_testval_is_ignored(pm):
    with pm.Model() as model:
        pm.Normal("old", testval=5)
        pm.Normal("new", initval=5)
    assert model.initial_point() == {"old": 0, "new": 5}


def test_shape_of_one_makes_a_vector(pm):
    assert pm.Normal.dist(shape=1).ndim == 1
    assert pm.Normal.dist().ndim == 0


def test_plain_sample_runs_several_chains_and_drops_their_tuning(names):
    drawn = run("pm.sample(100)", names)
    assert 2 <= drawn.posterior.sizes["chain"] <= 4
    assert drawn.posterior.sizes["draw"] == 100


def test_start_by_variational_inference_takes_another_sampler(names):
    plain = run("pm.sample(10)", names).posterior
    advi = run('pm.sample(10, init="advi", n_init=100)', names).posterior
    assert plain.attrs["inference_library"] == "nutpie"
    assert advi.attrs["inference_library"] == "pymc"


def test_seed_of_numpy_does_not_reach_the_sampler(pm):
    drawn = []
    with pm.Model():
        pm.Normal("b")
        for _ in range(2):
            np.random.seed(1)
            idata = pm.sample(10, tune=10, chains=1, progressbar=False, quiet=True)
            drawn.append(idata.posterior["b"].to_numpy())
    assert not np.array_equal(*drawn)


def test_old_lines_still_work(names, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "urllib.request.urlopen", lambda url: asked.append(url) or open(CHAPTER, "rb")
    )
    run('pm.get_data("radon.csv")', names)
    assert asked[0].startswith("https://")
    with pytest.warns(FutureWarning):
        run("pm.find_MAP()", names)
    with pytest.warns(FutureWarning):
        trace = run("pm.sample(10, return_inferencedata=False)", names)
    assert trace["b"].ndim == 1
    run("pm.NUTS(scaling=start)", names)
    assert run('pm.Normal("x", mu=0, sigma=1, shape=85)', names).type.shape == (85,)


def test_posterior_of_the_noise_is_its_prior(chapter, exact):
    assert_agrees(chapter.estimate("old_sigma_y_mean"), halfnorm.mean())
    assert_agrees(chapter.estimate("old_sigma_y_sd"), halfnorm.std())
    for percent in [10, 50, 90]:
        assert_share(chapter.estimate(f"old_sigma_y_below_{percent}_share"), percent / 100)
    # It looks right: the mean is near the noise that the homes have.
    noise, _ = exact["pooled"].mean_and_sd("sigma_y")
    assert halfnorm.mean() == pytest.approx(noise, abs=0.01)


def test_the_rest_is_a_regression_with_noise_one_and_priors_one(chapter, radon):
    design = np.column_stack([np.ones(len(radon)), radon["floor"]])
    covariance = np.linalg.inv(design.T @ design + np.eye(2))
    means = covariance @ design.T @ radon["log_radon"]
    for name, mean, sd in zip(["alpha", "beta"], means, np.sqrt(np.diag(covariance)), strict=True):
        assert_agrees(chapter.estimate(f"old_{name}_mean"), mean)
        assert_agrees(chapter.estimate(f"old_{name}_sd"), sd)


@pytest.mark.parametrize(
    ("key", "sd"),
    [
        ("old_alpha_prior_sd", 1),
        ("pooled_alpha_prior_sd", 10),
        ("precision_today_sd", 0.0001),
        ("precision_meant_sd", 100),
    ],
)
def test_look_at_the_prior_tells_the_two_apart(chapter, key, sd):
    error = sd / np.sqrt(2 * 2000)  # of a standard deviation, from 2,000 independent draws
    assert_agrees(Estimate(chapter[key], error, np.inf, key), sd)


MODELS = [("pooled", name) for name in ["alpha", "beta", "sigma_y"]]
MODELS += [("hierarchical", name) for name in POPULATION]


@pytest.mark.parametrize(("model", "parameter"), MODELS)
def test_translated_model_has_the_exact_posterior(chapter, exact, model, parameter):
    is_level_or_slope = parameter in ["alpha", "beta"]
    mean, sd = exact[model].mean_and_sd(f"mu_{parameter}" if is_level_or_slope else parameter)
    assert_agrees(chapter.estimate(f"{model}_{parameter}_mean"), mean)
    assert_agrees(chapter.estimate(f"{model}_{parameter}_sd"), sd)


def test_draws_are_the_same_both_ways(chapter):
    assert chapter["pairs_count"] == 4
    assert chapter["pairs_draws_count"] == 4000
    assert chapter["pairs_difference_max"] == 0
    assert chapter["cut_array_count"] == 3500  # 500 of one chain are gone
    assert chapter["cut_trace_count"] == 2000  # 500 of each of four


def test_only_the_new_rhat_sees_width_and_drift(chapter):
    for chains in ["fine", "wider", "drift"]:
        assert chapter[f"{chains}_old_rhat"] == pytest.approx(1, abs=0.01)
    assert chapter["fine_rhat"] == pytest.approx(1, abs=0.01)
    assert chapter["wider_rhat"] > 1.05
    assert chapter["drift_rhat"] > 1.05


def test_slope_of_the_first_county_is_negative_in_most_draws(chapter, exact):
    hierarchical = exact["hierarchical"]
    j = hierarchical.counties.get_loc("AITKIN")
    mean, variance = hierarchical.line_mean[:, j, 1], hierarchical.line_cov[:, j, 1, 1]
    share = hierarchical.weight @ norm.cdf(-mean / np.sqrt(variance))
    assert_share(chapter.estimate("aitkin_negative_share"), share)


def robust_slope(radon):
    """Return posterior mean and sd of the slope of the robust regression, by quadrature.

    The homes on the first floor tell of alpha + beta alone, those in the basement of alpha alone.
    """
    sigma_y, weight_y = interval(0.55, 0.9, 20)
    log_nu, weight_nu = interval(np.log(3), np.log(200), 20)
    basement, weight_0 = interval(1.15, 1.6, 24)
    first_floor, weight_1 = interval(0.3, 1.3, 24)
    sigma_y, nu = [grid[..., None] for grid in np.meshgrid(sigma_y, np.exp(log_nu), indexing="ij")]

    def log_likelihood(level, floor):
        values, counts = np.unique(
            radon.loc[radon["floor"] == floor, "log_radon"], return_counts=True
        )
        z = (values - level[:, None]) / sigma_y[..., None]
        return t.logpdf(z, nu[..., None]) @ counts - np.log(sigma_y) * counts.sum()

    beta = first_floor - basement[:, None]
    log_density = (
        log_likelihood(basement, 0)[..., None] + log_likelihood(first_floor, 1)[..., None, :]
    )
    log_density += norm(0, 10).logpdf(basement)[:, None] + norm(0, 10).logpdf(beta)
    hyper = halfnorm.logpdf(sigma_y) + gamma(2, scale=10).logpdf(nu) + np.log(nu)
    log_density += hyper[..., None]
    weight = np.einsum("i,j,k,l->ijkl", weight_y, weight_nu, weight_0, weight_1)
    weight *= np.exp(log_density - log_density.max())
    weight = weight.sum(axis=(0, 1)) / weight.sum()
    mean = (weight * beta).sum()
    return mean, np.sqrt((weight * beta**2).sum() - mean**2)


def test_robust_regression_is_exact_and_near_the_pooled_one(chapter, radon, exact):
    mean, sd = robust_slope(radon)
    assert_agrees(chapter.estimate("robust_beta_mean"), mean)
    assert_agrees(chapter.estimate("robust_beta_sd"), sd)
    pooled, _ = exact["pooled"].mean_and_sd("mu_beta")
    assert abs(mean - pooled) < 0.3 * sd
