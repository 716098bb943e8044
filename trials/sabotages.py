"""What the suite must notice: each entry replaces one text in one file. Add yours at the end."""

from dataclasses import dataclass


@dataclass
class Sabotage:
    """A change that makes the book wrong: what it does, where, and the text before and after."""

    name: str
    file: str
    old: str
    new: str


SABOTAGES = [
    Sabotage(
        "centered slopes in place of non-centered ones",
        "chapters/pooling.md",
        'beta = pm.Deterministic(\n        "beta", mu_beta + sigma_beta * z_beta, dims="county"\n    )',
        'beta = pm.Normal("beta", mu_beta, sigma_beta, dims="county")',
    ),
    Sabotage(
        "a prior ten times as wide",
        "chapters/pooling.md",
        'beta = pm.Normal("beta", mu=0, sigma=10, dims="county")',
        'beta = pm.Normal("beta", mu=0, sigma=100, dims="county")',
    ),
    Sabotage(
        "a prior ten times as narrow",
        "chapters/non-centered.md",
        '        sigma_alpha = pm.HalfNormal("sigma_alpha", sigma=1)',
        '        sigma_alpha = pm.HalfNormal("sigma_alpha", sigma=0.1)',
    ),
    Sabotage(
        "floor coded backwards",
        "chapters/pooling.md",
        'radon = pd.read_csv("../data/radon.csv")',
        'radon = pd.read_csv("../data/radon.csv")\nradon["floor"] = 1 - radon["floor"]',
    ),
    Sabotage(
        "one county dropped",
        "chapters/funnel.md",
        'radon = pd.read_csv("../data/radon.csv")',
        'radon = pd.read_csv("../data/radon.csv").query("county != \'AITKIN\'")',
    ),
    Sabotage(
        "logarithm to base 10 on the way back",
        "chapters/pooling.md",
        "family[name] = np.exp(rng.normal(expected, sigma_y)) - 0.1",
        "family[name] = 10 ** rng.normal(expected, sigma_y) - 0.1",
    ),
    Sabotage(
        "logarithm to base 10 in the data",
        "data/build_radon.py",
        'np.log(homes["activity"] + 0.1)',
        'np.log10(homes["activity"] + 0.1)',
    ),
    Sabotage(
        "a number typed in place of a computed one",
        "chapters/pooling.md",
        "{claim}`hierarchical_sigma_alpha_mean`",
        "0.32",
    ),
    Sabotage(
        "a digit more than the draws know",
        "chapters/pooling.md",
        "{claim}`hierarchical_sigma_beta_mean`",
        "{claim}`hierarchical_sigma_beta_mean:.3f`",
    ),
    Sabotage(
        "an interval of no kind",
        "chapters/pooling.md",
        "The 89 % equal-tailed interval reaches",
        "The interval reaches",
    ),
    Sabotage(
        "an interval of another probability",
        "chapters/pooling.md",
        'items():\n    key = f"hierarchical_sigma_beta_{end}"',
        'items():\n    probability += 0.03 if end == "high" else -0.03\n    key = f"hierarchical_sigma_beta_{end}"',
    ),
    Sabotage(
        "divergences silenced",
        "build_tools/fits.py",
        'int(stats["diverging"].sum())',
        'int(0 * stats["diverging"].sum())',
    ),
    Sabotage(
        "too few draws",
        "chapters/map-versus-expectation.md",
        "    noncentered_idata = pm.sample(\n        draws=3000",
        "    noncentered_idata = pm.sample(\n        draws=200",
    ),
    Sabotage(
        "randomness without a seed",
        "chapters/funnel.md",
        "rng = np.random.default_rng(RANDOM_SEED)\nexact_log_sigma",
        "rng = np.random.default_rng()\nexact_log_sigma",
    ),
    Sabotage(
        "a term lost in the referee's formula",
        "chapters/non-centered.md",
        " - s**2 * a * b",
        "",
    ),
    Sabotage(
        "noise in the world without noise",
        "chapters/fake-data.md",
        'return beta, truth["alpha"] + beta * x',
        'return beta, truth["alpha"] + beta * x + rng.normal(0, 0.1, size=100)',
    ),
    Sabotage(
        "a claim without a test",
        "chapters/radon-data.md",
        'claim("data_zero_count", (radon["activity"] == 0).sum())',
        'claim("data_zero_count", (radon["activity"] == 0).sum())\nclaim("data_answer", 42)',
    ),
    Sabotage(
        "new counties that are the old ones",
        "chapters/group-predictors.md",
        'sample_vars=["z_alpha", "z_beta"],',
        "",
    ),
    Sabotage(
        "a posterior mean off by six of its errors",
        "chapters/pooling.md",
        "            value = summary.loc[parameter, column]",
        "            value = summary.loc[parameter, column]\n"
        '            if statistic == "mean":\n'
        '                value += 6 * summary.loc[parameter, "mcse_mean"]',
    ),
    Sabotage(
        "a Monte Carlo error halved",
        "chapters/pooling.md",
        "            value = summary.loc[parameter, column]",
        '            value = summary.loc[parameter, column] / (1 + (statistic == "mcse"))',
    ),
    Sabotage(
        "an order of two close numbers exchanged",
        "chapters/pooling.md",
        'claim_rmsd(f"{name}_held_out_rmsd", homes["error"])',
        'other = {"pooled": "hierarchical", "hierarchical": "pooled"}.get(name, name)\n'
        '    claim_rmsd(f"{other}_held_out_rmsd", homes["error"])',
    ),
]
