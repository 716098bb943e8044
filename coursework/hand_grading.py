"""A web server for grading by hand: nbgrader's formgrader, and nothing else of Jupyter's.

It runs no code and serves no files of the class, so that even a script that got into one of its
pages, past two walls, would find nothing here but grades.
"""

import base64
import hashlib
import os
import secrets
import socket
from http.client import responses

import jinja2
from course import Course
from jupyter_server.auth import IdentityProvider
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.base.handlers import (
    JupyterHandler,
    PublicStaticFileHandler,
    RedirectWithParams,
)
from jupyter_server.serverapp import ServerApp
from nbgrader.server_extensions.formgrader import apihandlers, handlers
from pages import NONCE, FormgradeExporter, secure
from traitlets.config import Config

PORT = 8890
PAGES = [
    handlers.GradebookAssignmentsHandler,
    handlers.GradebookNotebooksHandler,
    handlers.GradebookNotebookSubmissionsHandler,
    handlers.ManageStudentsHandler,
    handlers.ManageStudentsAssignmentsHandler,
    handlers.ManageStudentNotebookSubmissionsHandler,
    handlers.SubmissionHandler,
    handlers.SubmissionNavigationHandler,
]
DATA = [
    apihandlers.AssignmentCollectionHandler,
    apihandlers.NotebookCollectionHandler,
    apihandlers.SubmittedNotebookCollectionHandler,
    apihandlers.FlagSubmissionHandler,
    apihandlers.GradeCollectionHandler,
    apihandlers.GradeHandler,
    apihandlers.CommentCollectionHandler,
    apihandlers.CommentHandler,
    apihandlers.StudentCollectionHandler,
    apihandlers.StudentHandler,
    apihandlers.StudentSubmissionCollectionHandler,
    apihandlers.StudentNotebookSubmissionCollectionHandler,
]
# What nbgrader's templates say when something is clicked; other such attributes do nothing.
CLICKS = [
    "toggle_name(true);",
    "toggle_name(false);",
    "toggleAllNames()",
    "createStudentModal();",
]
NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"


def page_policy(nonce: str) -> str:
    """Return the content security policy of a page: its scripts are those with the nonce."""
    hashes = [
        base64.b64encode(hashlib.sha256(click.encode()).digest()).decode() for click in CLICKS
    ]
    clicks = " ".join(f"'sha256-{value}'" for value in hashes)
    return (
        f"{NOTHING}; script-src 'nonce-{nonce}' 'unsafe-hashes' {clicks}; connect-src 'self'; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self'"
    )


class OfCourse:
    """Makes a handler of nbgrader's work on the class that the server was started for."""

    url_prefix = ""

    @property
    def api(self):
        """Return nbgrader at work."""
        return self.settings["course"].nbgrader

    @property
    def coursedir(self):
        """Return nbgrader's view of the folder."""
        return self.api.coursedir

    def write_error(self, status_code: int, **details) -> None:
        """Say that something is wrong, without a word of what was asked for."""
        self.set_header("Content-Type", "text/plain")
        self.finish(f"{status_code}: {responses[status_code]}. The terminal may tell more.")


class Page(OfCourse):
    """A page, whose scripts carry a number that nobody can know beforehand."""

    def set_default_headers(self) -> None:
        """Choose the number, once for each response, before the headers name it."""
        if not hasattr(self, "nonce"):
            self.nonce = secrets.token_urlsafe(16)
        NONCE.set(self.nonce)
        super().set_default_headers()

    @property
    def content_security_policy(self) -> str:
        """Return the policy of this response."""
        return page_policy(self.nonce)


class Data(OfCourse):
    """Data for a page's scripts, which a browser must not take for a page."""

    def set_default_headers(self) -> None:
        """Say that it is text."""
        super().set_default_headers()
        self.set_header("Content-Type", "text/plain; charset=UTF-8")


class Refusal(JupyterHandler):
    """A sentence in place of a page."""

    def initialize(self, status: int, sentence: str) -> None:
        """Take the answer."""
        self.status, self.sentence = status, sentence

    @allow_unauthenticated
    def get(self) -> None:
        """Answer."""
        self.set_status(self.status)
        self.set_header("Content-Type", "text/plain")
        self.finish(self.sentence)


def routes(start: str) -> list[tuple]:
    """Return all that the server answers, as tornado wants it. start is the address of a page."""
    found = []
    for module, wanted, kind in [(handlers, PAGES, Page), (apihandlers, DATA, Data)]:
        for pattern, handler, *_ in module.default_handlers:
            if handler in wanted:
                found.append((pattern, type(handler.__name__, (kind, handler), {})))
    no_token = {"status": 403, "sentence": "Open the address that hand-grade printed, to its end."}
    return [
        *found,
        (r"/formgrader/static/(.*)", PublicStaticFileHandler, {"path": handlers.static_path}),
        (r"/", RedirectWithParams, {"url": start, "permanent": False}),
        # Where Jupyter sends who has no token.
        (r"/login", Refusal, no_token),
        # Before all that Jupyter would answer.
        (r".*", Refusal, {"status": 404, "sentence": "There is no such page."}),
    ]


class HandGrading(ServerApp):
    """Jupyter's server without its services, extensions and settings."""

    name = "hand-grade"
    default_services = ()

    def load_config_file(self, *arguments, **options) -> None:
        """Read no settings: they are for the teacher's usual server."""

    def init_logging(self) -> None:
        """Leave tornado's log alone, of which Jupyter would print every request."""


def own_address() -> str:
    """Return an address of this machine alone that no other server of the teacher's has.

    Browsers send a cookie to all ports of a host, so that another port would not do. macOS knows no
    127.0.0.2.
    """
    try:
        socket.create_server(("127.0.0.2", 0)).close()
    except OSError:
        return "::1"
    return "127.0.0.2"


def serve(course: Course, assignment: str, port: int | None, browser: bool) -> None:
    """Serve the formgrader until Ctrl-C. Raises CourseError if the assignment was not made yet.

    Without a port, the first free one from PORT on is taken.
    """
    course.released(assignment)
    token = secrets.token_urlsafe(32)
    nbgrader = course.nbgrader
    templates = {"template_name": "formgrade", "extra_template_basedirs": [handlers.template_path]}
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(handlers.template_path))
    config = Config()
    config.IdentityProvider.token = token
    # nbgrader's pages would get a cookie each.
    config.IdentityProvider.cookie_options = {"path": "/", "samesite": "Strict"}
    config.HandGrading = Config(
        allow_root=True,
        allow_unauthenticated_access=False,
        answer_yes=True,
        cookie_secret=os.urandom(32),
        identity_provider_class=IdentityProvider,
        ip=own_address(),
        log_level="ERROR",
        open_browser=browser,
        port=PORT if port is None else port,
        port_retries=50 if port is None else 0,
        root_dir=str(course.folder),
        tornado_settings={
            "course": course,
            "headers": {
                "Content-Security-Policy": NOTHING,
                "Cross-Origin-Opener-Policy": "same-origin",
                "Cross-Origin-Resource-Policy": "same-origin",
                "Referrer-Policy": "same-origin",
            },
            "nbgrader_bad_setup": False,
            "nbgrader_exporter": FormgradeExporter(**templates, config=nbgrader.config),
            "nbgrader_gradebook": None,
            "nbgrader_jinja2_env": secure(environment),
        },
    )
    server = HandGrading(config=config)
    server.initialize(argv=[], find_extensions=False)
    start = f"/formgrader/gradebook/{assignment}/{assignment}"
    server.web_app.add_handlers(".*$", routes(start))
    text = f"Grade in the browser: {server.connection_url}?token={token}\nEnd with Ctrl-C."
    # When it listens.
    server.io_loop.add_callback(print, text, flush=True)
    server.start()
