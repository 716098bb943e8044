"""Every page of the built site, in a real browser."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urldefrag
from zipfile import ZipFile

import nbformat
import pytest
from axe_playwright_python.base import AxeResults
from axe_playwright_python.sync_playwright import Axe
from execution import ROOT
from playwright.sync_api import Page, expect

HTML = ROOT / "_build" / "html"
SOURCES = re.findall(r"(?:root|file): (\S+)", (ROOT / "_toc.yml").read_text())
PAGES = [f"{source}.html" for source in SOURCES] + ["genindex.html", "search.html"]
CHAPTER = "chapters/pooling.html"  # it has a bit of everything
WIDTHS = [1280, 390]
# Each page is seen in both themes, in both widths, from a server and from disk. Three of them, with
# the live figures among them, are seen in all four combinations of theme and width.
VISITS = [
    (name, *how) for name in PAGES for how in [("server", 1280, "dark"), ("disk", 390, "light")]
]
VISITS += [
    (name, *how)
    for name in ["index.html", CHAPTER, "chapters/funnel.html"]
    for how in [("server", 1280, "light"), ("server", 390, "dark")]
]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = {"runOnly": RULES, "preload": False, "resultTypes": ["violations"]}
# A page has thousands of texts in some fifty styles, and their contrast takes most of axe's time. So
# it looks at the first text of each tag and class, colour, size and weight on each background.
CONTRAST_ONCE_FOR_EACH_STYLE = """() => {
  const styles = new Set(), tokens = [];
  for (const element of document.body.querySelectorAll("*")) {
    const holdsText = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!holdsText && !element.matches("input, select, textarea")) continue;
    if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
    const { color, fontSize, fontWeight, textShadow } = getComputedStyle(element);
    const parts = [element.localName, element.getAttribute("class"), color, fontSize, fontWeight, textShadow];
    parts.push(Boolean(element.closest(":disabled, [aria-disabled=true]"))); // axe leaves them aside
    for (let each = element; each; each = each.parentElement) {
      const { backgroundColor, backgroundImage, opacity } = getComputedStyle(each);
      parts.push(backgroundColor, backgroundImage, opacity);
    }
    const style = parts.join();
    if (!styles.has(style)) element.dataset.firstOfItsStyle = "";
    else if (element.matches("pre span")) tokens.push(element);
    styles.add(style);
  }
  // Half of all elements; with fewer of them, the other rules take less time.
  for (const token of tokens) token.replaceWith(...token.childNodes);
  axe.configure({ rules: [{ id: "color-contrast", selector: "[data-first-of-its-style]" }] });
}"""


@dataclass
class Visit:
    """A page as somebody opened it, and what it said and asked for."""

    page: Page
    root: str
    width: int
    pictures: list[tuple[str, str, str]]  # how they are loaded, their width and height
    noise: list[str]
    requests: list[str]

    def ask(self, question):
        """Return what a function in JavaScript finds in the page."""
        return self.page.evaluate(question)


@pytest.fixture(scope="module", params=VISITS, ids=lambda visit: "-".join(map(str, visit)))
def visit(tab, listen, site, request):
    """Return each visit to each page, made once for all tests that only look at it."""
    name, place, width, theme = request.param
    root = site if place == "server" else HTML.as_uri()
    noise, requests = listen()
    tab.set_viewport_size({"width": width, "height": 900})
    # Colours in transition have the contrast of neither theme.
    tab.emulate_media(color_scheme=theme, reduced_motion="reduce")
    tab.goto(f"{root}/{name}")
    expect(tab.locator("html")).to_have_attribute("data-theme", theme)
    pictures = tab.evaluate(
        """[...document.querySelectorAll("article img")]
            .map((picture) => ["loading", "width", "height"].map((name) => picture.getAttribute(name)))"""
    )
    load_pictures(tab)
    yield Visit(tab, root, width, pictures, noise, requests)
    tab.emulate_media(color_scheme="null", reduced_motion="null")


def load_pictures(page):
    """Load late pictures, too, as for a reader who scrolls to the end."""
    page.evaluate(
        """() => Promise.all([...document.images].map((picture) => {
            picture.loading = "eager";
            return picture.decode();
        }))"""
    )


@cache
def anchors(path: Path) -> set[str]:
    """Return the names of the places in a page to which a link can lead."""
    return set(re.findall(r'\sid="([^"]+)"', path.read_text("utf-8")))


def test_page_is_as_wide_as_the_screen(visit):
    assert visit.ask("document.documentElement.scrollWidth") == visit.width


def test_every_link_of_a_page_leads_somewhere(visit):
    links = visit.ask(
        """[...document.querySelectorAll("a[href], link[href], [src]")]
            .map((element) => element.href || element.src)"""
    )
    outside = {link for link in links if not link.startswith(visit.root)}
    assert not [link for link in outside if not link.startswith(("https://", "data:"))]
    for link in set(links) - outside:
        address, anchor = urldefrag(unquote(link.removeprefix(visit.root).lstrip("/")))
        target = HTML / address.partition("?")[0]
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link


def test_headings_are_in_order(visit):
    levels = visit.ask(
        """[...document.querySelectorAll("main :is(h1, h2, h3, h4, h5, h6)")]
            .filter((heading) => heading.checkVisibility())
            .map((heading) => Number(heading.tagName[1]))"""
    )
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))


def test_pictures_keep_their_place_and_come_when_needed(visit):
    for loading, width, height in visit.pictures:
        assert loading == "lazy"
        assert float(width) > 0
        assert float(height) > 0


def test_page_puts_no_obstacle_in_anyones_way(visit):
    visit.ask("document.querySelectorAll('details').forEach((details) => (details.open = true))")
    visit.ask(Axe().axe_script)
    visit.ask(CONTRAST_ONCE_FOR_EACH_STYLE)
    found = AxeResults(visit.page.evaluate("options => axe.run(options)", AXE))
    assert found.violations_count == 0, found.generate_report()


# It looks last, when the network has long been idle.
def test_page_is_silent_and_needs_nobody_else(visit):
    visit.page.wait_for_load_state("networkidle")
    assert visit.noise == []
    assert visit.requests
    assert [url for url in visit.requests if not url.startswith((visit.root, "data:"))] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_figures_keep_their_proportions(tab, site, width):
    tab.set_viewport_size({"width": width, "height": 900})
    tab.goto(f"{site}/{CHAPTER}")
    load_pictures(tab)
    for picture in tab.locator("article figure img").filter(visible=True).all():
        shown, true = picture.evaluate(
            "img => [img.clientWidth / img.clientHeight, img.naturalWidth / img.naturalHeight]"
        )
        assert shown == pytest.approx(true, rel=0.01)


def test_figures_are_sharp_on_a_high_density_screen(tab, site):
    tab.goto(f"{site}/{CHAPTER}")
    load_pictures(tab)
    for picture in tab.locator("article figure img").filter(visible=True).all():
        assert picture.evaluate("img => img.naturalWidth >= 2 * img.clientWidth")


def test_keyboard_skips_to_the_text(tab, site):
    tab.goto(f"{site}/{CHAPTER}")
    tab.keyboard.press("Tab")
    expect(tab.locator(":focus")).to_have_text("Skip to main content")
    tab.keyboard.press("Enter")
    assert tab.url.endswith("#main-content")
    tab.keyboard.press("Tab")
    assert tab.locator(":focus").evaluate("link => Boolean(link.closest('main'))")


def test_theme_can_be_switched_by_keyboard(page, site):
    page.goto(f"{site}/{CHAPTER}")
    themes = set()
    for _ in range(3):
        page.locator(".theme-switch-button:visible").press("Enter")
        themes.add(page.locator("html").get_attribute("data-theme"))
    assert themes == {"light", "dark"}


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("shrinkage", "Pooled, unpooled, hierarchical"),
        ("divergence", "The funnel"),
        ("sigma_alpha", "Pooled, unpooled, hierarchical"),
        ("partial pooling", "Words and symbols"),
    ],
)
def test_search_finds(tab, site, words, found):
    tab.goto(f"{site}/{CHAPTER}")
    tab.keyboard.press("Control+k")
    tab.keyboard.type(words)
    tab.keyboard.press("Enter")
    expect(tab.locator("#search-results li").filter(has_text=found).first).to_be_visible()


@pytest.mark.parametrize("wanted", ["This notebook", "All notebooks and data"])
def test_download_opens(page, site, wanted):
    page.goto(f"{site}/{CHAPTER}")
    page.get_by_role("button", name="Download").press("Enter")
    with page.expect_download() as download:
        page.get_by_role("link", name=wanted).press("Enter")
    path = download.value.path()
    if wanted == "This notebook":
        nbformat.validate(nbformat.read(path, as_version=4))
    else:
        assert ZipFile(path).testzip() is None


def test_copy_button_copies_the_code(context, page, site):
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{site}/{CHAPTER}")
    cell = page.locator("div.highlight").filter(has_text="import pymc as pm")
    cell.hover()
    cell.locator("button.copybtn").click()
    assert "import pymc as pm\n" in page.evaluate("navigator.clipboard.readText()")


def test_hidden_code_and_solutions_unfold_by_keyboard(tab, site):
    tab.goto(f"{site}/{CHAPTER}")
    for summary in tab.locator("article details > summary").all():
        summary.press("Enter")
        assert summary.evaluate("summary => summary.parentElement.open")


def test_table_and_equation_that_scroll_are_reached_by_keyboard(tab, site):
    tab.set_viewport_size({"width": 390, "height": 900})
    tab.goto(f"{site}/{CHAPTER}")
    scrolling = tab.locator("article :is(div.wide, div.math, pre)").filter(visible=True)
    for element in scrolling.all():
        if element.evaluate("element => element.scrollWidth > element.clientWidth + 1"):
            element.focus()
            assert element.evaluate("element => element === document.activeElement")


def test_decision_page_fits_one_screen_and_one_sheet(tab, site):
    tab.set_viewport_size({"width": 1280, "height": 800})
    tab.goto(f"{site}/chapters/which-model.html")
    assert tab.locator("article").evaluate("each => each.getBoundingClientRect().bottom") <= 800
    assert tab.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") == 1


def test_decision_page_is_a_list_of_questions_whose_answers_lead_on(tab, site):
    tab.goto(f"{site}/chapters/which-model.html")
    questions = tab.locator(".decision > ol > li")
    assert questions.count() == 5
    for question in questions.all():
        answers = question.locator("li").all()
        assert len(answers) >= 3
        for answer in answers:
            assert "#" in answer.get_by_role("link").get_attribute("href")
