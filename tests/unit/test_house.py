"""The house rules that no linter holds: sizes, cycles, imports at the top."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
FUNCTION_LINES_MOST = 50
FILE_LINES_MOST = 400
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "misc", "base"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def parsed(path):
    return ast.parse(path.read_text())


def test_sources_are_found():
    """
    A check over no files would pass for ever.
    """
    assert len(SOURCES) > 50


@pytest.mark.parametrize(
    "path", SOURCES, ids=lambda path: str(path.relative_to(ROOT / "src"))
)
class TestEveryFile:
    def test_is_short_enough_to_read(self, path):
        """
        A file is one idea; beyond 400 lines it is two.
        """
        assert len(path.read_text().splitlines()) <= FILE_LINES_MOST

    def test_has_functions_that_fit_on_a_screen(self, path):
        """
        A function does one step.
        """
        too_long = [
            f"{node.name}: {node.end_lineno - node.lineno + 1} lines"
            for node in ast.walk(parsed(path))
            if isinstance(node, Function)
            and node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MOST
        ]

        assert not too_long

    def test_imports_at_its_top_only(self, path):
        """
        An import inside a function or under TYPE_CHECKING hides a cycle.
        """
        tree = parsed(path)
        hidden = [
            node.lineno
            for function in ast.walk(tree)
            if isinstance(function, Function)
            for node in ast.walk(function)
            if isinstance(node, ast.Import | ast.ImportFrom)
        ]

        assert not hidden
        assert "TYPE_CHECKING" not in path.read_text()

    def test_has_a_name_that_says_something(self, path):
        """
        A drawer for everything is where nobody finds anything.
        """
        assert path.stem not in FORBIDDEN_NAMES

    def test_begins_with_what_lives_in_it(self, path):
        """
        A reader decides by the first lines whether this is the place.
        """
        assert ast.get_docstring(parsed(path))


def imports_of(path, modules):
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in modules or node.module in modules:
                    yield inner if inner in modules else node.module


def test_no_module_imports_itself_in_a_circle():
    """
    A circle means that two files are one idea, or that a third is missing.
    """
    modules = {
        ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(
            ".__init__"
        ): path
        for path in SOURCES
    }
    graph = {
        name: set(imports_of(path, modules)) - {name} for name, path in modules.items()
    }
    done, open_names = set(), []

    def visit(name):
        assert name not in open_names, " -> ".join([*open_names, name])
        if name in done:
            return
        open_names.append(name)
        for target in sorted(graph[name]):
            visit(target)
        open_names.pop()
        done.add(name)

    for name in sorted(graph):
        visit(name)
