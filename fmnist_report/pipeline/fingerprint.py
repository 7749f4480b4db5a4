"""Digests of a function's source code and all functions it calls.

Comments, docstrings and annotations do not count. A stage's key contains the digest of every definition that its
function uses inside its package, directly or not, by the definition's name, so that a definition may move to another
module; and the external packages that they use. Modules are parsed, not imported: a cached run must not import keras.
"""

import ast
import functools
import hashlib
import importlib.util
import symtable
import sys
import typing
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Sources:
    """The definitions and packages that a function uses, directly or not.

    definitions: digests by (module, name).
    packages: sorted import names of packages outside this one and the standard library.
    """

    definitions: dict[tuple[str, str], str]
    packages: tuple[str, ...]

    @property
    def digests(self) -> dict[str, str]:
        """Digests by name, regardless of the modules that contain the definitions."""
        found: dict[str, list[str]] = {}
        for (_, name), digest in self.definitions.items():
            found.setdefault(name, []).append(digest)
        return {name: "+".join(sorted(digests)) for name, digests in sorted(found.items())}


class Module:
    """A parsed module: its top-level definitions by name, and the names bound by its imports.

    Args:
        name: dotted name; references are followed within its top-level package.
        root: folder that contains the package.
    """

    def __init__(self, name: str, root: Path) -> None:
        path = root.joinpath(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        self.name, self.package = name, name.partition(".")[0]
        self.definitions = {bound: node for node in tree.body for bound in _bound_names(node)}
        self.imports: dict[str, tuple[str, typing.Any]] = {}  # inside the package: module and name, or None
        self.outside: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and self._is_inside(node.module):
                for alias in node.names:
                    module = f"{node.module}.{alias.name}"
                    target = (module, None) if _is_module(module, root) else (str(node.module), alias.name)
                    self.imports[alias.asname or alias.name] = target
            elif isinstance(node, (ast.Import, ast.ImportFrom)):
                self.outside |= dict(_outside_names(node))
        self.read = functools.cache(self._read)

    def _is_inside(self, module: str | None) -> bool:
        return (module or "").partition(".")[0] == self.package

    def _read(self, name: str) -> tuple[str, list[tuple[str, str]], set[str]] | None:
        """Return a definition's digest, the (module, name) pairs and packages it refers to; None if not found."""
        node = self.definitions.get(name)
        if node is None:
            return None
        bare = _BareCode(self.package).visit(node)
        text = ast.unparse(bare)
        names = _global_names(text)
        packages = {self.outside[name] for name in names if name in self.outside}
        references = [(self.name, name) for name in names if name in self.definitions]
        references += [target for name in names if (target := self.imports.get(name)) and target[1]]
        for child in ast.walk(bare):
            if isinstance(child, (ast.Import, ast.ImportFrom)):
                packages |= {package for _, package in _outside_names(child)}
            elif isinstance(child, ast.Attribute) and isinstance(child.value, ast.Name):
                module, bound = self.imports.get(child.value.id, ("", None))
                if module and bound is None:
                    references.append((module, child.attr))
        return hashlib.sha256(text.encode()).hexdigest()[:12], references, packages


def _global_names(text: str) -> set[str]:
    """Return the global names that code reads, without the local names of its functions."""
    names, tables = set(), [symtable.symtable(text, "<definition>", "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        whole = table.get_type() == "module"
        names |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (whole or s.is_global())}
    return names


def _outside_names(node: ast.Import | ast.ImportFrom) -> typing.Iterator[tuple[str, str]]:
    """Yield (bound name, package) for each name bound by an import of another package."""
    for alias in node.names:
        whole = isinstance(node, ast.Import)
        package = (alias.name if whole else getattr(node, "module", None) or "").partition(".")[0]
        if package not in sys.stdlib_module_names:
            yield alias.asname or (package if whole else alias.name), package


def _is_module(name: str, root: Path) -> bool:
    path = root.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def _bound_names(node: ast.stmt) -> list[str]:
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return [node.name]
    if isinstance(node, ast.Assign):
        return [name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def find_root(package: str) -> Path:
    """Return the folder that contains a package, without importing it."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"there is no package {package!r}")
    return Path(next(iter(spec.submodule_search_locations))).resolve().parent


def find_sources(function: str, modules: dict[str, Module], root: Path | None = None) -> Sources:
    """Digest a function and all definitions that it uses in its package, directly or not.

    Args:
        function: "package.module:name".
        modules: parsed modules by name; newly parsed ones are added.
        root: folder that contains the package; by default the one from which Python would import it.
    """
    root = root or find_root(function.partition(".")[0])
    found: dict[tuple[str, str], str] = {}
    packages: set[str] = set()
    module_name, _, name = function.partition(":")
    seen, waiting = set(), [(module_name, name)]
    while waiting:
        module_name, name = waiting.pop()
        if (module_name, name) in seen:
            continue
        seen.add((module_name, name))
        if module_name not in modules:
            modules[module_name] = Module(module_name, root)
        definition = modules[module_name].read(name)
        if definition:
            found[module_name, name], references, used = definition
            waiting += references
            packages |= used
    return Sources(dict(sorted(found.items())), tuple(sorted(packages)))


class _BareCode(ast.NodeTransformer):
    """Remove the parts of the source that do not affect results.

    These are docstrings of classes and functions, annotations, and the modules of the package from which names are
    imported.
    """

    def __init__(self, package: str) -> None:
        self.package = package

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:  # noqa: N802 - ast's own name
        return ast.Pass() if (node.module or "").partition(".")[0] == self.package else node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:  # noqa: N802
        super().generic_visit(node)
        node.annotation = ast.Constant(...)  # a field of a dataclass still needs one
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and ast.get_docstring(node, False):
            node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            node.returns = None
        return node
