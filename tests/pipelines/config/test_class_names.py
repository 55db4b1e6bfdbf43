import pytest

from pipelines.config.class_names import check_names, check_number


def test_names_in_any_script_and_with_spaces_within_are_taken():
    check_names("class_names", ("background", "Fluß", "水", "built-up area", "<b>"))


@pytest.mark.parametrize(
    "name", ["", " ", "a,b", " a", "a ", "a\nb", "a\tb", "\udcff", 3, None]
)
def test_what_a_flag_or_a_table_could_not_hold_is_no_name(name):
    with pytest.raises(ValueError, match="class_names must be names") as error:
        check_names("class_names", ("background", name))
    assert str(error.value).endswith(f"got {name!r}.")


def test_a_name_for_two_classes_is_refused():
    with pytest.raises(ValueError, match="classes must differ, got 'sea' more than"):
        check_names("classes", ["land", "sea", "sea"])


@pytest.mark.parametrize("names", [("land", "sea"), ()])
def test_there_is_a_name_for_each_class_or_none(names):
    check_number(names, 2, "the run has")


@pytest.mark.parametrize("names", [("land",), ("land", "sea", "ice")])
def test_another_number_is_refused_with_both_numbers_and_the_ids(names):
    with pytest.raises(ValueError, match=f"gives {len(names)} names ") as error:
        check_number(names, 2, "runs/a has")
    assert "(0 land" in str(error.value)
    assert "but runs/a has 2 classes, ids 0 to 1." in str(error.value)
