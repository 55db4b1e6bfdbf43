"""What a check of images and masks finds: errors and warnings, each with its file."""

import collections
import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, Literal

# Findings of one code that a table lists before it says how many more there are.
LISTED = 20


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a data set, or may be.

    Attributes:
        severity: "error" (nothing can be trained on the set) or "warning".
        code: the kind of finding in a word or two, for programs.
        file: what is meant: a file, page or pattern.
        message: what was found there and what was expected, without the file's name.
        way_out: what to do.
    """

    severity: Literal["error", "warning"]
    code: str
    file: str
    message: str
    way_out: str

    def __str__(self) -> str:
        """Returns the finding in one or two sentences."""
        return f"{self.file}: {self.message} {self.way_out}".strip()


class DataError(ValueError):
    """A data set that cannot be trained on.

    Attributes:
        report: all that is known of the set, for showing; None if nothing is.
    """

    def __init__(self, message: str, report: Any = None) -> None:
        super().__init__(message)
        self.report = report


def error(code: str, file: str, message: str, way_out: str) -> Finding:
    """Returns a finding that stops a training."""
    return Finding("error", code, file, message, way_out)


def warning(code: str, file: str, message: str, way_out: str) -> Finding:
    """Returns a finding that the user should know of."""
    return Finding("warning", code, file, message, way_out)


def unreadable(file: str, problem: Exception) -> Finding:
    """Returns the finding for a file that could not be read."""
    if isinstance(problem, ValueError):
        # Says the file, the reason and the way out already.
        return error("unreadable", file, str(problem).removeprefix(f"{file}: "), "")
    reason = getattr(problem, "strerror", None) or problem
    return error(
        "unreadable", file, f"cannot be read ({reason}).", "Replace or remove the file."
    )


def errors(findings: Iterable[Finding]) -> list[Finding]:
    """Returns the errors among findings."""
    return [finding for finding in findings if finding.severity == "error"]


def refuse_errors(findings: Sequence[Finding], way_on: str, report: Any = None) -> None:
    """Raises DataError, with the first error, if there is one.

    Args:
        findings: of a data set.
        way_on: where the others are to be seen, such as "keras-unet check lists them".
        report: goes with the error.
    """
    found = errors(findings)
    if found:
        others = len(found) - 1
        more = f" And {others} more error{'s' if others > 1 else ''}: {way_on}."
        raise DataError(f"{found[0]}{more if others else ''}", report)


def table(findings: Sequence[Finding], listed: int = LISTED) -> list[str]:
    """Returns lines that show findings, errors first, at most `listed` of a code."""
    groups: dict[tuple[str, str], list[Finding]] = collections.defaultdict(list)
    for finding in findings:
        groups[finding.severity, finding.code].append(finding)
    lines = []
    # The sort is stable: within a severity groups stay as they were found.
    for (severity, code), group in sorted(groups.items(), key=lambda item: item[0][0]):
        lines += [f"{severity}: {finding}" for finding in group[:listed]]
        if len(group) > listed:
            lines.append(f"{severity}: and {len(group) - listed} more of {code}")
    return lines
