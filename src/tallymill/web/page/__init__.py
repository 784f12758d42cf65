"""The page at `/` and its files; plain HTML, CSS and JavaScript, sent as they are."""

from importlib.resources import files

from tallymill.web.asgi import App
from tallymill.web.static import StaticFile


def console_page() -> App:
    """Return the page itself."""
    return StaticFile(files("tallymill.web.page") / "index.html")


def page_routes() -> dict[tuple[str, str], App]:
    """Return the files that the page loads."""
    folder = files("tallymill.web.page")
    return {
        ("GET", f"/page/{name}"): StaticFile(folder / name)
        for name in ("page.css", "page.js", "live.css", "live.js")
    }
