"""Weigh every page, and Jupyter Book's plain ones beside them: 'make weigh', after 'make book'.

A page is read from a server that compresses what it sends, first with an empty cache, then after the
page before it. Lighthouse's scores are those of its mobile profile. It comes from npm, by npx.
"""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import yaml
from axe_playwright_python.sync_playwright import Axe
from copies import ROOT, copy_book
from pdf import find_chromium
from playwright.sync_api import Browser, sync_playwright
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, StaticFileHandler

CHROMIUM = find_chromium()
BOOK = ROOT / "_build" / "html"
PLAIN = ROOT / "_build" / "plain"
CATEGORIES = ["performance", "accessibility", "best-practices", "seo"]


def build_plain() -> Path:
    """Build the same chapters, from the same execution, with the defaults of Jupyter Book."""
    copy_book(PLAIN)
    config = yaml.safe_load((PLAIN / "_config.yml").read_text("utf-8"))
    for key in ["logo", "html"]:
        config.pop(key, None)
    config["sphinx"]["local_extensions"] = {
        name: folder
        for name, folder in config["sphinx"]["local_extensions"].items()
        if name in ["execution", "ledger", "navigation"]
    }
    config["sphinx"]["config"] = {"bibtex_reference_style": "author_year"}
    (PLAIN / "_config.yml").write_text(yaml.safe_dump(config))
    cache = PLAIN / "_build" / ".jupyter_cache"
    shutil.copytree(ROOT / "_build" / ".jupyter_cache", cache, dirs_exist_ok=True)
    jupyter_book = Path(sys.executable).with_name("jupyter-book")
    subprocess.run([jupyter_book, "build", PLAIN, "--quiet"], capture_output=True, check=True)
    return PLAIN / "_build" / "html"


def serve(folder: Path) -> str:
    """Serve a folder, compressed, until the program ends, and return its address."""
    sockets = bind_sockets(0, "127.0.0.1")

    async def run() -> None:
        files = (r"/(.*)", StaticFileHandler, {"path": folder})
        HTTPServer(Application([files], compress_response=True)).add_sockets(sockets)
        await asyncio.Event().wait()

    threading.Thread(target=asyncio.run, args=[run()], daemon=True).start()
    return f"http://127.0.0.1:{sockets[0].getsockname()[1]}"


def weigh(browser: Browser, *urls: str) -> tuple[float, int]:
    """Open pages one after the other; return the kilobytes and requests that the last one took."""
    page = browser.new_page()
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    sizes = []
    network.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    for url in urls:
        sizes.clear()
        page.goto(url, wait_until="networkidle")
    page.close()
    return sum(sizes) / 1000, len(sizes)


def obstacles(browser: Browser, url: str) -> int:
    """Return how many rules of axe a page violates, on a screen and on a phone."""
    count = 0
    for width in [1280, 390]:
        page = browser.new_page(viewport={"width": width, "height": 900})
        page.goto(url)
        count += Axe().run(page, options={"preload": False}).violations_count
        page.close()
    return count


def scores(url: str) -> dict[str, float]:
    """Return Lighthouse's scores of a page, between 0 and 1."""
    command = ["npx", "--yes", "lighthouse@12", url, "--quiet", "--output=json"]
    flags = "--chrome-flags=--headless=new --no-sandbox --disable-background-networking"
    environment = os.environ | {"CHROME_PATH": CHROMIUM}
    report = subprocess.run(
        [*command, flags], env=environment, stdout=subprocess.PIPE, check=True, text=True
    )
    categories = json.loads(report.stdout)["categories"]
    return {name: categories[name]["score"] for name in CATEGORIES}


def main() -> None:
    """Print the table, page by page."""
    sources = re.findall(r"(?:root|file): (\S+)", (ROOT / "_toc.yml").read_text())
    sites = {"this book": serve(BOOK), "plain": serve(build_plain())}
    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        for position, source in enumerate(sources):
            for site, address in sites.items():
                url, before = (f"{address}/{name}.html" for name in [source, sources[position - 1]])
                cold, requests = weigh(browser, url)
                following, _ = weigh(browser, before, url)
                row = {"page": source, "site": site, "kB": cold, "requests": requests}
                row |= {"kB as next": following, "axe": obstacles(browser, url), **scores(url)}
                rows.append(row)
                print(f"{source}, {site}: done", flush=True)
    print(pd.DataFrame(rows).to_string(index=False, float_format="{:.3g}".format))


if __name__ == "__main__":
    if not shutil.which("npx") or not CHROMIUM:
        sys.exit("This needs npx (of Node.js) and Chromium: install them and run it again.")
    if not BOOK.exists():
        sys.exit("The site is not built yet: run 'make book' first.")
    main()
