"""Execute the chapters and build the site: what 'make book' runs.

With the argument student, build the students' edition instead, without solutions.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from execution import ROOT, BookError, execute_chapters, full_disk, open_cache, writing
from student import NEEDED, build_student_edition

SITE = ROOT / "_build" / "html"
STAMP = ROOT / "_build" / "site.txt"  # what the site was made from
VARIABLES = ["GITHUB_REPOSITORY", "GITHUB_SERVER_URL", "SITE_URL"]  # what pages say of them


def jupyter_book(*builder: str) -> None:
    """Have Jupyter Book make the site or something else from the same pages, warnings as errors.

    Raises BookError if there are any, after showing them, or if the disk is full.
    """
    program = Path(sys.executable).with_name("jupyter-book")
    command = [program, "build", ROOT, "--warningiserror", "--keep-going", "--quiet", *builder]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        # Of a full disk Sphinx says too much and too little; the file that did not fit is gone.
        is_full = shutil.disk_usage(ROOT / "_build").free < 10 * 2**20
        # Sphinx would not read, and so not report, the faulty pages again.
        shutil.rmtree(ROOT / "_build" / ".doctrees", ignore_errors=True)
        if is_full:
            raise full_disk(ROOT / "_build")
        # A page that is written as a notebook, too, may be complained about twice.
        sys.stderr.write("".join(dict.fromkeys(done.stderr.splitlines(keepends=True))))
        raise BookError("The site is not built: fix what is reported above and run again.")


def hash_inputs() -> str:
    """Hash all that the site is made from: files, outputs, results of the tests, environment."""
    made = [ROOT / "_build" / name for name in ["claims.json", "guards.json"]]
    made += open_cache(ROOT).path.glob("executed/*/base.ipynb")
    digest = hashlib.sha256(f"{[os.environ.get(name) for name in VARIABLES]}".encode())
    for path in sorted([*made, *(ROOT / name for name in NEEDED)]):
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(ROOT)}".encode() + file.read_bytes())
    return digest.hexdigest()


def build_site() -> None:
    """Build the site with the notebooks that it offers, if anything has changed since it was built.

    Raises BookError if there are warnings or the disk is full.
    """
    inputs = hash_inputs()
    if (SITE / "index.html").exists() and STAMP.exists() and STAMP.read_text() == inputs:
        return
    print("Building the site ...", flush=True)
    STAMP.unlink(missing_ok=True)
    shutil.rmtree(SITE, ignore_errors=True)  # pages of chapters that are gone would stay
    jupyter_book()
    with writing(STAMP.parent):
        STAMP.write_text(inputs)


def main(words: list[str]) -> None:
    """Build the book, or its students' edition. Raises BookError if that is not possible."""
    if words not in ([], ["student"]):
        raise BookError(
            f"There is no edition '{' '.join(words)}': say 'make book' for the whole book, or "
            "'make book EDITION=student' for the one without solutions."
        )
    execute_chapters()
    if words:
        build_student_edition()
    else:
        build_site()
        print(f"The book is in {SITE / 'index.html'}: open it in a browser.")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except BookError as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError:
        sys.exit("The students' edition is not built: see above.")
    except KeyboardInterrupt:
        sys.exit(130)
