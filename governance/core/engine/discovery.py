"""Import the modules of an app that declare transitions, so that buttons, matrix and docs know all of them."""

from importlib import import_module
from pkgutil import walk_packages

#: Names of modules and packages that declare transitions, events or checks by being imported.
DECLARING = ("transitions", "jobs")


def import_declarations(package: str) -> None:
    """Import every module named `transitions` or `jobs` below a package, or inside a package of that name.

    Args:
        package: dotted name of an app, such as `approvals`.
    """
    for module in walk_packages(import_module(package).__path__, f"{package}."):
        if not module.ispkg and any(part in DECLARING for part in module.name.split(".")):
            import_module(module.name)
