"""Every page works in a real browser."""


def test_page_opens(page, site):
    page.goto(f"{site}/index.html")
    assert "Partial Pooling" in page.title()
