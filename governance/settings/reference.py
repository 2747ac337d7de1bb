"""The reference of settings: ``python -m governance.settings.reference`` writes docs/settings.md from `env`."""

from governance.settings import env

FILE = env.ROOT / "docs" / "settings.md"


def document() -> str:
    """The whole document: variables that production needs, then the others."""
    needed = [f"| `{name}` | {meaning} |" for name, meaning in env.PRODUCTION_SAYS.items()]
    others = [f"| `{name}` | {default} | {meaning} |" for name, (default, meaning) in env.OPTIONAL.items()]
    lines = (
        *("# Settings", "", "Made from `governance/settings/env.py` by `make docs`. `make run` needs none of them."),
        *("", "## Without a default in production", "", "| variable | meaning |", "|---|---|", *needed),
        *("", "## Optional", "", "| variable | default | meaning |", "|---|---|---|", *others),
    )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    FILE.write_text(document(), encoding="utf-8")
