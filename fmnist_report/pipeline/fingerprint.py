"""Digests of a function's source code and all functions it calls.

Comments, docstrings and annotations do not count. A stage's key contains the digest of every definition that its
function uses inside its package, directly or not, by the definition's name, so that a definition may move to another
module; and the external packages that they use. Modules are parsed, not imported: a cached run must not import keras.
"""

import ast
import contextlib
import hashlib
import importlib.util
import json
import symtable
import sys
import typing
from dataclasses import dataclass
from pathlib import Path

from fmnist_report.pipeline.files import replacing

Record = dict[str, typing.Any]  # of a module, as parse_module returns it
PARSER = Path(__file__).read_bytes() + sys.version.encode()
MOST_RECORDS = 400


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
        records: parsed modules by digest, as SourceRecords stores them; the module's own is added.
    """

    def __init__(self, name: str, root: Path, records: dict[str, Record] | None = None) -> None:
        path = root.joinpath(*name.split("."))
        content = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_bytes()
        package, records = name.partition(".")[0], {} if records is None else records
        key = hashlib.sha256(b"\0".join((PARSER, package.encode(), content))).hexdigest()
        if key not in records:
            records[key] = parse_module(content.decode("utf-8"), package)
        self.name, self.key, record = name, key, records[key]
        self.definitions, self.outside = record["definitions"], record["outside"]
        self.imports: dict[str, tuple[str, str | None]] = {}  # inside the package: module and name, or None
        for bound, module, imported in record["imports"]:
            whole = f"{module}.{imported}"
            self.imports[bound] = (whole, None) if _is_module(whole, root) else (module, imported)

    def read(self, name: str) -> tuple[str, list[tuple[str, str]], set[str]] | None:
        """Return a definition's digest, the (module, name) pairs and packages it refers to; None if not found."""
        if name not in self.definitions:
            return None
        definition = self.definitions[name]
        names = definition["names"]
        packages = {self.outside[name] for name in names if name in self.outside} | set(definition["packages"])
        references = [(self.name, name) for name in names if name in self.definitions]
        imported = [self.imports[name] for name in names if name in self.imports]
        references += [(module, bound) for module, bound in imported if bound]
        for value, attribute in definition["attributes"]:
            module, bound = self.imports.get(value, ("", None))
            if module and bound is None:
                references.append((module, attribute))
        return definition["digest"], references, packages


def parse_module(text: str, package: str) -> Record:
    """Parse a module's source, independently of all other files.

    Returns:
        definitions: {name: digest, names (that it reads from its module), attributes ([name, attribute] pairs),
        packages (that it imports itself)}; imports inside the package, [bound name, module, imported name]; outside,
        {bound name: package}.
    """
    tree = ast.parse(text)
    imports: list[list[str]] = []
    outside: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == package:
            imports += [[alias.asname or alias.name, str(node.module), alias.name] for alias in node.names]
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            outside |= dict(_outside_names(node))
    bare = {bound: _BareCode(package).visit(node) for node in tree.body for bound in _bound_names(node)}
    definitions = {name: _describe_definition(node) for name, node in bare.items()}
    return {"definitions": definitions, "imports": imports, "outside": outside}


def _describe_definition(node: ast.AST) -> dict[str, typing.Any]:
    text = ast.unparse(node)
    attributes: set[tuple[str, str]] = set()
    packages: set[str] = set()
    for child in ast.walk(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            packages |= {package for _, package in _outside_names(child)}
        elif isinstance(child, ast.Attribute) and isinstance(child.value, ast.Name):
            attributes.add((child.value.id, child.attr))
    return {
        "digest": hashlib.sha256(text.encode()).hexdigest()[:12],
        "names": sorted(_global_names(text)),
        "attributes": [list(pair) for pair in sorted(attributes)],
        "packages": sorted(packages),
    }


class SourceRecords:
    """Parsed modules, remembered between runs by the content of the module, of this parser and of Python's version.

    A file that is missing, damaged or cannot be written costs the time of parsing again and nothing else.

    Args:
        path: the file of the records: a SHA-256 in the first line, JSON in the rest.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records: dict[str, Record] = {}
        with contextlib.suppress(OSError, ValueError):
            digest, _, content = path.read_bytes().partition(b"\n")
            if hashlib.sha256(content).hexdigest().encode() == digest:
                self.records = json.loads(content)
        self._former = set(self.records)

    def save(self, used: typing.Iterable[str]) -> None:
        """Write the records, those that were used last; only where there are new ones and the folder exists."""
        if set(self.records) == self._former or not self.path.parent.is_dir():
            return
        used = list(used)
        order = [*(key for key in self.records if key not in used), *used]
        kept = {key: self.records[key] for key in order[-MOST_RECORDS:]}
        content = json.dumps(kept, separators=(",", ":")).encode()
        with contextlib.suppress(OSError):
            for leftover in self.path.parent.glob(f".{self.path.name}.*.tmp"):  # of a killed process
                leftover.unlink(missing_ok=True)
        with contextlib.suppress(OSError), replacing(self.path) as temporary:
            temporary.write_bytes(hashlib.sha256(content).hexdigest().encode() + b"\n" + content)


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


def find_sources(
    functions: typing.Sequence[str],
    modules: dict[str, Module],
    root: Path | None = None,
    records: dict[str, Record] | None = None,
) -> Sources:
    """Digest functions of a package and all definitions that they use in it, directly or not.

    Args:
        functions: "package.module:name".
        modules: parsed modules by name; newly parsed ones are added.
        root: folder that contains the package; by default the one from which Python would import it.
        records: parsed modules by digest, as for Module.
    """
    root = root or find_root(functions[0].partition(".")[0])
    found: dict[tuple[str, str], str] = {}
    packages: set[str] = set()
    seen, waiting = set(), [(module, name) for module, _, name in (one.partition(":") for one in functions)]
    while waiting:
        module_name, name = waiting.pop()
        if (module_name, name) in seen:
            continue
        seen.add((module_name, name))
        if module_name not in modules:
            modules[module_name] = Module(module_name, root, records)
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
