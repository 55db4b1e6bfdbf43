import pytest

from pipelines.dataset import findings


def test_a_finding_reads_as_file_message_and_way_out():
    found = findings.error("size", "a.png", "is small.", "Make it larger.")
    assert str(found) == "a.png: is small. Make it larger."


def test_a_problem_that_names_its_file_is_not_named_twice():
    problem = ValueError("a.png: cannot be read. Replace it.")
    assert str(findings.unreadable("a.png", problem)) == str(problem)


def test_a_problem_of_the_system_is_told_with_its_reason():
    problem = PermissionError(13, "Permission denied", "a.png")
    found = str(findings.unreadable("a.png", problem))
    assert found.startswith("a.png: cannot be read (Permission denied).")


@pytest.mark.parametrize(
    ("others", "ending"),
    [(0, "."), (1, ". And 1 more error: look."), (2, ". And 2 more errors: look.")],
)
def test_the_first_error_is_raised_with_the_number_of_the_others(others, ending):
    found = [findings.warning("w", "w.png", "odd", "")]
    found += [findings.error("e", f"{n}.png", "wrong.", "") for n in range(others + 1)]
    with pytest.raises(ValueError) as error:
        findings.refuse_errors(found, "look", report="all")
    assert str(error.value) == f"0.png: wrong{ending}"
    assert error.value.report == "all"


def test_warnings_refuse_nothing():
    findings.refuse_errors([findings.warning("w", "w.png", "odd", "")], "look")


def test_a_table_lists_errors_first_and_few_of_a_kind():
    found = [findings.warning("w", f"w{n}", "odd.", "") for n in range(5)]
    found += [findings.error("e", "e", "wrong.", "")]
    assert findings.table(found, listed=2) == [
        "error: e: wrong.",
        "warning: w0: odd.",
        "warning: w1: odd.",
        "warning: and 3 more of w",
    ]
