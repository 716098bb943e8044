# /// script
# requires-python = ">=3.12"
# dependencies = ["pystan==3.14.0", "arviz==1.3.*", "pandas"]
# ///
"""Fit the radon models with Stan, and store what it says in summaries.csv.

Run it with: uv run tests/stan/summarize.py (a few minutes, most of them for the compiler; Linux or
macOS). It shares nothing with PyMC but the survey. The tests compare the book's posteriors with it.
"""

from pathlib import Path

import arviz as az
import pandas as pd
import stan
import xarray as xr

HERE = Path(__file__).parent
POPULATION = ["mu_alpha", "sigma_alpha", "mu_beta", "sigma_beta", "sigma_y", "alpha", "beta"]
COLUMNS = {"mean": "mean", "sd": "sd", "mcse_mean": "mcse", "ess_bulk": "ess", "r_hat": "r_hat"}


def summarize(program: Path, homes: pd.DataFrame) -> pd.DataFrame:
    """Fit one model and return a row for each of its parameters.

    Parameters of single counties are named as in alpha[HENNEPIN].
    """
    county, counties = pd.factorize(homes["county"], sort=True)
    data = {
        "N": len(homes),
        "J": len(counties),
        "county": (county + 1).tolist(),
        "on_first_floor": homes["floor"].tolist(),
        "log_radon": homes["log_radon"].tolist(),
    }
    n_chains, n_draws = 4, 10_000
    fit = stan.build(program.read_text(), data=data, random_seed=1).sample(
        num_chains=n_chains, num_samples=n_draws, num_warmup=2_000, delta=0.95
    )
    draws = {}
    for name in [name for name in POPULATION if name in fit.param_names]:
        # Stan returns the draws as (parameter, draw, chain), the last two as one axis.
        values = fit[name].reshape(-1, n_draws, n_chains)
        labels = [f"{name}[{c}]" for c in counties] if len(values) > 1 else [name]
        draws |= {label: (["chain", "draw"], v.T) for label, v in zip(labels, values, strict=True)}
    print(program.stem, "divergences:", int(fit["divergent__"].sum()))
    posterior = xr.DataTree.from_dict({"posterior": xr.Dataset(draws)})
    table = az.summary(posterior, round_to="none").rename(columns=COLUMNS)[[*COLUMNS.values()]]
    return table.rename_axis("parameter").assign(model=program.stem).reset_index()


if __name__ == "__main__":
    homes = pd.read_csv(HERE.parents[1] / "data" / "radon.csv")
    summaries = pd.concat(summarize(program, homes) for program in sorted(HERE.glob("*.stan")))
    summaries.to_csv(HERE / "summaries.csv", index=False, float_format="%.5g")
    print(summaries[~summaries["parameter"].str.contains(r"\[")].to_string())
