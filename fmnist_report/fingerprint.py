"""Digests of source code: what a function does, without its comments and docstrings.

A stage's key contains the digest of every definition that its function reaches inside this
package. Modules are read as text, never imported: a cached run must not import keras.
"""

from __future__ import annotations

import ast
import functools
import hashlib
from pathlib import Path

PACKAGE = "fmnist_report"
ROOT = Path(__file__).resolve().parent.parent


class _Module:
    """Top-level definitions of one module by name, and what its imports bind."""

    def __init__(self, name: str, root: Path) -> None:
        path = root.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        self.definitions: dict[str, ast.stmt] = {}
        self.imports: dict[str, tuple[str, str | None]] = {}
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in tree.body:
            for bound in _bound_names(node):
                self.definitions[bound] = node
        for node in ast.walk(tree):
            self._bind_import(node, root)

    def _bind_import(self, node: ast.AST, root: Path) -> None:
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            for alias in node.names:
                module = f"{node.module}.{alias.name}"
                target = (module, None) if _is_module(module, root) else (node.module, alias.name)
                self.imports[alias.asname or alias.name] = target


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


def source_digests(function: str, root: Path = ROOT) -> dict[str, str]:
    """Digest the function and all that it reaches in the package.

    Args:
        function: "package.module:name".
        root: folder that holds the package.

    Returns:
        {"package.module:name": 12 hexadecimal digits} for every reached definition.
    """
    modules: dict[str, _Module] = {}
    found: dict[str, str] = {}
    waiting = [tuple(function.split(":"))]
    while waiting:
        module_name, name = waiting.pop()
        label = f"{module_name}:{name}"
        if label in found:
            continue
        module = modules.setdefault(module_name, _Module(module_name, root))
        node = module.definitions.get(name)
        if node is None:
            continue
        found[label] = _digest(node)
        waiting += _references(node, module, module_name)
    return dict(sorted(found.items()))


def _references(node: ast.stmt, module: _Module, module_name: str) -> list[tuple[str, str]]:
    reached = []
    for child in ast.walk(node):
        if isinstance(child, ast.Name) and child.id in module.definitions:
            reached.append((module_name, child.id))
        elif isinstance(child, ast.Name) and module.imports.get(child.id, (None, None))[1]:
            reached.append(module.imports[child.id])
        elif isinstance(child, ast.Attribute) and isinstance(child.value, ast.Name):
            target = module.imports.get(child.value.id)
            if target and target[1] is None:
                reached.append((target[0], child.attr))
    return reached


@functools.cache
def _digest(node: ast.stmt) -> str:
    text = ast.unparse(ast.fix_missing_locations(_WithoutDocstrings().visit(node)))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


class _WithoutDocstrings(ast.NodeTransformer):
    """Drop the leading string of modules, classes and functions."""

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
        return node
