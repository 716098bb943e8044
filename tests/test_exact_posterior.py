"""The referee of the claims is itself exact to what its docstring says."""

import exact_posterior as module
import numpy as np
import pytest
from exact_posterior import MODELS, exact_posterior, interval
from scipy.special import logsumexp, softmax
from scipy.stats import beta, halfnorm, multivariate_normal, norm


def by_brute_force(homes, counties, predictor, a, b, eta):
    """Return log evidence and mean lines, by one large normal distribution of homes and lines."""
    upstairs = homes["floor"].to_numpy()
    here = homes["county"].to_numpy()[:, None] == counties.to_numpy()
    lines = np.column_stack([here, here * upstairs[:, None]])  # (homes, levels and slopes)
    n = len(counties)
    to_lines = np.zeros((2 * n, 3))  # from mu_alpha, mu_beta and gamma
    to_lines[:n, 0] = to_lines[n:, 1] = 1
    to_lines[:n, 2] = predictor
    log_weights, means = [], []
    for rho, rho_weight in np.transpose(interval(-1, 1, 12)):
        spread = np.kron([[a**2, rho * a * b], [rho * a * b, b**2]], np.eye(n))
        prior = to_lines @ np.diag([100, 100, 1]) @ to_lines.T + spread
        for s, s_weight in np.transpose(interval(*module.RANGES["sigma_y"], 24)):
            cov = lines @ prior @ lines.T + s**2 * np.eye(len(homes))
            density = multivariate_normal(cov=cov).logpdf(homes["log_radon"])
            density += len(homes) * np.log(2 * np.pi) / 2 - s**2 / 2
            density += (eta - 1) * np.log1p(-(rho**2))
            log_weights.append(density + np.log(rho_weight * s_weight))
            means.append(prior @ lines.T @ np.linalg.solve(cov, homes["log_radon"]))
    return logsumexp(log_weights), (softmax(log_weights) @ means).reshape(2, n).T


def test_closed_form_is_one_large_normal_distribution(radon, counties):
    few = counties[[0, 2, 3, 4, 5]]  # without the many homes of Anoka
    homes = radon[radon["county"].isin(few)]
    predictors = homes.groupby("county")[["log_uranium"]].first()
    model = {"sigma_alpha": 0.3, "sigma_beta": 0.4, "eta": 2}
    exact = exact_posterior(homes, few, predictors=predictors, **model)
    evidence, lines = by_brute_force(homes, few, predictors["log_uranium"], *model.values())
    # The two priors Normal(0, 10) have a constant that log_evidence is without.
    assert exact.log_evidence - 2 * np.log(10) == pytest.approx(evidence, abs=1e-8)
    assert exact.weight @ exact.line_mean[:, :, 0] == pytest.approx(lines[:, 0], abs=1e-8)
    assert exact.weight @ exact.line_mean[:, :, 1] == pytest.approx(lines[:, 1], abs=1e-8)


@pytest.mark.parametrize(("n_nodes", "error"), [(20, 1e-4), (16, 1e-3)])
def test_evidence_does_not_depend_on_the_nodes(radon, counties, exact, n_nodes, error):
    other = exact_posterior(radon, counties, n_nodes=n_nodes)
    assert other.log_evidence == pytest.approx(exact["hierarchical"].log_evidence, abs=error)


@pytest.mark.parametrize("model", MODELS)
def test_wider_ranges_hold_no_more(radon, counties, exact, monkeypatch, model):
    wider = {"sigma_alpha": (0, 1.3), "sigma_beta": (0, 2.4), "sigma_y": (0.45, 1.05)}
    monkeypatch.setattr(module, "RANGES", module.RANGES | wider)
    other = exact_posterior(radon, counties, n_nodes=40, **MODELS[model])
    assert other.log_evidence == pytest.approx(exact[model].log_evidence, abs=1e-4)


@pytest.mark.parametrize(
    ("parameter", "bound"),
    [("sigma_alpha", 0.3), ("sigma_beta", 0.01), ("sigma_beta", 0.46), ("sigma_y", 0.72)],
)
def test_probability_below_a_bound_is_the_evidence_below(
    radon, counties, exact, monkeypatch, parameter, bound
):
    everything = exact["hierarchical"]
    below = (module.RANGES[parameter][0], bound)
    monkeypatch.setattr(module, "RANGES", module.RANGES | {parameter: below})
    part = exact_posterior(radon, counties)
    probability = np.exp(part.log_evidence - everything.log_evidence)
    assert everything.cdf(parameter, bound) == pytest.approx(probability, abs=1e-3, rel=1e-3)
    assert part.cdf(parameter, bound) == pytest.approx(1)


@pytest.mark.parametrize("bound", [-0.5, 0, 0.5])
def test_probability_of_a_correlation_below_a_bound_is_the_evidence_below(
    radon, counties, monkeypatch, bound
):
    model = {"sigma_alpha": 0.3, "sigma_beta": 0.3, "eta": 2}
    everything = exact_posterior(radon, counties, **model)
    monkeypatch.setattr(module, "RANGES", module.RANGES | {"rho": (-1, bound)})
    part = exact_posterior(radon, counties, **model)
    probability = np.exp(part.log_evidence - everything.log_evidence)
    assert everything.cdf("rho", bound) == pytest.approx(probability, abs=1e-4)


def test_probability_of_a_coefficient_is_that_of_its_normal_mixture(exact):
    posterior = exact["pooled"]
    mean, sd = posterior.mean_and_sd("mu_beta")
    assert posterior.cdf("mu_beta", mean) == pytest.approx(0.5, abs=1e-3)
    assert posterior.cdf("mu_beta", mean - sd) == pytest.approx(norm.cdf(-1), abs=1e-3)


def test_left_out_county_is_predicted_as_the_evidences_say(radon, counties):
    options = {"counties": counties, "n_nodes": 16}
    everything = exact_posterior(radon, leave_out=True, **options)
    cass = radon["county"] == "CASS"
    others = exact_posterior(radon[~cass], **options)
    log_density = everything.log_evidence - others.log_evidence
    log_density -= cass.sum() * np.log(2 * np.pi) / 2
    j = counties.get_loc("CASS")
    assert everything.left_out[j] == pytest.approx(log_density)
    weight, mu_mean, mu_cov = everything.left_out_mu[j]
    assert weight @ mu_mean == pytest.approx(others.weight @ others.mu_mean)
    assert weight @ mu_cov[:, 0, 0] == pytest.approx(others.weight @ others.mu_cov[:, 0, 0])


def test_without_data_there_is_the_prior(radon, counties):
    nobody = exact_posterior(radon[:0], counties[:5], n_nodes=16, eta=2)
    assert nobody.mean_and_sd("rho") == pytest.approx((0, np.sqrt(1 / 5)), abs=1e-6)
    assert nobody.cdf("rho", 0.4) == pytest.approx(beta(2, 2, -1, 2).cdf(0.4))
    _, end = module.RANGES["sigma_beta"]
    below = halfnorm.cdf(0.3) / halfnorm.cdf(end)
    assert nobody.cdf("sigma_beta", 0.3) == pytest.approx(below)
    assert nobody.cdf("mu_alpha", 10) == pytest.approx(norm.cdf(1))
