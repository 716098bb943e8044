"""The stored calibration study is what its script makes, on however many workers, in however many goes."""

import json

import calibrate
import numpy as np
import pandas as pd
import pytest
from calibrate import CALIBRATION, MODELS, StudyError, connect, read_rows, run, study_code
from monte_carlo import Estimate, assert_agrees

# Stands for the chapter's code where the fits themselves do not matter.
QUICK = """
import numpy as np

def calibrate(name, seed, cores):
    rank = np.random.default_rng(seed).integers(101)
    return {"sigma_y": int(rank)} | ({} if name == "pooled" else {"sigma_beta": int(rank)})
"""


@pytest.fixture(scope="module")
def stored():
    return pd.read_csv(CALIBRATION)


@pytest.mark.parametrize("model", MODELS)
def test_stored_ranks_are_those_of_the_chapters_code(stored, model):
    # Floating-point numbers differ a little between platforms, and chains by much more in the end:
    # the worlds must be the same, and the ranks two samples of 100 from one posterior.
    # That takes fits whose thinned draws are nearly independent.
    for row in stored[stored["model"] == model].nlargest(2, "ess").to_dict("records"):
        again = calibrate.simulate(study_code(), model, row["simulation"])
        for quantity, value in again.items():
            if quantity.startswith("true_"):
                assert value == pytest.approx(row[quantity], rel=1e-5)
            elif isinstance(value, int) and quantity not in ["divergences", "simulation"]:
                share = (row[quantity] + 0.5) / 101
                error = np.sqrt(100 * share * (1 - share))
                name = f"the rank of {quantity} in the model {model}"
                assert_agrees(
                    Estimate(value, error, np.inf, name), Estimate(row[quantity], error, np.inf)
                )


def test_stored_study_is_whole(stored):
    assert stored["model"].unique().tolist() == MODELS
    assert (
        stored.groupby("model")["simulation"].agg(["min", "max", "nunique"]) == [0, 999, 1000]
    ).all(axis=None)
    ranks = stored.loc[:, "alpha":"log_density_beta"]
    assert ranks.isna().sum().sum() == 5 * 1000  # the pooled model has no population
    assert ranks.min(axis=None) == 0
    assert ranks.max(axis=None) == 100


@pytest.fixture(scope="module")
def client():
    """Return a client of a cluster with one worker, to which a test adds another."""
    with connect(None, 1) as client:
        yield client


@pytest.fixture
def code(monkeypatch):
    """Return a function that puts other code in the place of the chapter's."""
    return lambda text: monkeypatch.setattr(calibrate, "study_code", lambda: text)


def test_number_of_workers_does_not_matter(client, code, tmp_path):
    code(QUICK)
    one = run(client, 5, tmp_path / "one")
    client.cluster.scale(2)
    client.wait_for_workers(2)
    two = run(client, 5, tmp_path / "two")
    pd.testing.assert_frame_equal(one, two)
    assert one["model"].tolist() == [model for model in MODELS for _ in range(5)]
    assert one["sigma_y"].nunique() > 1
    assert one["sigma_y"].tolist()[:5] == one["sigma_beta"].tolist()[5:10]  # the same worlds


def test_what_is_done_is_not_done_again(client, code, tmp_path):
    code(QUICK)
    kept = tmp_path / "kept"
    done = {"model": "centered", "simulation": 1, "sigma_y": -1, "sigma_beta": -1}
    kept.write_text(json.dumps(done) + '\n{"model": "pooled", "simul')  # cut off in the middle
    table = run(client, 2, kept)
    assert (table["sigma_y"] == -1).tolist() == [False, False, False, True] + 4 * [False]
    assert len(read_rows(kept)) == 8


def test_failure_is_named_and_what_is_done_is_kept(client, code, tmp_path):
    code(QUICK.replace("    return", "    if name == 'buggy': 1 / 0\n    return"))
    with pytest.raises(StudyError, match=r"Simulation \d of the model buggy fails: ZeroDivision"):
        run(client, 3, tmp_path / "kept")
    assert read_rows(tmp_path / "kept")


def test_worker_that_dies_again_and_again_is_named(client, code, tmp_path, monkeypatch):
    # Once is enough here: each new worker takes seconds to start.
    monkeypatch.setattr(client.cluster.scheduler, "allowed_failures", 0)
    code(QUICK.replace("    return", "    import os; os._exit(1)\n    return"))
    with pytest.raises(StudyError, match="its worker died, again and again"):
        run(client, 1, tmp_path / "kept")


def test_study_that_stalls_does_not_wait_for_ever(client, code, tmp_path, monkeypatch):
    code(QUICK.replace("    return", "    import time; time.sleep(20)\n    return"))
    monkeypatch.setattr(calibrate, "STALLED", "2 seconds")
    with pytest.raises(StudyError, match="did not end within 2 seconds: do the workers still run"):
        run(client, 1, tmp_path / "kept")


def test_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr(calibrate, "SILENT", "1 second")
    with pytest.raises(StudyError, match="No Dask scheduler answers at 'tcp://localhost:9'"):
        connect("tcp://localhost:9", None)
