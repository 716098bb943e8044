"""The referee of the claims is itself exact to what its docstring says."""

import numpy as np
import pytest
from exact_posterior import exact_posterior, probability_of_sigma_beta_below


@pytest.mark.parametrize(("n_nodes", "error"), [(30, 1e-4), (20, 1e-3), (16, 1e-2)])
def test_evidence_does_not_depend_on_the_nodes(radon, counties, exact, n_nodes, error):
    other = exact_posterior(radon, counties, n_nodes=n_nodes)
    assert other.log_evidence == pytest.approx(exact["hierarchical"].log_evidence, abs=error)


@pytest.mark.parametrize("bound", [0.05, 0.2, 0.46])
def test_probability_below_a_bound_is_that_of_many_nodes(radon, counties, exact, bound):
    everything = exact["hierarchical"]
    part = exact_posterior(radon, counties, sigma_beta_below=bound)
    probability = np.exp(part.log_evidence - everything.log_evidence)
    assert probability_of_sigma_beta_below(bound, radon, everything) == pytest.approx(
        probability, rel=1e-3
    )


def test_left_out_county_is_predicted_as_the_evidences_say(radon, counties):
    options = {"counties": counties, "n_nodes": 16, "sigma_beta_below": 1.0}
    everything = exact_posterior(radon, leave_out=True, **options)
    cass = radon["county"] == "CASS"
    log_density = everything.log_evidence - exact_posterior(radon[~cass], **options).log_evidence
    log_density -= cass.sum() * np.log(2 * np.pi) / 2
    assert everything.left_out[counties.get_loc("CASS")] == pytest.approx(log_density)


def test_correlation_without_data_has_its_prior(radon, counties):
    nobody = exact_posterior(radon[:0], counties, n_nodes=16, eta=2)
    assert nobody.mean_and_sd("rho") == pytest.approx((0, np.sqrt(1 / 5)), abs=1e-6)
