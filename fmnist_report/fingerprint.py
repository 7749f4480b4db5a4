"""Digests of source code: what a function does, without its comments, docstrings and annotations.

A stage's key contains the digest of every definition that its function reaches inside this
package. Modules are read as text, never imported: a cached run must not import keras.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import typing
from pathlib import Path

PACKAGE = "fmnist_report"
ROOT = Path(__file__).resolve().parent.parent


class Module:
    """One module as text: its top-level definitions by name, and what its imports bind.

    Args:
        name: dotted name.
        root: folder that holds the package.
    """

    def __init__(self, name: str, root: Path) -> None:
        path = root.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        self.name = name
        self.definitions = {bound: node for node in tree.body for bound in _bound_names(node)}
        self.imports = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
                for alias in node.names:
                    module = f"{node.module}.{alias.name}"
                    target = (module, None) if _is_module(module, root) else (node.module, alias.name)
                    self.imports[alias.asname or alias.name] = target
        self.read = functools.cache(self._read)

    def _read(self, name: str) -> tuple[str, list[tuple[str, str]]] | None:
        """Return a definition's digest and the (module, name) pairs that it refers to; None for no definition."""
        node = self.definitions.get(name)
        if node is None:
            return None
        text = ast.unparse(ast.fix_missing_locations(_BareCode().visit(node)))
        return hashlib.sha256(text.encode()).hexdigest()[:12], list(self._references(node))

    def _references(self, node: ast.stmt) -> typing.Iterator[tuple[str, str]]:
        for child in ast.walk(node):
            if isinstance(child, ast.Name) and child.id in self.definitions:
                yield self.name, child.id
            elif isinstance(child, ast.Name) and self.imports.get(child.id, (None, None))[1]:
                yield self.imports[child.id]
            elif isinstance(child, ast.Attribute) and isinstance(child.value, ast.Name):
                module, bound = self.imports.get(child.value.id, (None, None))
                if module and bound is None:
                    yield module, child.attr


def _is_module(name: str, root: Path) -> bool:
    path = root.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


def _bound_names(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def source_digests(function: str, modules: dict[str, Module], root: Path = ROOT) -> dict[str, str]:
    """Digest the function and all that it reaches in the package.

    Args:
        function: "package.module:name".
        modules: modules read so far, by name; filled with those that are met.
        root: folder that holds the package.

    Returns:
        {"package.module:name": 12 hexadecimal digits} for every reached definition.
    """
    found: dict[str, str] = {}
    seen, waiting = set(), [tuple(function.split(":"))]
    while waiting:
        module_name, name = waiting.pop()
        if (module_name, name) in seen:
            continue
        seen.add((module_name, name))
        if module_name not in modules:
            modules[module_name] = Module(module_name, root)
        definition = modules[module_name].read(name)
        if definition:
            found[f"{module_name}:{name}"] = definition[0]
            waiting += definition[1]
    return dict(sorted(found.items()))


class _BareCode(ast.NodeTransformer):
    """Drop what nothing computed depends on: the leading string of classes and functions, and their annotations."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        body = getattr(node, "body", None)
        if (
            isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
            and isinstance(body[0].value.value, str)
        ):
            node.body = body[1:] or [ast.Pass()]
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
        return node
