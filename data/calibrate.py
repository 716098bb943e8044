"""Calibrate the models of chapters/calibration.md in many worlds, with Dask, into calibration.csv.

    python data/calibrate.py                                on this computer, a worker for each core
    python data/calibrate.py --scheduler tcp://host:8786    on a Dask cluster that is running

A simulation that is done is kept in _build/calibration: stop it when you like, and run it again to
go on. The code of the models is the chapter's own, in its cells with the tag "study".
"""

import argparse
import hashlib
import json
import os
import sys
import time
from functools import cache
from pathlib import Path

import pandas as pd
from distributed import Client, KilledWorker, as_completed

ROOT = Path(__file__).parents[1]
CALIBRATION = Path(__file__).parent / "calibration.csv"
SEED = 20181018  # not the chapter's: its small study is about other worlds
MODELS = ["pooled", "centered", "non-centered", "buggy"]
INDEX = ["model", "simulation"]
SILENT = "10 seconds"  # a scheduler answers sooner
STALLED = "20 minutes"  # a portion of 50 simulations takes a worker less than a minute


class StudyError(Exception):
    """The study cannot go on; the message says why, and what to do."""


def study_code(chapter: Path = ROOT / "chapters" / "calibration.md") -> str:
    """Return the chapter's code for the simulation and the models."""
    import jupytext  # slow, and no worker needs it

    if not chapter.exists():
        sys.exit(f"{chapter} is not here: run the study in a copy of the whole book.")
    cells = jupytext.read(chapter).cells
    return "\n\n".join(cell.source for cell in cells if "study" in cell.metadata.get("tags", []))


@cache
def study(code: str) -> dict:
    """Run that code, once in a process, for it compiles the models; return what it defines."""
    definitions = {}
    exec(code, definitions)
    return definitions


def simulate(code: str, model: str, simulation: int) -> dict:
    """Return one row of calibration.csv: where the truth of a world ranks in the fit of a model."""
    ranks = study(code)["calibrate"](model, seed=[SEED, simulation], cores=1)
    return {"model": model, "simulation": simulation, **ranks}


def read_rows(path: Path) -> list[dict]:
    """Return the rows that are done, without one that was cut off in the middle."""
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def run(client: Client, n_simulations: int, kept: Path) -> pd.DataFrame:
    """Do the simulations that are not kept yet; return all, one a row, in order.

    Raises StudyError if one fails, or if none comes to its end for too long.
    """
    code = study_code()
    rows = read_rows(kept)
    done = {(row["model"], row["simulation"]) for row in rows}
    wanted = [(model, i) for i in range(n_simulations) for model in MODELS]
    left = [each for each in wanted if each not in done]
    if len(left) < len(wanted):
        print(f"{len(wanted) - len(left):,} simulations were done before.")

    client.upload_file(__file__, load=False)  # to all workers, those to come as well
    kept.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with kept.open("w") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)
        while left:
            # In portions, so that each has its deadline.
            size = 50 * max(1, sum(client.nthreads().values()))
            portion, left = left[:size], left[size:]
            futures = {
                client.submit(simulate, code, *each, pure=False, retries=2): each
                for each in portion
            }
            results = as_completed(futures, with_results=True, raise_errors=False, timeout=STALLED)
            try:
                for future, row in results:
                    if future.status != "finished":
                        raise StudyError(why(futures[future], future.exception()))
                    rows.append(row)
                    file.write(f"{json.dumps(row)}\n")
                    file.flush()
                    print(f"\r{len(rows):,} of {len(wanted):,} simulations", end="", flush=True)
            except TimeoutError as error:
                pending = [each for future, each in futures.items() if not future.done()]
                raise StudyError(
                    f"{len(pending)} simulations, {pending[0]} among them, did not end within "
                    f"{STALLED}: do the workers still run?"
                ) from error
            finally:
                # After a failure, a shared cluster must not go on with what nobody waits for.
                client.cancel(list(futures))
    seconds = time.monotonic() - start
    print(f"\nDone in {seconds / 60:.1f} minutes, with {len(client.nthreads())} workers.")
    # The pooled model has fewer columns. Ranks remain whole numbers, whoever lacks some.
    table = pd.DataFrame(rows, columns=max(rows, key=len)).convert_dtypes()
    order = pd.MultiIndex.from_product([MODELS, range(n_simulations)], names=INDEX)
    return table.set_index(INDEX).loc[order].reset_index()


def why(which: tuple[str, int], error: BaseException) -> str:
    """Return what is to be said of a simulation that failed."""
    model, simulation = which
    reason = "its worker died, again and again" if isinstance(error, KilledWorker) else repr(error)
    return f"Simulation {simulation} of the model {model} fails: {reason}."


def connect(scheduler: str | None, n_workers: int | None) -> Client:
    """Return a client of a running Dask cluster, or of one that is started on this computer."""
    if scheduler is None:
        return Client(
            n_workers=n_workers or os.cpu_count(), threads_per_worker=1, dashboard_address=":0"
        )
    try:
        return Client(scheduler, timeout=SILENT)
    except (OSError, ValueError) as error:
        raise StudyError(
            f"No Dask scheduler answers at {scheduler!r}: start one with 'dask scheduler', or leave "
            "--scheduler out to run the study on this computer."
        ) from error


def main() -> None:
    """Run the study as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--scheduler", help="the address of a Dask scheduler, tcp://host:8786")
    where.add_argument(
        "--workers", type=int, help="how many workers to start here; else one a core"
    )
    parser.add_argument("--simulations", type=int, default=1000, help="of each model; else 1000")
    parser.add_argument("--output", type=Path, default=CALIBRATION, help="else calibration.csv")
    options = parser.parse_args()

    # What was computed by other code, or by other versions, is not mixed in.
    lock = (ROOT / "requirements.txt").read_text()
    version = hashlib.sha256(f"{SEED} {study_code()} {lock}".encode()).hexdigest()[:8]
    kept = ROOT / "_build" / "calibration" / f"{version}.jsonl"
    try:
        with connect(options.scheduler, options.workers) as client:
            table = run(client, options.simulations, kept)
    except (StudyError, KeyboardInterrupt) as error:
        reason = str(error) or "Interrupted."
        sys.exit(f"\n{reason} What is done is kept: the same command goes on from here.")
    table.to_csv(options.output, index=False, float_format="%.6g", lineterminator="\n")


if __name__ == "__main__":
    import calibrate  # by the name that workers know it by

    calibrate.main()
