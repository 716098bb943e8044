"""Take the diagnostics of every fit that a chapter keeps: an extension of the kernel that runs it.

A fit is a DataTree with a posterior and the sampler's statistics. What a cell leaves in a variable,
or in a dict in a variable, is found by itself; no chapter has to mention it.
"""

import sys
from collections import Counter

from IPython.core.interactiveshell import InteractiveShell

PREFIX = "fit "  # tells these results from the chapter's own claims


def worst_diagnostics(idata) -> dict[str, float]:
    """Return the worst R-hat and ESS among all parameters of a fit, and its divergences."""
    import arviz as az  # only a chapter that fits has paid for these imports
    import numpy as np

    posterior = idata.posterior.to_dataset()
    varies = posterior.std(["chain", "draw"]) > 0  # a constant has no R-hat and needs none
    with np.errstate(divide="ignore", invalid="ignore"):  # chains that stand still
        rhat = az.rhat(posterior).fillna(np.inf).where(varies)
        bulk = az.ess(posterior).fillna(0).where(varies)
        tail = az.ess(posterior, method="tail").fillna(0).where(varies)
    stats = idata.sample_stats
    return {
        "r_hat": rhat.max().to_array().max().item(),
        "ess_bulk": bulk.min().to_array().min().item(),
        "ess_tail": tail.min().to_array().min().item(),
        # Metropolis has none.
        "divergences": int(stats["diverging"].sum()) if "diverging" in stats else 0,
    }


def is_fit(value) -> bool:
    """Say whether a value is what a sampler returns."""
    return (
        "xarray" in sys.modules
        and isinstance(value, sys.modules["xarray"].DataTree)
        and {"posterior", "sample_stats"} <= set(value.children)
    )


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Have the kernel glue the diagnostics of each new fit to the cell that made it."""
    seen = []  # the fits themselves: an address alone may be used again
    uses = Counter()

    def report(*_) -> None:
        from myst_nb import glue

        for name, value in list(shell.user_ns.items()):
            if name.startswith("_"):  # what IPython remembers of outputs
                continue
            named = {name: value}
            if isinstance(value, dict):
                named = {f"{name}[{key!r}]": entry for key, entry in value.items()}
            for label, fit in named.items():
                if is_fit(fit) and not any(fit is other for other in seen):
                    seen.append(fit)
                    uses[label] += 1
                    label += f" ({uses[label]})" if uses[label] > 1 else ""
                    glue(PREFIX + label, worst_diagnostics(fit), display=False)

    shell.events.register("post_run_cell", report)
