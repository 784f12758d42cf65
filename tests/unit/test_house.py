"""The house rules that no linter holds: sizes, cycles, imports at the top."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
FUNCTION_LINES_MOST = 50
FILE_LINES_MOST = 400
FORBIDDEN_NAMES = {"utils", "helpers", "common", "manager", "misc", "base"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def parsed(path):
    return ast.parse(path.read_text())


@cache
def functions(path):
    return [node for node in ast.walk(parsed(path)) if isinstance(node, Function)]


def where(path, node=None):
    return f"{path.relative_to(ROOT)}:{node.lineno if node else 1}"


def test_sources_are_found():
    """
    A check over no files would pass for ever.
    """
    assert len(SOURCES) > 50


def test_a_file_is_short_enough_to_read():
    """
    A file is one idea; beyond 400 lines it is two.
    """
    long = [p for p in SOURCES if len(p.read_text().splitlines()) > FILE_LINES_MOST]

    assert not [where(path) for path in long]


def test_a_function_fits_on_a_screen():
    """
    A function does one step.
    """
    long = [
        f"{where(path, node)} {node.name}"
        for path in SOURCES
        for node in functions(path)
        if node.end_lineno - node.lineno + 1 > FUNCTION_LINES_MOST
    ]

    assert not long


def test_imports_stand_at_the_top_only():
    """
    An import inside a function or under TYPE_CHECKING hides a cycle.
    """
    hidden = [
        where(path, node)
        for path in SOURCES
        for function in functions(path)
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]

    assert not hidden
    assert not [where(p) for p in SOURCES if "TYPE_CHECKING" in p.read_text()]


def test_a_file_has_a_name_that_says_something():
    """
    A drawer for everything is where nobody finds anything.
    """
    assert not [where(path) for path in SOURCES if path.stem in FORBIDDEN_NAMES]


def test_a_file_begins_with_what_lives_in_it():
    """
    A reader decides by the first lines whether this is the place.
    """
    assert not [where(path) for path in SOURCES if not ast.get_docstring(parsed(path))]


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
