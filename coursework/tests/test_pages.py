"""Nothing that a student hands in acts in the browser: of the teacher, or of who reads feedback."""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from conftest import WEEK, MadeUpClass
from course import Course
from grading import fill_in, read_submission, restore
from hand_grading import CLICKS
from hostile import CLOSE, HTML, IMAGE, LANGUAGES, TEXTS, evil_metadata, outputs, png
from nbgrader.api import Gradebook
from pages import ATTRIBUTES, TAGS, allow_value, safe_code, safe_markdown, safe_output
from submissions import Student, cell, solve

# As in course.py.
pytestmark = pytest.mark.filterwarnings("ignore:Object of type <Submitted")
PICTURE = "![picture.png](attachment:picture.png) ![my plot](attachment:my%20plot.png)"


class Parser(HTMLParser):
    """Collects the elements of a page and their attributes."""

    def __init__(self, page):
        super().__init__()
        self.found, self.text = [], ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, attributes))

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        self.found.append(("comment", []))

    handle_decl = handle_pi = unknown_decl = handle_comment


@pytest.mark.parametrize("render", [safe_markdown, safe_code, safe_output])
def test_pages_hold_only_the_listed_elements_and_attributes(render):
    attachments = {"picture.svg": {"image/svg+xml": HTML[0]}, "picture.png": {"image/png": IMAGE}}
    options = {"attachments": attachments} if render is safe_markdown else {}
    for text in [*TEXTS, "".join(TEXTS), f"\ud83d half an emoji {IMAGE}", PICTURE, "", "\0"]:
        for tag, attributes in Parser(render(text, **options)).found:
            assert tag in TAGS, text
            for name, value in attributes:
                assert name in {*ATTRIBUTES.get(tag, ()), "rel"}, text
                assert allow_value(tag, name, value) is not None, text
                if name == "href":
                    assert re.match("https?://|mailto:", value, re.IGNORECASE), text


@pytest.mark.parametrize("language", ["python", "mermaid", "html", "math"])
def test_code_in_an_answer_is_shown_as_it_was_written(language):
    page = Parser(safe_markdown(f"```{language}\n{CLOSE}{IMAGE}\n```"))
    assert page.text.strip() == CLOSE + IMAGE
    assert len(LANGUAGES) > 800


def test_mathematics_becomes_mathml_and_what_is_not_understood_stays_readable():
    page = Parser(safe_markdown(r"$\sigma_\alpha < \frac{1}{2}$ and $\nonsense{$, $\text{<b>}$"))
    tags = [tag for tag, _ in page.found]
    assert {"math", "msub", "mfrac"} <= set(tags)
    assert "b" not in tags
    assert "σ" in page.text
    assert r"\nonsense{" in page.text


def honest_and_hostile(released):
    """Return the class by name: the files that they hand in, and what their cells then report."""
    plain = {"points": None, "reason": "graded"}
    words = solve(released)
    words["metadata"] |= evil_metadata()
    for number, text in enumerate(TEXTS):
        kind = "raw" if number % 50 == 0 else "markdown"
        metadata = evil_metadata()
        words["cells"].append(
            {"cell_type": kind, "source": text, "metadata": metadata, "id": f"text-{number}"}
        )
    code = solve(released, number="\n".join(HTML), words="\n\n".join(HTML))
    for number, piece in enumerate(HTML):
        content = {"cell_type": "code", "source": f"%%html\n{piece}", "id": f"code-{number}"}
        empty = {"outputs": [], "execution_count": None}
        code["cells"].append(content | empty | {"metadata": evil_metadata()})
    attached = solve(released, words=f"{PICTURE} ![x](attachment:missing.png)")
    picture = {"image/png": png(), "image/svg+xml": HTML[0]}
    cell(attached, "words")["attachments"] = {"picture.png": picture, "my plot.png": picture}
    evil_name = "<img src=x onerror=owned()>&lt;img src=x onerror=owned()&gt;.ipynb"
    return {
        "Right, Ada": Student({"small.ipynb": json.dumps(solve(released)).encode()}, **plain),
        "Words, Wim": Student({evil_name: json.dumps(words).encode()}, **plain),
        "Code, Cy": Student({"small.ipynb": json.dumps(code).encode()}, **plain),
        "Raw, Ro": Student({"small.ipynb": json.dumps(solve(released)).encode()}, **plain),
        "Attached, Al": Student({"small.ipynb": json.dumps(attached).encode()}, **plain),
    }


def spoil(file):
    """Put into a graded notebook what should never get there, as if nothing had been cleaned."""
    notebook = json.loads(file.read_text())
    notebook["metadata"] |= evil_metadata()
    for number, content in enumerate(notebook["cells"]):
        content["metadata"] |= evil_metadata()
        if content["cell_type"] == "code":
            content["outputs"] = outputs()
        else:
            content["attachments"] = {"picture.svg": {"image/svg+xml": HTML[0]}}
            content["source"] += "\n\n![x](attachment:picture.svg)\n\n" + HTML[number]
    raw = {"cell_type": "raw", "metadata": evil_metadata(), "source": IMAGE, "id": "raw"}
    notebook["cells"].append(raw)
    file.write_text(json.dumps(notebook))


@pytest.fixture(scope="module")
def shown(made, released, tmp_path_factory):
    """Return a class whose submissions are graded, as if the sandbox had reported the worst."""
    shown = MadeUpClass(tmp_path_factory.mktemp("shown") / "class")
    shutil.copytree(made.folder.with_name("pristine"), shown.folder)
    students = honest_and_hostile(released)
    shown.write_roster(students)
    shown.week("collect", "small", shown.write_downloads(students, shown.folder / "files"))
    course = Course(shown.folder)
    reported = outputs()
    result = {"answers": {}, "end": "done", "key": "key", "remarks": [IMAGE], "reason": None}
    with pytest.MonkeyPatch.context() as patch:
        # nbgrader calls a program that is installed beside Python.
        patch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
        for student in shown.ids.values():
            submitted = shown.folder / "submitted" / student / "small" / "small.ipynb"
            notebook, _ = restore(read_submission(submitted), course.released("small"))
            half = len(reported) // 2
            executed = fill_in(notebook, {"1": reported[:half], "3": reported[half:]})
            nbformat.write(executed, course.path("executed", student, "small", "small.ipynb"))
            course.keep_result("small", student, result)
            done = course.nbgrader.autograde("small", student, force=True, create=True)
            assert done["success"], done
    spoil(shown.folder / "autograded" / shown.ids["Raw, Ro"] / "small" / "small.ipynb")
    with Gradebook(f"sqlite:///{shown.folder}/gradebook.db") as gradebook:
        for number, student in enumerate(shown.ids.values()):
            names = {"first_name": f"{HTML[number]}&", "last_name": f"&lt;{IMAGE}", "email": IMAGE}
            gradebook.update_or_create_student(student, **names)
        gradebook.update_or_create_student(f"<b>{IMAGE}&", last_name="x", first_name='"; owned();')
        for number, name in enumerate(["Words, Wim", "Code, Cy"]):
            comment = gradebook.find_comment("words", "small", "small", shown.ids[name])
            comment.manual_comment = "\n\n".join(TEXTS[number::2])[:15_000]
        gradebook.db.commit()
    return shown


@pytest.fixture(scope="module")
def feedback(shown):
    """Return the pages for the students."""
    shown.week("feedback", "small")
    pages = sorted((shown.folder / "feedback").rglob("*.html"))
    assert len(pages) == len(shown.ids)
    return pages


@pytest.fixture(scope="module")
def address(shown):
    """Return what hand-grade prints for the teacher's browser."""
    command = [*WEEK, "hand-grade", "small", "--class", str(shown.folder), "--no-browser"]
    run = subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True)
    try:
        yield re.search(r"http://\S+token=\S+", run.stdout.readline())[0]
    finally:
        run.terminate()
        run.wait(timeout=30)


class Visitor:
    """A browser that notes whatever a page does that it should not do."""

    def __init__(self, browser, address):
        self.base = address.partition("/?")[0]
        self.ran, self.forbidden, self.troubles = [], [], []
        self.context = browser.new_context()
        self.context.expose_binding("owned", lambda source, *_: self.ran.append(source["page"].url))
        self.context.expose_binding("violated", lambda _, what: self.forbidden.append(what))
        self.context.add_init_script(
            "document.addEventListener('securitypolicyviolation', (event) => violated("
            "`${location} ${event.violatedDirective} ${event.blockedURI} ${event.sample}`))"
        )
        self.context.on("request", self.note_request)
        self.context.on("response", self.note_response)
        self.page = self.context.new_page()
        self.page.on("dialog", lambda dialog: self.ran.append(dialog.message))
        self.page.on("pageerror", lambda error: self.troubles.append(f"{self.page.url}: {error}"))

    def note_request(self, request):
        if not request.url.startswith((f"{self.base}/", "data:", "file:")):
            self.troubles.append(f"{self.page.url} asks for {request.url}")

    def note_response(self, response):
        if response.status >= 400:
            self.troubles.append(f"{response.status} {response.url}")

    def open(self, url, until="networkidle"):
        """Go to a page and wait until its scripts have done their work."""
        self.page.goto(url if ":" in url.partition("/")[0] else self.base + url, wait_until=until)
        return self.page

    def acting(self):
        """Return the elements of the page that could act, but for nbgrader's own."""
        return self.page.evaluate(
            """clicks => [...document.querySelectorAll("*")].filter((element) =>
                element.matches("iframe, object, embed, form, base, meta[http-equiv=refresh]")
                || (element.localName === "script" && !element.nonce)
                || [...element.attributes].some(({name, value}) =>
                    (name.startsWith("on") && !clicks.includes(value))
                    || (/href|src|action|data$|style/.test(name)
                        && /script:|text\\/html|svg|url\\(/i.test(value))))
                .map((element) => element.outerHTML.slice(0, 300))""",
            CLICKS,
        )


@pytest.fixture
def visitor(browser, address):
    visitor = Visitor(browser, address)
    visitor.open(address)
    yield visitor
    visitor.context.close()


def submissions(shown):
    """Return the addresses of all submissions in the formgrader, by student."""
    with Gradebook(f"sqlite:///{shown.folder}/gradebook.db") as gradebook:
        found = gradebook.notebook_submissions("small", "small")
        return {
            notebook.student.id: f"/formgrader/submissions/{notebook.id}/" for notebook in found
        }


def test_nothing_acts_when_the_teacher_grades(shown, visitor):
    listing = "/formgrader/gradebook/small/small"
    student = shown.ids["Words, Wim"]
    pages = [
        listing,
        "/formgrader/gradebook",
        "/formgrader/gradebook/small",
        "/formgrader/manage_students",
        f"/formgrader/manage_students/{student}",
        f"/formgrader/manage_students/{student}/small",
        *submissions(shown).values(),
    ]
    for url in pages:
        page = visitor.open(url)
        assert visitor.acting() == []
        if url == listing:
            page.click("#toggle_names")
            assert IMAGE in page.inner_text("#main-table")
        elif url == "/formgrader/manage_students":
            page.fill("input[type=search]", "img")
            page.click("th >> nth=1")
            page.click("a:has(.glyphicon-pencil) >> nth=0")
            page.wait_for_selector("#edit-student-modal.in")
        elif "submissions" in url:
            page.click(".glyphicon-eye-open")
            page.wait_for_selector(".nbgrader_cell .score")
    assert (visitor.ran, visitor.forbidden, visitor.troubles) == ([], [], [])


def test_nothing_acts_that_an_address_or_the_data_behind_a_page_hold(shown, visitor):
    id = next(iter(submissions(shown).values())).split("/")[-2]
    for piece in ['";owned()//', "\\", "</script><script>owned()</script>", IMAGE, "';owned();'"]:
        quoted = urllib.parse.quote(piece, safe="")
        for place in ["gradebook/", "gradebook/small/", "manage_students/", "submissions/", "x/"]:
            visitor.open(f"/formgrader/{place}{quoted}?token={quoted}&path={quoted}", "load")
    for data in ["students", f"comments?submission_id={id}", "submitted_notebooks/small/small"]:
        page = visitor.open(f"/formgrader/api/{data}")
        assert page.evaluate("document.contentType") == "text/plain"
    assert (visitor.ran, visitor.forbidden) == ([], [])


def test_nothing_acts_in_the_feedback_pages(feedback, visitor):
    for path in feedback:
        page = visitor.open(path.as_uri())
        assert visitor.acting() == []
        assert page.locator("script").count() == 0
        assert page.locator("meta[http-equiv]").count() == 1
    assert (visitor.ran, visitor.forbidden, visitor.troubles) == ([], [], [])


def test_pasted_pictures_are_shown_and_missing_ones_named(shown, feedback, visitor):
    student = shown.ids["Attached, Al"]
    for url in [submissions(shown)[student], (feedback[0].parents[2] / student).as_uri()]:
        page = visitor.open(url if "file" not in url else f"{url}/small/small.html")
        for name in ["picture.png", "my plot"]:
            shown_width = page.locator(f"img[alt='{name}']").evaluate("image => image.naturalWidth")
            assert shown_width > 50
        assert "x: only PNG pictures pasted into the notebook" in page.inner_text("body")


def test_scores_and_comments_are_kept(shown, visitor):
    student = shown.ids["Right, Ada"]
    page = visitor.open(submissions(shown)[student])
    page.fill("#words", "3")
    page.fill("#words-comment", "**Well done**, $x^2$")
    page.keyboard.press("Tab")
    page.locator(".nbgrader_cell:has(#model-test) .full-credit").click()
    page.wait_for_load_state("networkidle")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Shift+F")
    page.wait_for_selector("text=Submission flagged")
    with page.expect_navigation():
        page.click("text=Next")
    with Gradebook(f"sqlite:///{shown.folder}/gradebook.db") as gradebook:
        submission = gradebook.find_submission_notebook("small", "small", student)
        scores = {grade.name: grade.manual_score for grade in submission.grades}
        assert (scores["words"], scores["model-test"]) == (3, 3)
        assert submission.flagged
    assert (visitor.ran, visitor.forbidden, visitor.troubles) == ([], [], [])
    shown.week("feedback", "small")
    page = visitor.open((shown.folder / "feedback" / student / "small" / "small.html").as_uri())
    assert page.inner_text(".panel-footer strong") == "Well done"
    assert page.locator(".panel-footer math msup").count() == 1


INJECTED = f"<script>owned()</script>{IMAGE}<svg onload=owned()></svg>"


@pytest.mark.parametrize("policy", [True, False])
def test_policy_alone_stops_a_script_that_got_into_a_page(shown, visitor, policy):
    def inject(route):
        response = route.fetch()
        headers = dict(response.headers)
        if not policy:
            del headers["content-security-policy"]
        body = response.text().replace('<div class="panel-body">', INJECTED, 1)
        route.fulfill(response=response, body=body, headers=headers)

    visitor.context.route("**/formgrader/submissions/*/", inject)
    visitor.open(submissions(shown)[shown.ids["Right, Ada"]])
    assert bool(visitor.ran) is not policy
    assert len(visitor.forbidden) == (3 if policy else 0)


@pytest.mark.parametrize("policy", [True, False])
def test_policy_alone_stops_a_script_in_a_feedback_page(feedback, visitor, tmp_path, policy):
    text = feedback[0].read_text().replace('<div class="panel-body">', INJECTED, 1)
    (tmp_path / "page.html").write_text(text if policy else text.replace("<meta http-equiv", "<p"))
    visitor.open((tmp_path / "page.html").as_uri())
    assert bool(visitor.ran) is not policy


def status(url, method="GET", **headers):
    """Return how a server answers."""
    body = b"{}" if method != "GET" else None
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        return urllib.request.urlopen(request).status
    except urllib.error.HTTPError as error:
        return error.code


def test_server_has_nothing_but_the_formgrader(address):
    base, _, token = address.partition("/?token=")
    login = {"Authorization": f"token {token}"}
    assert status(f"{base}/formgrader/gradebook", **login) == 200
    for path in [
        "/api",
        "/metrics",
        "/api/contents",
        "/api/contents/seed.txt",
        "/api/terminals",
        "/api/kernels",
        "/api/sessions",
        "/api/kernelspecs",
        "/api/config/x",
        "/files/seed.txt",
        "/view/seed.txt",
        "/nbconvert/html/seed.txt",
        "/lab",
        "/tree",
        "/terminals/1",
        "/formgrader/manage_assignments",
        "/formgrader/api/assignment/small/assign",
        "/formgrader/api/submission/small/1000/autograde",
        "/formgrader/submissions/x/seed.txt",
    ]:
        for method in ["GET", "PUT", "POST"]:
            assert status(base + path, method, **login) in (404, 405), path


def test_server_refuses_who_has_no_token_and_other_sites(shown, address, visitor):
    base, _, token = address.partition("/?token=")
    assert not re.match(r"http://(localhost|127\.0\.0\.1):", base), "cookies would be shared"
    url = base + submissions(shown)[shown.ids["Right, Ada"]]
    data = f"{base}/formgrader/api/students"
    for path in [base, url, data, f"{data}?token=x"]:
        assert status(path) == 403
    assert status(url, Authorization=f"token {token}", Host="evil.example") == 403
    cookies = "; ".join(f"{one['name']}={one['value']}" for one in visitor.context.cookies())
    assert status(data, Cookie=cookies) == 200
    student = f"{base}/formgrader/api/student/{shown.ids['Right, Ada']}"
    assert status(student, "PUT", Cookie=cookies) == 403, "a cookie alone must not change anything"


def test_hand_grade_says_what_is_wrong(made):
    command = [*WEEK, "hand-grade", "nothing", "--class", str(made.folder), "--no-browser"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.strip() == "This class has no nothing yet: make it first."
