"""The live figures compute what the chapters do, and everybody can use them."""

import json
from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import pytest
from execution import ROOT, code_cells, read_chapters
from playwright.sync_api import expect

SCRIPT = ROOT / "build_tools" / "static" / "live.js"
FIGURES = {"funnel": "fig-walk", "pooling": "fig-dial"}
each_figure = pytest.mark.parametrize("chapter", FIGURES)


@pytest.fixture(scope="module")
def run(browser):
    """Return a function that runs JavaScript beside the script of the figures, without a page."""
    page = browser.new_page()
    page.add_script_tag(path=SCRIPT)
    yield page.evaluate
    page.close()


# The sampler ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chapter_functions():
    """Return energy, gradient and leapfrog of chapters/funnel.md."""
    functions = {"np": np}
    for cell in code_cells(read_chapters()["funnel"]):
        if "def leapfrog(" in cell.source:
            exec(cell.source, functions)
    return functions


def energy(v, z, width):
    """Return the energy of the non-centered funnel."""
    return v**2 / (2 * width**2) + z**2 / 2


def gradient(v, z, width):
    """Return the gradient of that energy."""
    return np.array([v / width**2, z])


def centered_energy(v, x, width):
    """Return the energy of the centered funnel."""
    return v**2 / (2 * width**2) + v + x**2 / (2 * np.exp(2 * v))


def centered_gradient(v, x, width):
    """Return the gradient of that energy."""
    squared = x**2 / np.exp(2 * v)
    return np.array([v / width**2 + 1 - squared, squared / x])


FUNNELS = {
    "the chapter's": {},
    "centered": {"energy": centered_energy, "gradient": centered_gradient},
    "non-centered": {"energy": energy, "gradient": gradient},
}


@pytest.mark.parametrize(
    ("funnel", "width"),
    [("the chapter's", 1.5), *product(["centered", "non-centered"], [0.5, 1.5, 2.0])],
)
@pytest.mark.parametrize("step", [0.03, 0.3, 0.75])
def test_each_step_is_that_of_the_chapter(run, chapter_functions, monkeypatch, funnel, width, step):
    centered = funnel != "non-centered"
    for name, function in FUNNELS[funnel].items():
        monkeypatch.setitem(chapter_functions, name, partial(function, width=width))
    rng = np.random.default_rng(1)
    settings = {"step": step, "nSteps": 12, "width": width, "centered": centered}
    proposals = [
        ([rng.normal(-0.5, 1.5), rng.normal()], rng.normal(size=2).tolist(), rng.uniform())
        for _ in range(40)
    ]
    draws = run(
        "([all, settings]) => all.map((proposal) => liveFigures.hmc(...proposal, settings))",
        [proposals, settings],
    )
    fates = set()
    for (start, momentum, uniform), draw in zip(proposals, draws, strict=True):
        with np.errstate(all="ignore"):  # a path that diverges may overflow
            path, total = chapter_functions["leapfrog"](
                np.array(start), np.array(momentum), step, n_steps=12
            )
            kinetic = total - [chapter_functions["energy"](*place) for place in path]
        beyond = ~(total - total[0] <= 1000)
        diverges = beyond.any()
        n_places = beyond.argmax() + 1 if diverges else 13
        np.testing.assert_allclose(draw["path"], path[:n_places], rtol=1e-9)
        np.testing.assert_allclose(draw["energies"], total[:n_places], rtol=1e-9)
        before = n_places - 1 if diverges else n_places
        own_kinetic = (np.array(draw["momenta"]) ** 2).sum(axis=1) / 2
        np.testing.assert_allclose(own_kinetic[:before], kinetic[:before], rtol=1e-9, atol=1e-9)
        accepted = not diverges and uniform < np.exp(total[0] - total[-1])
        assert (draw["accepted"], draw["divergent"]) == (accepted, diverges)
        fates.add("divergent" if diverges else "accepted" if accepted else "rejected")
    if centered and step == 0.75:
        assert fates == {"accepted", "rejected", "divergent"}


def walk(run, n_draws=1000, seed=1, **settings):
    """Return log sigma and x of a chain of the live figure, and its rejected and divergent paths."""
    text = run(  # of which Playwright makes an object slowly
        """([settings, seed, count]) => {
            const walk = new liveFigures.Walk(settings, seed);
            while (count--) walk.count(walk.propose());
            return JSON.stringify(walk);
        }""",
        [{"step": 0.3, "width": 1.5, "centered": True} | settings, seed, n_draws],
    )
    record = json.loads(text)
    draws = pd.DataFrame(record["draws"], columns=["log_sigma", "x"])
    return draws, len(record["rejected"]), len(record["divergent"])


def ess(values):
    """Return the effective sample size of one chain."""
    import arviz as az  # which takes seconds

    return az.ess(np.asarray(values)[None])


# Twelve steps of 0.26 or 0.39, were they all of one length, would turn z or log sigma around.
@pytest.mark.parametrize(("width", "step"), [(0.5, 0.3), (1.5, 0.26), (1.5, 0.39), (2.0, 0.3)])
def test_non_centered_walk_has_the_right_distribution(run, width, step):
    draws, _, n_divergent = walk(run, n_draws=20_000, width=width, step=step, centered=False)
    assert n_divergent == 0
    z = draws["x"] / np.exp(draws["log_sigma"])
    for values, sd in [(draws["log_sigma"], width), (z, 1)]:
        assert values.mean() == pytest.approx(0, abs=4 * sd / np.sqrt(ess(values)))
        squares = (values / sd) ** 2
        assert min(ess(values), ess(squares)) > 1000
        assert squares.mean() == pytest.approx(1, abs=4 * np.sqrt(2 / ess(squares)))
    share = (draws["log_sigma"] < -2 * width).mean()  # what the figure calls due
    assert share == pytest.approx(0.02275, abs=0.006)


@pytest.mark.parametrize("seed", range(1, 6))
class TestWalksBehaveAsTheChapterSays:
    def test_long_steps_never_enter_the_neck(self, run, seed):
        draws, n_rejected, n_divergent = walk(run, seed=seed)
        assert draws["log_sigma"].min() > -3
        assert min(n_rejected, n_divergent) > 10

    def test_short_steps_crawl(self, run, seed):
        draws, n_rejected, _ = walk(run, seed=seed, step=0.03)
        assert ess(draws["log_sigma"]) < 100
        assert n_rejected < 50

    def test_non_centered_walk_gets_into_the_neck_and_back(self, run, seed):
        draws, *_ = walk(run, seed=seed, centered=False)
        assert (draws["log_sigma"] < -3).sum() > 5
        assert ess(draws["log_sigma"]) > 400

    def test_narrow_funnel_is_no_trouble(self, run, seed):
        draws, n_rejected, n_divergent = walk(run, seed=seed, width=0.5)
        assert n_rejected < 100
        assert n_divergent < 5
        assert draws["log_sigma"].std() == pytest.approx(0.5, rel=0.15)


# The dial -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def basements(radon):
    """Return the number and the mean of each county's homes in basements."""
    homes = radon[radon["floor"] == 0].groupby("county")["log_radon"]
    return homes.agg(homes="size", mean="mean")


@pytest.fixture
def levels(run, basements, claims):
    """Return a function of sigma_alpha: the mean of the counties and their levels, by the figure."""

    def of_figure(sigma_alpha):
        sigma_y = claims["pooling"]["hierarchical_sigma_y_mean"]
        found = run(
            "([counties, sigmaAlpha, sigmaY]) => liveFigures.levels(counties, sigmaAlpha, sigmaY)",
            [basements.to_dict("records"), sigma_alpha, sigma_y],
        )
        return found["mu"], pd.Series(found["alpha"], index=basements.index)

    return of_figure


def conditional_means(basements, sigma_alpha, sigma_y):
    """Return the posterior means of mu_alpha and all alpha as one system of linear equations."""
    n = len(basements)
    precision = np.diag(
        [*(basements["homes"] / sigma_y**2 + 1 / sigma_alpha**2), n / sigma_alpha**2]
    )
    precision[n, :n] = precision[:n, n] = -1 / sigma_alpha**2
    pull = [*(basements["homes"] * basements["mean"] / sigma_y**2), 0]
    *alpha, mu = np.linalg.solve(precision, pull)
    return mu, alpha


@pytest.mark.parametrize("sigma_alpha", [0.05, "fitted", 1.0, 20.0])
def test_levels_are_the_conditional_posterior_means(levels, basements, claims, sigma_alpha):
    pooling = claims["pooling"]
    if sigma_alpha == "fitted":
        sigma_alpha = pooling["hierarchical_sigma_alpha_mean"]
    mu, alpha = conditional_means(basements, sigma_alpha, pooling["hierarchical_sigma_y_mean"])
    found_mu, found_alpha = levels(sigma_alpha)
    assert found_mu == pytest.approx(mu, rel=1e-9)
    np.testing.assert_allclose(found_alpha, alpha, rtol=1e-9)


def test_dial_at_zero_is_the_pooled_model(levels, claims):
    pooling = claims["pooling"]
    mu, alpha = levels(0)
    assert (alpha == mu).all()
    assert mu == pytest.approx(pooling["dial_pooled_center"], rel=1e-9)
    assert pooling["dial_pooled_sd"] == pytest.approx(0, abs=1e-9)
    # 0.0001 for the wide prior, which the dial leaves aside
    tolerance = 4 * pooling["pooled_alpha_mcse"] + 1e-4
    assert mu == pytest.approx(pooling["pooled_alpha_mean"], abs=tolerance)


def test_dial_at_infinity_is_the_unpooled_model(levels, basements, claims, exact):
    pooling = claims["pooling"]
    mu, alpha = levels(np.inf)
    assert alpha.to_numpy() == pytest.approx(basements["mean"].to_numpy(), rel=1e-12)
    assert mu == pytest.approx(basements["mean"].mean(), rel=1e-12)
    assert mu == pytest.approx(pooling["dial_unpooled_center"], rel=1e-9)
    assert alpha.std(ddof=0) == pytest.approx(pooling["dial_unpooled_sd"], rel=1e-9)
    assert mu > pooling["dial_pooled_center"]
    homes = pd.DataFrame({"county": basements.index, "floor": 0})
    unpooled = exact["unpooled"].expected_log_radon(homes)
    np.testing.assert_allclose(alpha, unpooled, atol=0.03)  # a prior pulls there


def test_dial_at_the_fit_is_near_the_hierarchical_model(levels, basements, claims, exact):
    pooling = claims["pooling"]
    mu, alpha = levels(pooling["hierarchical_sigma_alpha_mean"])
    assert mu == pytest.approx(pooling["dial_fitted_center"], rel=1e-9)
    assert mu == pytest.approx(pooling["hierarchical_mu_alpha_mean"], abs=0.02)
    assert alpha.std(ddof=0) == pytest.approx(pooling["dial_fitted_sd"], rel=1e-9)
    assert pooling["dial_fitted_sd"] < pooling["dial_unpooled_sd"] - 0.2
    homes = pd.DataFrame({"county": basements.index, "floor": 0})
    miss = (alpha - exact["hierarchical"].expected_log_radon(homes)).abs()
    assert pooling["dial_fitted_miss_average"] == pytest.approx(miss.mean(), abs=0.01)
    assert pooling["dial_fitted_miss_max"] == pytest.approx(miss.max(), abs=0.03)
    for county in ["CASS", "ST LOUIS"]:
        sampled = pooling[f"hierarchical_{county.lower().replace(' ', '_')}_basement_mean"]
        assert alpha[county] == pytest.approx(sampled, abs=0.02)


def test_lac_qui_parle_moves_as_the_text_says(levels, basements, claims):
    pooling = claims["pooling"]
    _, alpha = levels(pooling["hierarchical_sigma_alpha_mean"])
    assert pooling["dial_lac_qui_parle_own"] == pytest.approx(basements["mean"]["LAC QUI PARLE"])
    assert pooling["dial_lac_qui_parle_level"] == pytest.approx(alpha["LAC QUI PARLE"], rel=1e-9)
    assert alpha["LAC QUI PARLE"] < pooling["hierarchical_lac_qui_parle_basement_mean"] - 0.05


def test_county_as_large_as_the_population_counts_moves_halfway(levels, claims, run):
    pooling = claims["pooling"]
    spread, noise = pooling["hierarchical_sigma_alpha_mean"], pooling["hierarchical_sigma_y_mean"]
    homes = pooling["hierarchical_population_homes"]
    counties = [{"homes": homes, "mean": 1}, {"homes": 1, "mean": 0}]
    found = run("(args) => liveFigures.levels(...args)", [counties, spread, noise])
    assert found["homes"] == pytest.approx(homes, rel=1e-9)
    assert found["weights"][0] == pytest.approx(0.5, rel=1e-9)


# On the page ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def still(tab):
    """Return the tab, in whose pages time passes only when a test lets it: tab.clock.run_for()."""
    tab.clock.install(time=0)
    tab.clock.pause_at(1)
    return tab


@pytest.fixture
def opened(still, listen, site):
    """Return a function that opens a chapter and returns its live figure."""
    noise, _ = listen()

    def open_chapter(chapter, width=1280):
        still.set_viewport_size({"width": width, "height": 900})
        still.goto(f"{site}/chapters/{chapter}.html")
        figure = still.locator(f"#{FIGURES[chapter]}")
        figure.scroll_into_view_if_needed()
        return figure

    yield open_chapter
    still.emulate_media(media="null", reduced_motion="null")
    assert noise == []


def said(figure):
    """Return what the figure tells a screen reader, once all is still."""
    figure.page.clock.run_for(1500)  # the dial turns for 0.7 s and is silent for as long
    return figure.get_by_role("status").text_content()


def press(figure, name, times=1):
    for _ in range(times):
        figure.get_by_role("button", name=name, exact=True).click()


def n_draws(figure):
    return int(figure.locator(".of-draws").text_content().split()[0])


def lowest(figure):
    text = figure.locator(".of-lowest").text_content()
    return float(text.split(": ")[1].replace("\N{MINUS SIGN}", "-"))


def test_reader_sees_the_sampler_stuck_and_free(opened):
    figure = opened("funnel")
    press(figure, "100 draws", times=5)
    assert n_draws(figure) == 500
    assert lowest(figure) > -3
    assert figure.locator(".divergences").get_attribute("d")
    assert figure.locator(".rejected-ends").get_attribute("d")
    assert "0 below \N{MINUS SIGN}3.0 where 11.4 are due" in said(figure)
    place = figure.locator(".here").get_attribute("d")
    figure.get_by_label("non-centered").check()
    assert n_draws(figure) == 0
    assert figure.locator(".here").get_attribute("d") == place  # begins where the last one stood
    press(figure, "100 draws", times=5)
    assert lowest(figure) < -3
    assert not figure.locator(".divergences").get_attribute("d")


def test_walk_starts_pauses_and_starts_anew(opened, still):
    figure = opened("funnel")
    first = figure.locator(".here").get_attribute("d")
    press(figure, "Start")
    still.clock.run_for(3000)
    press(figure, "Pause")
    counted = n_draws(figure)
    assert counted >= 3
    assert f"{counted} draws" in said(figure)
    still.clock.run_for(1000)
    assert n_draws(figure) == counted
    press(figure, "Start anew")
    assert n_draws(figure) == 0
    assert figure.locator(".here").get_attribute("d") == first


def test_path_unfolds_step_by_step(opened, still):
    figure = opened("funnel")
    press(figure, "Start")
    lengths = set()
    for _ in range(8):
        still.clock.run_for(60)
        stations = figure.locator(".stations")
        lengths.add(stations.get_attribute("d").count("M") if stations.count() else 0)
    assert len(lengths) > 3


def test_walk_tells_a_screen_reader_of_every_hundredth_draw_only(opened, still):
    figure = opened("funnel")
    still.evaluate(
        """() => {
            window.heard = [];
            new MutationObserver(() => heard.push(
                document.querySelector("#fig-walk [role=status]").textContent
            )).observe(document.querySelector("#fig-walk [role=status]"), {childList: true});
        }"""
    )
    press(figure, "Start")
    while n_draws(figure) < 99:
        still.clock.fast_forward(1000)  # one frame: half a draw
    assert still.evaluate("heard") == []
    while n_draws(figure) < 101:
        still.clock.fast_forward(1000)
    assert len(still.evaluate("heard")) == 1
    press(figure, "Pause")
    assert len(still.evaluate("heard")) == 2


def test_funnel_works_by_keyboard_alone(opened, still):
    figure = opened("funnel")
    figure.get_by_label("(centered)").focus()
    still.keyboard.press("ArrowDown")
    assert figure.get_by_label("non-centered").is_checked()
    still.keyboard.press("Tab")
    step = figure.get_by_label("Step size")
    assert step.evaluate("node => node === document.activeElement")
    still.keyboard.press("ArrowLeft")
    assert step.get_attribute("aria-valuetext") == "0.24"
    still.keyboard.press("Tab")
    still.keyboard.press("ArrowRight")
    assert figure.get_by_label("Width of the funnel").get_attribute("aria-valuetext") == "1.6"
    still.keyboard.press("Tab")
    still.keyboard.press("Space")
    figure.get_by_role("button", name="Pause").wait_for()
    still.keyboard.press("Tab")
    still.keyboard.press("Enter")  # one draw pauses, too
    assert said(figure).startswith(f"Draw {n_draws(figure)}: ")
    assert figure.get_by_role("button", name="Start", exact=True).is_visible()


def test_dial_moves_the_counties_by_mouse(opened, claims):
    pooling = claims["pooling"]
    figure = opened("pooling")
    estimate, spread = figure.locator(".of-estimate"), figure.locator(".of-spread")
    press(figure, "0: pooled")
    said(figure)
    assert estimate.text_content() == f"estimate {pooling['dial_pooled_center']:.2f}"
    assert spread.text_content() == "SD of the estimates 0.00"
    press(figure, f"{pooling['hierarchical_sigma_alpha_mean']:.2f}: fitted")
    level, own = (f"{pooling[f'dial_lac_qui_parle_{what}']:.2f}" for what in ["level", "own"])
    assert said(figure) == f"Lac Qui Parle, 1 home: own mean {own}, estimate {level}."
    press(figure, "∞: unpooled")
    said(figure)
    assert estimate.text_content() == f"estimate {own}"
    assert spread.text_content() == f"SD of the estimates {pooling['dial_unpooled_sd']:.2f}"
    dial = figure.get_by_label("Spread between counties")
    box = dial.bounding_box()
    dial.click(position={"x": box["width"] / 4, "y": box["height"] / 2})
    assert 0.09 < float(dial.get_attribute("aria-valuetext")) < 0.13  # a third of the fitted


def test_dial_works_by_keyboard_alone(opened, still):
    figure = opened("pooling")
    dial = figure.get_by_label("Spread between counties")
    dial.focus()
    assert dial.get_attribute("aria-valuetext").endswith(": fitted")
    still.keyboard.press("Home")
    assert dial.get_attribute("aria-valuetext") == "0: pooled"
    still.keyboard.press("End")
    assert dial.get_attribute("aria-valuetext") == "infinite: unpooled"
    for _ in range(4):  # past the three marks to the list
        still.keyboard.press("Tab")
    still.keyboard.type("Cass")
    assert figure.locator(".of-county").text_content().startswith("Cass, ")
    assert said(figure).startswith("Cass, ")


def test_county_is_named_under_the_mouse(opened, still, basements):
    still.emulate_media(reduced_motion="reduce")  # dots that jump are where they will be
    figure = opened("pooling")
    press(figure, "∞: unpooled")
    largest = basements["homes"].idxmax()
    dot = figure.locator(".estimate").evaluate_all(
        "dots => { const last = dots.reduce((a, b) => +b.getAttribute('r') > +a.getAttribute('r') ? b : a);"
        "const box = last.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }"
    )
    still.mouse.move(*dot)
    text = f"{largest.title()}, {basements['homes'].max()} homes"
    assert figure.locator(".of-county").text_content() == text
    assert figure.locator("text.name").text_content() == largest.title()


def test_both_figures_work_by_touch(browser, site):
    context = browser.new_context(has_touch=True, viewport={"width": 390, "height": 844})
    page = context.new_page()
    page.goto(f"{site}/chapters/funnel.html")
    figure = page.locator("#fig-walk")
    figure.get_by_role("button", name="100 draws").tap()
    figure.get_by_text("non-centered").tap()
    figure.get_by_role("button", name="One draw").tap()
    assert n_draws(figure) == 1
    page.goto(f"{site}/chapters/pooling.html")
    figure = page.locator("#fig-dial")
    figure.get_by_role("button", name="∞: unpooled").tap()
    figure.locator(".estimate").first.tap()
    assert not figure.locator(".of-county").text_content().startswith("Lac Qui Parle")
    context.close()


def test_page_embeds_the_data_of_the_chapter(still, site, basements, claims):
    still.goto(f"{site}/chapters/pooling.html")
    data = json.loads(still.locator("#fig-dial-data").text_content())
    embedded = pd.DataFrame(data["counties"])
    assert embedded["name"].str.upper().tolist() == basements.index.tolist()
    assert embedded["homes"].tolist() == basements["homes"].tolist()
    np.testing.assert_allclose(embedded["mean"], basements["mean"], rtol=1e-12)
    for name in ["sigma_alpha", "sigma_y"]:
        assert data[name] == claims["pooling"][f"hierarchical_{name}_mean"]


def test_reader_of_reduced_motion_steps_through_whole_paths(opened, still):
    still.emulate_media(reduced_motion="reduce")
    figure = opened("funnel")
    assert not figure.get_by_role("button", name="Start", exact=True).is_visible()
    press(figure, "One draw")
    assert figure.locator(".stations").get_attribute("d").count("M") == 13
    assert n_draws(figure) == 1
    still.emulate_media(reduced_motion="no-preference")
    press(figure, "Start")
    still.emulate_media(reduced_motion="reduce")
    expect(figure.get_by_role("button", name="Pause")).not_to_be_attached()


def test_dial_jumps_with_reduced_motion(opened, still, claims):
    still.emulate_media(reduced_motion="reduce")
    figure = opened("pooling")
    press(figure, "0: pooled")
    assert figure.locator(".of-spread").text_content() == "SD of the estimates 0.00"


CONTRAST = """element => {
    const style = getComputedStyle(element);
    const part = style.stroke === "none" ? "fill" : "stroke";
    const numbers = (color) => color.match(/[\\d.]+/g).slice(0, 3).map(Number);
    const ground = numbers(getComputedStyle(document.body).backgroundColor);
    const seen = numbers(style[part]).map((c, i) => ground[i] + (c - ground[i]) * style[part + "Opacity"]);
    const luminance = (rgb) => rgb
        .map((c) => c / 255)
        .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
        .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
    const [a, b] = [seen, ground].map(luminance);
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}"""


@pytest.mark.parametrize(
    ("chapter", "marks"),
    [
        ("funnel", [".draws", ".divergences", ".rejected-ends", ".truth", ".bars rect"]),
        ("pooling", [".own", ".estimate", ".mean"]),
    ],
)
def test_marks_stand_out_in_both_themes_as_soon_as_they_are_switched(opened, still, chapter, marks):
    figure = opened(chapter)
    if chapter == "funnel":
        press(figure, "100 draws")
    for theme in ["dark", "light"]:
        still.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
        for mark in marks:
            # WCAG 2.2, 1.4.11
            assert figure.locator(mark).first.evaluate(CONTRAST) > 3, f"{mark}, {theme}"


@each_figure
@pytest.mark.parametrize("width", [1280, 390])
def test_nothing_jumps(opened, still, chapter, width):
    figure = opened(chapter, width=width)
    below = figure.locator("figcaption")
    buttons = figure.get_by_role("button")
    top = partial(below.evaluate, "node => node.getBoundingClientRect().top + scrollY")
    before = top()
    for i in range(buttons.count()):
        buttons.nth(i).click()
        still.clock.run_for(100)
        assert top() == before
    assert still.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_readers_without_scripts_see_the_picture(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    for chapter, name in FIGURES.items():
        page.goto(f"{site}/chapters/{chapter}.html")
        picture = page.locator(f"#{name} img")
        picture.scroll_into_view_if_needed()
        assert picture.is_visible()
        assert "three panels" in picture.get_attribute("alt").lower()
        assert page.locator(".live").count() == 0
    context.close()


@each_figure
def test_paper_has_the_picture(opened, still, chapter):
    figure = opened(chapter)
    assert not figure.locator("img").is_visible()
    still.emulate_media(media="print")
    assert figure.locator("img").is_visible()
    assert not figure.locator(".live").is_visible()


@each_figure
def test_figure_works_from_disk(still, chapter):
    still.goto((ROOT / "_build" / "html" / "chapters" / f"{chapter}.html").as_uri())
    assert still.locator(f"#{FIGURES[chapter]} .live svg path").count() > 10


# The figure observes its size, too, and did so before: by then it is drawn.
NEXT_SIZE = "svg => new Promise((done) => new ResizeObserver(done).observe(svg))"


@each_figure
def test_figure_is_drawn_anew_for_another_screen(opened, still, chapter):
    figure = opened(chapter, width=390)
    svg, grid = figure.locator(".live > svg"), figure.locator(".live > svg > g > .grid")
    for width in [390, 1280]:
        still.set_viewport_size({"width": width, "height": 900})
        svg.evaluate(NEXT_SIZE)
        room = svg.bounding_box()["width"]
        drawn = max(
            line["width"]
            for line in grid.evaluate_all(
                "lines => lines.map((line) => ({width: line.getBoundingClientRect().width}))"
            )
        )
        assert room - 60 < drawn <= room


def test_data_of_a_figure_take_no_room(opened, still):
    opened("pooling")
    still.evaluate("document.documentElement.dataset.theme = 'dark'")
    data = still.locator("#fig-dial-data")
    assert data.evaluate("script => script.closest('.cell').getBoundingClientRect().height") == 0
