"""Execute the chapters and build the site: what 'make book' runs.

With the argument student, build the students' edition instead, without solutions.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from execution import ROOT, BookError, execute_chapters
from notebooks import ZIP
from student import build_student_edition

SITE = ROOT / "_build" / "html"
NOTEBOOKS = ROOT / "_build" / "notebooks"


def jupyter_book(*builder: str) -> None:
    """Have Jupyter Book make the site or something else from the same pages, warnings as errors.

    Raises BookError if there are any; Sphinx has shown them.
    """
    program = Path(sys.executable).with_name("jupyter-book")
    command = [program, "build", ROOT, "--warningiserror", "--keep-going", "--quiet", *builder]
    if subprocess.run(command, stdout=subprocess.DEVNULL).returncode:
        # Sphinx would not read, and so not report, the faulty pages again.
        shutil.rmtree(ROOT / "_build" / ".doctrees", ignore_errors=True)
        raise BookError("The site is not built: mend what is reported above and run again.")


def build_site() -> None:
    """Build the site, with the notebooks that it offers."""
    shutil.rmtree(SITE, ignore_errors=True)  # pages of chapters that are gone would stay
    jupyter_book()
    jupyter_book("--builder=custom", "--custom-builder=notebooks")
    for notebook in NOTEBOOKS.glob("chapters/*.ipynb"):
        shutil.copy(notebook, SITE / "chapters")
    shutil.copy(NOTEBOOKS.with_name(ZIP), SITE)


if __name__ == "__main__":
    try:
        execute_chapters()
        if sys.argv[1:] == ["student"]:
            build_student_edition()
            sys.exit()
        print("Building the site ...", flush=True)
        build_site()
    except BookError as error:
        sys.exit(str(error))
    except subprocess.CalledProcessError:
        sys.exit("The students' edition is not built: see above.")
    except KeyboardInterrupt:
        print("Interrupted. Chapters that were done are kept.", flush=True)
        os._exit(130)  # the threads would wait for their chapters; kernels end with this process
    print(f"The book is in {SITE / 'index.html'}: open it in a browser.")
