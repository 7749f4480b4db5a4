"""Check PDF reports against PDF/UA-1 and PDF/A-3a, and print them as read by a screen reader: make inspect."""

import sys
from pathlib import Path


def inspect(path: Path) -> list[str]:
    """Return the problems of a PDF: failed rules of PDF/UA-1 and PDF/A-3a, and findings and warnings of outloud."""
    import outloud
    import page

    found = []
    for profile in ("ua1", "3a"):
        report = page.validate_pdf(path, profile=profile)
        assert report.rules.total > 100
        found += [f"{failure.rule_id}: {failure.message}" for failure in report.failures]
    heard = outloud.check(str(path))
    if heard.error:
        found.append(heard.error)
    return found + [
        f"{finding.rule} p. {finding.page}: {finding.message}"
        for finding in heard.findings
        if finding.severity in ("error", "warning")
    ]


def main() -> int:
    wrong = {path: inspect(Path(path)) for path in sys.argv[1:]}
    for path, found in wrong.items():
        print(f"{path}: {'nothing wrong' if not found else ''}", *found, sep="\n  ")
    return int(not wrong or any(wrong.values()))


if __name__ == "__main__":
    sys.exit(main())
