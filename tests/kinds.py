"""All kinds of claims, found in the modules of the package, for the tests of their sentences."""

import functools
import importlib
import pkgutil

from fmnist_report.report.conclusions import kinds
from fmnist_report.report.conclusions.claim import Kind

MODULES = [importlib.import_module(f"{kinds.__name__}.{found.name}") for found in pkgutil.iter_modules(kinds.__path__)]
KINDS = {value.name: value for module in MODULES for value in vars(module).values() if isinstance(value, Kind)}
MESSAGES = {(kind.name, relation): text for kind in KINDS.values() for relation, text in kind.messages.items()}
COUNTED = {
    name: form.write.keywords["unit"]
    for kind in KINDS.values() for name, form in kind.formats.items()
    if isinstance(form.write, functools.partial)
}  # fmt: skip
