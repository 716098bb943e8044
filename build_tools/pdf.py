"""Print the book into one PDF: what 'make pdf' runs. As a Sphinx extension, help with its one page."""

import os
import re
import shutil
import sys
from pathlib import Path

from book import jupyter_book
from execution import ROOT, BookError, execute_chapters
from playwright.sync_api import Error, Page, sync_playwright
from sphinx.application import Sphinx

PAGE = ROOT / "_build" / "singlehtml" / "index.html"
PDF = ROOT / "_build" / "partial-pooling.pdf"
ARRANGE = """async () => {
  document.documentElement.dataset.theme = "light";
  for (const details of document.querySelectorAll("details")) details.open = true;
  for (const target of document.querySelectorAll("span[id^=document-]")) {
    target.nextElementSibling.prepend(target); // between chapters, it would have a page of its own
  }
  // Which test guards which claim is for the screen.
  document.getElementById("document-chapters/ledger").parentElement.remove();

  // Solutions stand at the end, as in any printed book.
  const solutions = document.createElement("section");
  solutions.id = "solutions";
  solutions.innerHTML = "<h2>Solutions</h2>";
  solutions.append(...document.querySelectorAll(".solution"));
  document.getElementById("document-chapters/glossary").parentElement.before(solutions);

  const contents = document.createElement("nav");
  contents.className = "printed-contents";
  contents.innerHTML = "<h2>Contents</h2>";
  const headings = ".toctree-wrapper > section > h2, .toctree-wrapper > section > section > h3, #solutions > h2";
  document.querySelectorAll(headings).forEach((heading, number) => {
    heading.querySelector(".headerlink")?.remove();
    heading.id = `heading-${number}`; // sections of different chapters may share a name
    const entry = document.createElement("a");
    entry.href = `#${heading.id}`;
    entry.className = heading.localName === "h2" ? "printed-chapter" : "printed-section";
    entry.innerHTML = `<span>${heading.innerHTML}</span>`;
    contents.append(entry);
  });
  document.querySelector("article h1 + p").after(contents);

  // A link leads to a place in this file or to the web.
  for (const link of document.querySelectorAll("article a")) {
    if (link.protocol !== "file:") continue;
    if (link.hash && document.getElementById(decodeURIComponent(link.hash.slice(1)))) link.href = link.hash;
    else link.removeAttribute("href");
  }
  const images = [...document.images];
  for (const image of images) image.loading = "eager";
  await Promise.all(images.map((image) => image.decode()));
}"""
NUMBER = """pages => {
  for (const entry of document.querySelectorAll(".printed-contents a")) {
    entry.dataset.page = pages[entry.hash.slice(1)];
  }
}"""


def find_chromium() -> str | None:
    """Return the Chromium to use: the one named in CHROMIUM, or the system's; None: playwright's."""
    names = ["chromium", "chromium-browser", "google-chrome"]
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def pages_of_headings(pdf: bytes) -> dict[str, int]:
    """Return the page of each heading in a PDF that Chromium has printed.

    A style sheet could write them, too (target-counter), but Chromium does not do it yet.
    """
    pages = re.findall(rb"^(\d+) 0 obj\n<</Type /Page\n", pdf, flags=re.M)
    number = {page: index for index, page in enumerate(pages, start=1)}
    places = re.findall(rb"^/(heading-\d+) \[(\d+) 0 R", pdf, flags=re.M)
    return {heading.decode(): number[page] for heading, page in places}


def print_page(page: Page, source: Path, destination: Path) -> None:
    """Arrange the book's one page for print, and print it; book.css has what it looks like."""
    options = {"prefer_css_page_size": True, "outline": True, "tagged": True}
    page.goto(source.as_uri())
    page.evaluate(ARRANGE)
    page.evaluate(NUMBER, pages_of_headings(page.pdf(**options)))
    page.pdf(path=destination, **options)


def print_book() -> None:
    """Print the book; raises BookError if no browser starts, or what building a site raises."""
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=find_chromium())
        except Error as error:
            raise BookError(
                "The PDF is printed by Chromium, which does not start: install it, or name it in "
                "the environment variable CHROMIUM."
            ) from error
        execute_chapters()
        print("Printing the book ...", flush=True)
        jupyter_book("--builder=singlehtml")
        # Without scripts nothing is folded, and nothing waits for a click.
        print_page(browser.new_page(java_script_enabled=False), PAGE, PDF)
        browser.close()


def use_common_writers(app: Sphinx) -> None:
    """Have nodes written to the one page as to many.

    sphinx-exercise names this builder for its nodes; Sphinx would then look at nothing else, and
    not find what the others say for HTML as such.
    """
    app.registry.translation_handlers.pop("singlehtml", None)


def setup(app: Sphinx) -> dict:
    """Register the handler."""
    app.connect("builder-inited", use_common_writers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


if __name__ == "__main__":
    try:
        print_book()
    except BookError as error:
        sys.exit(str(error))
    print(f"The book is in {PDF}.")
