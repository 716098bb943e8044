"""Sphinx extension: what leads to a page, inside the book and from outside.

The front matter of a page describes it in a sentence. The landing page's list of chapters, the link
to the next chapter, search engines and cards of links show it. What needs the address of the site
(a sitemap, cards, a page for wrong addresses) is made when the environment variable SITE_URL has it.
"""

import os
import re
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from docutils import nodes
from execution import read_chapters
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.docutils import SphinxDirective

CARD = "Estimates of 85 counties, each on its own, and drawn together where homes are few."


class ChapterList(SphinxDirective):
    """Lists the chapters by part: what each is about, and how long it takes to read."""

    def run(self) -> list[nodes.Node]:
        """Return the list."""
        chapters = read_chapters(Path(self.env.srcdir))
        lines = []
        for part in self.env.external_site_map.root.subtrees:
            names = [Path(page).name for page in part.items if Path(page).name in chapters]
            lines += ["", f"**{part.caption}**", ""] if names else []
            for name in names:
                self.env.note_dependency(f"chapters/{name}.md")
                text = "".join(cell.source for cell in chapters[name].cells)
                minutes = re.search(r"\*\*Reading time:\*\* (\d+ minutes)", text)[1]
                description = chapters[name].metadata["description"]
                lines.append(f"- [](chapters/{name}.md) ({minutes}). {description}")
        return self.parse_text_to_nodes("\n".join(lines))


def describe_page(app: Sphinx, pagename: str, templatename: str, context: dict, doctree) -> None:
    """Give the page's description to whom it may lead here, and that of the next page to readers."""
    if app.builder.name == "singlehtml":
        return  # the print edition has one page, and nothing leads to it
    description = app.env.metadata[pagename].get("description")
    if description:
        context["metatags"] += f'<meta name="description" content="{escape(description)}" />\n'
        context["meta"]["og:description"] = description
        context["meta"]["og:image:alt"] = CARD
    *_, following = app.builder.relations.get(pagename, [None])
    if following:
        context["next"]["description"] = app.env.metadata[following].get("description")


def use_address(app: Sphinx, config: Config) -> None:
    """Tell the site's address to the extensions that need it."""
    config.html_baseurl = config.ogp_site_url = os.environ["SITE_URL"].rstrip("/") + "/"
    config.notfound_urls_prefix = urlsplit(config.html_baseurl).path
    config.sitemap_url_scheme = "{link}"
    config.sitemap_excludes = ["404.html", "genindex.html", "search.html"]
    config.ogp_site_name = config.html_title
    config.ogp_image = "_static/card.png"
    config.ogp_custom_meta_tags = ['<meta name="twitter:card" content="summary_large_image" />']


def setup(app: Sphinx) -> dict:
    """Register what is always there, and the rest if the address is known."""
    app.add_directive("chapter-list", ChapterList)
    app.connect("html-page-context", describe_page, priority=100)
    if os.environ.get("SITE_URL"):
        app.connect("config-inited", use_address, priority=100)
        for extension in ["notfound.extension", "sphinx_sitemap", "sphinxext.opengraph"]:
            app.setup_extension(extension)
    return {"parallel_read_safe": True}
