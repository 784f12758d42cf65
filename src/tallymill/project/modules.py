"""Import the user's Python files by path, and say where one fails.

No package is made of the project folder and `sys.path` is not touched, so a user's
`json.py` shadows nothing. What the modules hold is collected elsewhere.
"""

import importlib.util
import sys
import traceback
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import ModuleType

from tallymill.kernel.errors import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class UserModule:
    """A file of the user's that was imported."""

    path: Path
    module: ModuleType

    @property
    def where(self) -> str:
        """Return "statistics/range_of_weights.py"."""
        return f"{self.path.parent.name}/{self.path.name}"

    def without(self, what: str) -> str:
        """Return the notice that the file holds no such thing."""
        return (
            f"{self.where} holds no {what}, so it does nothing; if it is meant for "
            f"others to import, call it _{self.path.name}"
        )


def import_folder(folder: Path) -> tuple[list[UserModule], list[Fault]]:
    """Import each `*.py` of a folder in order of name; `_*.py` are left alone.

    Returns:
        The modules, and one fault for each file that failed, which names the file, the
        line and the exception. Both are empty for a folder that is not there.
    """
    modules: list[UserModule] = []
    faults: list[Fault] = []
    for path in sorted(folder.glob("*.py")):
        if path.name.startswith("_"):
            continue
        try:
            modules.append(UserModule(path=path, module=_import(path)))
        except (Exception, SystemExit) as exc:  # noqa: BLE001 - the user's code may raise anything
            faults.append(_fault(path, exc))
    return modules, faults


def _import(path: Path) -> ModuleType:
    where = blake2b(str(path.resolve()).encode(), digest_size=6).hexdigest()
    name = f"tallymill_project_{where}_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    # Registered as long as it lives: msgspec and dataclasses look annotations up there.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _fault(path: Path, exc: BaseException) -> Fault:
    file = f"{path.parent.name}/{path.name}"
    line = _line(path, exc)
    at = f" line {line}" if line else ""
    text = exc.msg if isinstance(exc, SyntaxError) else str(exc)
    return Fault(file, f"{file}{at}: {type(exc).__name__}: {text}")


def _line(path: Path, exc: BaseException) -> int | None:
    if isinstance(exc, SyntaxError) and exc.filename == str(path):
        return exc.lineno
    frames = traceback.extract_tb(exc.__traceback__)
    own = [frame.lineno for frame in frames if frame.filename == str(path)]
    return own[-1] if own else None
