"""Every page of the built site, in a real browser."""

import re
from urllib.parse import unquote, urldefrag
from zipfile import ZipFile

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from execution import ROOT
from playwright.sync_api import expect

HTML = ROOT / "_build" / "html"
SOURCES = re.findall(r"(?:root|file): (\S+)", (ROOT / "_toc.yml").read_text())
PAGES = [f"{source}.html" for source in SOURCES] + ["genindex.html", "search.html"]
CHAPTER = "chapters/pooling.html"  # it has a bit of everything
WIDTHS = [1280, 390]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
AXE = {"runOnly": RULES, "preload": False, "resultTypes": ["violations"]}
LOUD = ["error", "warning"]
every_page = pytest.mark.parametrize("name", PAGES)
# Each page is seen in both themes and in both widths; two of them, in all four combinations.
VIEWS = [
    (name, width, theme) for name in PAGES for width, theme in [(1280, "dark"), (390, "light")]
]
VIEWS += [(n, w, t) for n in ["index.html", CHAPTER] for w, t in [(1280, "light"), (390, "dark")]]
# Leaves the colour of each kind of token once in a page; there are thousands of them.
COLOUR_ONE_OF_EACH_KIND = """() => {
  const seen = new Set();
  for (const token of document.querySelectorAll("pre span")) {
    if (seen.has(token.className)) token.replaceWith(...token.childNodes);
    seen.add(token.className);
  }
}"""


def listen(page):
    """Return a list of what goes wrong in a page, which grows as it does."""
    noise = []
    page.on("console", lambda said: said.type in LOUD and noise.append(f"{said.type}: {said.text}"))
    page.on("pageerror", lambda error: noise.append(f"error: {error}"))
    page.on("requestfailed", lambda request: noise.append(f"failed: {request.url}"))
    page.on("response", lambda answer: answer.ok or noise.append(f"{answer.status}: {answer.url}"))
    return noise


def read_to_the_end(page):
    """Scroll as a reader does, so that late pictures are loaded, too."""
    for picture in page.locator("img").all():
        picture.evaluate("picture => {picture.loading = 'eager'; return picture.decode()}")
    page.wait_for_load_state("networkidle")


@pytest.fixture(scope="module", params=PAGES)
def opened(browser, site, request):
    """Return each page, opened once for all tests that only look at it."""
    page = browser.new_page()
    page.goto(f"{site}/{request.param}")
    yield page
    page.close()


@pytest.mark.parametrize(("name", "width", "theme"), VIEWS)
def test_page_puts_no_obstacle_in_anyones_way(page, site, name, width, theme):
    page.set_viewport_size({"width": width, "height": 900})
    # Colours in transition have the contrast of neither theme.
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.goto(f"{site}/{name}")
    expect(page.locator("html")).to_have_attribute("data-theme", theme)
    page.evaluate(COLOUR_ONE_OF_EACH_KIND)
    found = Axe().run(page, options=AXE)
    assert found.violations_count == 0, found.generate_report()


def test_page_is_as_wide_as_the_screen(opened):
    for width in WIDTHS:
        opened.set_viewport_size({"width": width, "height": 900})
        assert opened.evaluate("document.documentElement.scrollWidth") == width


@every_page
def test_page_is_silent_and_needs_nobody_else(page, site, name):
    noise, requests = listen(page), []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(f"{site}/{name}")
    read_to_the_end(page)
    assert noise == []
    assert [url for url in requests if not url.startswith((site, "data:"))] == []


@every_page
def test_page_works_from_disk(page, name):
    noise = listen(page)
    page.goto((HTML / name).as_uri())
    read_to_the_end(page)
    assert noise == []


def test_every_link_of_a_page_leads_somewhere(opened, site):
    links = opened.locator("a[href]").evaluate_all("links => links.map(link => link.href)")
    inside = {unquote(link) for link in links if link.startswith(site)}
    assert inside
    for link in inside:
        address, anchor = urldefrag(link.removeprefix(site).lstrip("/"))
        target = HTML / address.partition("?")[0]
        assert target.is_file(), link
        if anchor:
            assert re.search(rf'\bid="{re.escape(anchor)}"', target.read_text("utf-8")), link


def test_headings_are_in_order(opened):
    headings = opened.locator("main :is(h1, h2, h3, h4, h5, h6)").filter(visible=True)
    levels = headings.evaluate_all("headings => headings.map(each => Number(each.tagName[1]))")
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels, levels[1:], strict=False))


def test_pictures_keep_their_place_and_come_when_needed(opened):
    for picture in opened.locator("article img").all():
        assert picture.get_attribute("loading") == "lazy"
        assert float(picture.get_attribute("width")) > 0
        assert float(picture.get_attribute("height")) > 0


@pytest.mark.parametrize("width", WIDTHS)
def test_figures_keep_their_proportions(page, site, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{site}/{CHAPTER}")
    read_to_the_end(page)
    for picture in page.locator("article figure img").filter(visible=True).all():
        shown, true = picture.evaluate(
            "img => [img.clientWidth / img.clientHeight, img.naturalWidth / img.naturalHeight]"
        )
        assert shown == pytest.approx(true, rel=0.01)


def test_figures_are_sharp_on_a_high_density_screen(page, site):
    page.goto(f"{site}/{CHAPTER}")
    read_to_the_end(page)
    for picture in page.locator("article figure img").filter(visible=True).all():
        assert picture.evaluate("img => img.naturalWidth >= 2 * img.clientWidth")


def test_keyboard_skips_to_the_text(page, site):
    page.goto(f"{site}/{CHAPTER}")
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_have_text("Skip to main content")
    page.keyboard.press("Enter")
    assert page.url.endswith("#main-content")
    page.keyboard.press("Tab")
    assert page.locator(":focus").evaluate("link => Boolean(link.closest('main'))")


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
def test_search_finds(page, site, words, found):
    page.goto(f"{site}/{CHAPTER}")
    page.keyboard.press("Control+k")
    page.keyboard.type(words)
    page.keyboard.press("Enter")
    expect(page.locator("#search-results li").filter(has_text=found).first).to_be_visible()


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


def test_hidden_code_and_solutions_unfold_by_keyboard(page, site):
    page.goto(f"{site}/{CHAPTER}")
    for summary in page.locator("article details > summary").all():
        summary.press("Enter")
        assert summary.evaluate("summary => summary.parentElement.open")


def test_table_and_equation_that_scroll_are_reached_by_keyboard(page, site):
    page.set_viewport_size({"width": 390, "height": 900})
    page.goto(f"{site}/{CHAPTER}")
    scrolling = page.locator("article :is(div.wide, div.math, pre)").filter(visible=True)
    for element in scrolling.all():
        if element.evaluate("element => element.scrollWidth > element.clientWidth + 1"):
            element.focus()
            assert element.evaluate("element => element === document.activeElement")


def test_decision_page_fits_one_screen_and_one_sheet(page, site):
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{site}/chapters/which-model.html")
    assert page.locator("article").evaluate("each => each.getBoundingClientRect().bottom") <= 800
    assert page.pdf(prefer_css_page_size=True).count(b"/Type /Page\n") == 1


def test_decision_page_is_a_list_of_questions_whose_answers_lead_on(page, site):
    page.goto(f"{site}/chapters/which-model.html")
    questions = page.locator(".decision > ol > li")
    assert questions.count() == 5
    for question in questions.all():
        answers = question.locator("li").all()
        assert len(answers) >= 3
        for answer in answers:
            assert "#" in answer.get_by_role("link").get_attribute("href")
