"""`/docs`: Swagger UI over `/openapi.json`, from an installed package; no internet."""

from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from tallymill.kernel.errors import Unavailable
from tallymill.web.asgi import App
from tallymill.web.static import StaticFile

#: Swagger UI styles its parts inline and draws icons from data URLs.
_POLICY: Final = (
    b"default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    b"connect-src 'self'; img-src 'self' data:; font-src 'self' data:; "
    b"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SWAGGER: Final = ("swagger_bundle.js", "swagger_style.css")


def docs_routes() -> dict[tuple[str, str], App]:
    """Return the page and its files."""
    page = files("tallymill.web.page")
    swagger = _folder_of("offapi")
    routes: dict[tuple[str, str], App] = {
        ("GET", "/docs"): StaticFile(page / "docs.html", policy=_POLICY),
        ("GET", "/docs/start.js"): StaticFile(page / "docs.js"),
    }
    for name in _SWAGGER:
        routes["GET", f"/docs/{name}"] = StaticFile(swagger / name)
    return routes


def _folder_of(package: str) -> Path:
    """Return where a package is, without importing it: that would load all its files.

    Raises:
        Unavailable: It is not installed.
    """
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise Unavailable(f"The package {package} is not installed; install it again.")
    return Path(spec.origin).parent
