"""The posteriors of the radon models without Monte Carlo: the referee of the claims.

Given the standard deviations, every radon model of the book is a linear model with normal priors, so
that everything else integrates out in closed form (Lindley and Smith 1972, "Bayes Estimates for the
Linear Model", Journal of the Royal Statistical Society B 34). What is left is an integral over at
most three standard deviations and a correlation, done here by Gauss-Legendre quadrature. Nothing is
shared with PyMC.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import logsumexp, softmax
from scipy.stats import norm

MODELS = {
    "pooled": {"sigma_alpha": 0, "sigma_beta": 0},
    "unpooled": {"sigma_alpha": 10, "sigma_beta": 10, "mu_sd": 0},
    "hierarchical": {},
}


def interval(low: float, high: float, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return n Gauss-Legendre nodes and weights on an interval, each of shape (n,)."""
    nodes, weights = np.polynomial.legendre.leggauss(n)
    return (high + low + (high - low) * nodes) / 2, (high - low) / 2 * weights


@dataclass
class ExactPosterior:
    """The posterior as a mixture of normal distributions, one for each of S quadrature nodes.

    weight (S,) sums to one. log_evidence is the logarithm of the integral over all parameters, up
    to a constant and to log(2 pi) / 2 for each home. sigma_alpha, sigma_beta, sigma_y and rho are
    (S,). mu_mean (S, K) and mu_cov (S, K, K) describe the K coefficients: mu_alpha, mu_beta and
    those of the county-level predictors; line_mean (S, J, 2) and line_cov (S, J, 2, 2), alpha and
    beta of each of the J counties. left_out (J,) is the log predictive density of each county's
    homes given all other counties, if it was asked for. All on the log scale.
    """

    counties: pd.Index
    coefficients: list[str]
    log_evidence: float
    weight: np.ndarray
    sigma_alpha: np.ndarray
    sigma_beta: np.ndarray
    sigma_y: np.ndarray
    rho: np.ndarray
    mu_mean: np.ndarray
    mu_cov: np.ndarray
    line_mean: np.ndarray
    line_cov: np.ndarray
    left_out: np.ndarray | None

    def mean_and_sd(self, parameter: str) -> tuple[float, float]:
        """Return the posterior mean and standard deviation of a population parameter."""
        if parameter in self.coefficients:
            index = self.coefficients.index(parameter)
            means, variances = self.mu_mean[:, index], self.mu_cov[:, index, index]
        else:
            means, variances = getattr(self, parameter), 0
        mean = self.weight @ means
        return mean, np.sqrt(self.weight @ (means**2 + variances) - mean**2)

    def new_home(self, county: str | None, floor: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and sd, each (S,), of the log radon of a new home.

        Without a county, the home stands in one that was not surveyed, where all predictors are 0.
        For any other new county put it among the counties, without homes.
        """
        x = np.array([1, floor])
        if county is None:
            spread = np.stack([self.sigma_alpha**2, self.sigma_beta**2], axis=-1)
            mean, cov = self.mu_mean[:, :2], self.mu_cov[:, :2, :2] + spread[:, :, None] * np.eye(2)
        else:
            j = self.counties.get_loc(county)
            mean, cov = self.line_mean[:, j], self.line_cov[:, j]
        return mean @ x, np.sqrt(x @ (cov @ x[:, None])[..., 0].T + self.sigma_y**2)

    def probability_below(self, log_radon: float, county: str | None, floor: int) -> float:
        """Return the posterior predictive probability that a new home lies below a log radon."""
        return float(self.weight @ norm(*self.new_home(county, floor)).cdf(log_radon))

    def expected_log_radon(self, homes: pd.DataFrame) -> np.ndarray:
        """Return the posterior mean of each home's expected log radon, shape (len(homes),)."""
        lines = np.einsum("s,sjk->jk", self.weight, self.line_mean)
        lines = lines[self.counties.get_indexer(homes["county"])]
        return lines[:, 0] + lines[:, 1] * homes["floor"].to_numpy()


def exact_posterior(
    homes: pd.DataFrame,
    counties: pd.Index,
    sigma_alpha: float | None = None,
    sigma_beta: float | None = None,
    mu_sd: float = 10.0,
    sigma_beta_below: float = 1.6,
    n_nodes: int = 40,
    predictors: pd.DataFrame | None = None,
    eta: float | None = None,
    rho_below: float = 1.0,
    leave_out: bool = False,
) -> ExactPosterior:
    """Integrate a radon model over its standard deviations.

    homes has the columns county, floor and log_radon. sigma_alpha and sigma_beta are fixed if they
    are given (0 for the pooled model; 10, with mu_sd 0, for the unpooled one), else HalfNormal(1).
    sigma_y is HalfNormal(1), and mu_alpha and mu_beta are Normal(0, mu_sd). The integral ends at
    sigma_beta_below; by default, that is beyond all of the posterior. The relative error of the
    evidence is below 1e-4 with 40 nodes, below 1e-3 with 20 and below 1e-2 with 16.

    predictors has a row for each county and a column for each county-level predictor of alpha, whose
    coefficient is Normal(0, 1). With eta, alpha and beta have a correlation, which is LKJ(eta); its
    integral ends at rho_below. leave_out asks for left_out.
    """

    def nodes(fixed, low, high):
        return (
            (np.array([fixed]), np.ones(1)) if fixed is not None else interval(low, high, n_nodes)
        )

    # The posterior mass outside of these ranges is below 1e-6.
    axes = [
        nodes(sigma_alpha, 0, 0.9),
        nodes(sigma_beta, 0, sigma_beta_below),
        interval(0.58, 0.92, 24 if n_nodes > 16 else 16),
        interval(-1, rho_below, 12) if eta else nodes(0, None, None),
    ]
    a, b, s, rho = (grid.ravel() for grid in np.meshgrid(*[x for x, _ in axes], indexing="ij"))
    weights = np.meshgrid(*[w for _, w in axes], indexing="ij")
    log_weight = np.log(np.prod(weights, axis=0).ravel()) - s**2 / 2
    log_weight -= (a**2 if sigma_alpha is None else 0) / 2 + (b**2 if sigma_beta is None else 0) / 2
    if eta:
        log_weight += (eta - 1) * np.log1p(-(rho**2))

    spread = np.array([[a**2, rho * a * b], [rho * a * b, b**2]]).T
    variance = s[:, None, None] ** 2
    predictors = pd.DataFrame(index=counties) if predictors is None else predictors
    coefficients = ["mu_alpha", "mu_beta", *[f"gamma_{name}" for name in predictors]]
    total, parts = (0, 0, 0), []  # what the counties add, together and each
    shrinkers = []
    groups = dict(list(homes.groupby("county")))
    for county in counties:
        group = groups.get(county, homes.iloc[:0])
        design = np.column_stack([np.ones(len(group)), group["floor"]])
        y = group["log_radon"].to_numpy()
        xx, xy = design.T @ design, design.T @ y
        inner = np.eye(2) + spread @ xx / variance
        cov = np.linalg.solve(inner, spread)  # of the county's line around mu, given the data
        P = np.eye(2, len(coefficients))  # noqa: N806, from the coefficients to the county's mean
        P[0, 2:] = predictors.loc[county]
        shrinkers.append((cov, xx, xy, P))
        log_density = -len(y) * np.log(s) - np.linalg.slogdet(inner).logabsdet / 2
        log_density -= (y @ y / s**2 - (cov @ xy) @ xy / s**4) / 2
        precision = P.T @ (xx / variance - xx @ cov @ xx / variance**2) @ P
        weighted = (xy / s[:, None] ** 2 - (xx @ cov @ xy) / s[:, None] ** 4) @ P
        total = tuple(map(np.add, total, (log_density, precision, weighted)))
        if leave_out:
            parts.append((log_density, precision, weighted))

    def integrate(log_density, precision, weighted):
        """Return the nodes' logarithmic weights, and mean and covariance of the coefficients.

        precision is that of the coefficients given the data, weighted is precision times mean.
        """
        if not mu_sd:
            return log_weight + log_density, np.zeros_like(weighted), np.zeros_like(precision)
        prior = np.diag([mu_sd**-2.0] * 2 + [1.0] * (len(coefficients) - 2))
        cov = np.linalg.inv(precision + prior)
        mean = (cov @ weighted[..., None])[..., 0]
        integral = (weighted * mean).sum(axis=-1) / 2 + np.linalg.slogdet(cov).logabsdet / 2
        return log_weight + log_density + integral, mean, cov

    log_posterior, mu_mean, mu_cov = integrate(*total)
    log_evidence = logsumexp(log_posterior)
    left_out = None
    if leave_out:
        rest = [logsumexp(integrate(*map(np.subtract, total, part))[0]) for part in parts]
        homes_each = [len(groups.get(county, ())) for county in counties]
        left_out = log_evidence - np.array(rest) - np.array(homes_each) * np.log(2 * np.pi) / 2

    line_mean, line_cov = [], []
    for cov, xx, xy, P in shrinkers:  # noqa: N806
        keep = np.eye(2) - cov @ xx / variance  # what the county's line keeps of mu
        own = (cov @ xy) / s[:, None] ** 2
        keep = keep @ P
        line_mean.append((keep @ mu_mean[..., None])[..., 0] + own)
        line_cov.append(cov + keep @ mu_cov @ keep.swapaxes(1, 2))
    return ExactPosterior(
        counties=counties,
        coefficients=coefficients,
        log_evidence=log_evidence,
        weight=softmax(log_posterior),
        sigma_alpha=a,
        sigma_beta=b,
        sigma_y=s,
        rho=rho,
        mu_mean=mu_mean,
        mu_cov=mu_cov,
        line_mean=np.stack(line_mean, axis=1),
        line_cov=np.stack(line_cov, axis=1),
        left_out=left_out,
    )


def probability_of_sigma_beta_below(
    bound: float, homes: pd.DataFrame, posterior: ExactPosterior
) -> float:
    """Return the probability that sigma_beta is below a bound, given the whole posterior."""
    part = exact_posterior(homes, posterior.counties, sigma_beta_below=bound, n_nodes=20)
    return float(np.exp(part.log_evidence - posterior.log_evidence))
