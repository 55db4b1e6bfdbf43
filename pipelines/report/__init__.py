"""The page of a run or an evaluation: one HTML file, no network needed."""

from pipelines.report.page import write_report

__all__ = ["write_report"]
