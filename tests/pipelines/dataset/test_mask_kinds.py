import pytest

from pipelines.dataset.mask_kinds import MaskSettings, recognise
from pipelines.dataset.mask_values import MaskCoding, MaskValues


def masks(*values):
    """Masks a, b, c, ... in which the first value is the most common."""
    return [
        MaskValues(name, {v: 100 if v == min(counts) else 9 for v in counts}, runs=1)
        for name, counts in zip("abcdefgh", values, strict=False)
    ]


def coding(kind, *values, known=None, ignore=None):
    found, findings = recognise(
        masks(*values), MaskSettings(kind, ignore_value=ignore), known
    )
    assert not findings
    return found


def refusal(kind, *values, known=None):
    found, findings = recognise(masks(*values), MaskSettings(kind), known)
    assert found is None
    return str(findings[0])


# Recognising.


@pytest.mark.parametrize("kind", ["auto", "binary"])
@pytest.mark.parametrize(
    ("values", "foreground"),
    [
        ([{0, 255}, {0}, {255}], 255),
        ([{0, 1}], 1),
        ([{1, 2}], 2),
        ([{-1, 1}], 1),
        ([{17, 40000}], 40000),
        ([{255}], 255),
        ([{0}, {0}], 1),
    ],
)
def test_of_two_values_the_greater_is_foreground(kind, values, foreground):
    assert coding(kind, *values) == MaskCoding("binary", foreground, 2)


def test_of_two_values_that_are_not_above_0_none_is_foreground():
    assert "-1 and 0: the greater is foreground" in refusal("auto", {-1, 0})


@pytest.mark.parametrize("kind", ["auto", "instances"])
def test_a_smoothed_mask_of_all_grey_levels_is_recognised(kind):
    counts = {value: 1 for value in range(256)} | {0: 800, 255: 600}
    mask = MaskValues("a", counts, runs=200)
    found, findings = recognise([mask], MaskSettings(kind))
    assert findings[0].code == "grey-levels"
    assert (found is None) == (kind == "auto")
    # As many ids without a gap, the background the most.
    objects = MaskValues("b", {n: 9 for n in range(60)} | {0: 800, 59: 700}, runs=60)
    assert not objects.looks_smoothed


@pytest.mark.parametrize(
    ("kind", "words"),
    [("instances", "the number of each object"), ("binary", "0 and 255")],
)
def test_masks_in_colour_have_a_way_out_of_their_kind(kind, words):
    mask = MaskValues("a", {0: 9, 0xFF0000: 3}, runs=1, in_colour=True)
    found, (finding,) = recognise([mask], MaskSettings(kind))
    assert found is None and words in finding.way_out
    assert "class_colours" not in finding.way_out


def test_class_ids_make_as_many_classes_as_the_highest_says():
    assert coding("classes", {0}, {0, 4}, {1}) == MaskCoding("classes", None, 5)


def test_class_ids_of_background_alone_make_two_classes():
    assert coding("classes", {0}).num_classes == 2


def test_255_classes_are_the_most():
    assert coding("classes", set(range(255))).num_classes == 255
    message = refusal("classes", {0, 1}, {0, 256})
    assert message.startswith("b: class ids must be 0 to 254, got 256.")
    assert "Number the classes from 0 on" in message
    assert "instances" in message and "ignore_value 256" in message


def test_instances_of_any_number_are_foreground():
    found = coding("instances", {0, 3, 70000}, {0})
    assert found == MaskCoding("instances", None, 2)


def test_ids_that_classes_cannot_have_are_instances():
    assert coding("auto", {0, 3, 17, 300}, {0, 5}).kind == "instances"


def test_many_objects_without_gaps_in_differing_numbers_are_instances():
    sets = [set(range(number + 1)) for number in (4, 30, 11)]
    assert coding("auto", *sets).kind == "instances"


@pytest.mark.parametrize("kind", ["auto", "binary", "classes"])
def test_pixels_to_ignore_say_nothing_of_the_kind(kind):
    found = coding(kind, {0, 1, 255}, {255}, ignore=255)
    assert (found.num_classes, found.ignore_value) == (2, 255)
    assert found.kind == ("classes" if kind == "classes" else "binary")


# Asking.


@pytest.mark.parametrize(
    "values",
    [
        [{0, 1, 2}],
        # Rare classes at the end look like this as well.
        [{0, 1, 2, 3}, {0, 1, 2}, {0, 1, 2, 3, 4, 5, 6, 7}],
        # Two numbers of objects only; a gap.
        [set(range(40)), set(range(30))],
        [set(range(40)), set(range(30)), set(range(20)) - {3}],
        # Scaled class ids.
        [{0, 21845, 43690, 65535}],
        [{0, 100, 200, 300}],
    ],
)
def test_what_could_be_classes_or_instances_is_asked_for_once(values):
    found, findings = recognise(masks(*values), MaskSettings())
    assert found is None and len(findings) == 1
    assert findings[0].code == "ambiguous"
    assert "mask_kind classes or mask_kind instances" in str(findings[0])


def test_a_camera_image_is_no_mask_of_instances():
    grain = [MaskValues("a", {v: 9 for v in range(0, 3000, 7)} | {3: 1}, runs=3000)]
    found, findings = recognise(grain, MaskSettings())
    assert found is None and findings[0].code == "no-ids"
    assert "values (0, 3, 7, 14, 21, 28, ...) that change from pixel" in str(
        findings[0]
    )
    # If the user says so it is one all the same.
    found, findings = recognise(grain, MaskSettings("instances"))
    assert found is not None
    assert "rather an image than object ids" in str(findings[0])


# Refusing.


@pytest.mark.parametrize("kind", ["auto", "binary"])
def test_every_mask_with_grey_levels_is_told(kind):
    smooth = {0: 800, 255: 150, 3: 5, 128: 3, 250: 9}
    files = [MaskValues(name, smooth) for name in "ab"]
    found, findings = recognise([*masks({0, 255}), *files], MaskSettings(kind))
    assert found is None
    assert [finding.file for finding in findings] == ["a", "b"]
    assert "a: has 5 values (0, 3, 128, 250, 255), most pixels two" in str(findings[0])
    assert "Threshold the mask." in str(findings[0])


def test_instances_that_look_smoothed_are_taken_with_a_warning():
    smooth = MaskValues("a", {0: 800, 255: 150, 3: 5, 128: 3})
    found, findings = recognise([smooth], MaskSettings("instances"))
    assert found == MaskCoding("instances", None, 2)
    assert [finding.severity for finding in findings] == ["warning"]
    assert "rather a smoothed mask" in str(findings[0])


def test_instances_of_one_id_are_taken_with_a_warning():
    settings = MaskSettings("instances")
    found, findings = recognise(masks({0}, {0, 255}, {0, 255}), settings)
    assert found.kind == "instances"
    assert [(one.code, one.severity, one.file) for one in findings] == [
        ("one-id", "warning", "b")
    ]
    assert "all objects of the set have the one id 255" in str(findings[0])
    assert not recognise(masks({0, 1, 2}, {0, 1}), settings)[1]


def test_many_classes_of_hardly_any_pixels_are_grey_levels():
    # Three classes, and what resizing made of their borders.
    counts = {0: 90_000, 85: 9_000, 170: 9_000, **dict.fromkeys(range(100, 130), 20)}
    settings = MaskSettings("classes")
    found, findings = recognise([MaskValues("a", counts)], settings)
    assert found is None
    assert str(findings[0]).startswith(
        "a: the masks have 33 class ids, of which 30 have less than 0.1% of the pixels"
    )
    # Where the highest is rare itself, they may be rare classes.
    counts[180] = 20
    found, findings = recognise([MaskValues("a", counts)], settings)
    assert (found.num_classes, findings[0].severity) == (181, "warning")
    many = {0: 90_000, **dict.fromkeys(range(1, 60), 1_000)}
    assert recognise([MaskValues("a", many)], settings)[0].num_classes == 60


@pytest.mark.parametrize(
    "values", [({0, 255}, {0, 1}), ({0, 1}, {0, 2}), ({0}, {1, 2})]
)
def test_masks_of_other_two_values_are_named(values):
    message = refusal("auto", *values)
    together = ", ".join(map(str, sorted(values[0] | values[1])))
    assert message.startswith("b: has the values")
    assert f"(together {together})" in message


@pytest.mark.parametrize("kind", ["classes", "instances"])
def test_negative_ids_are_named(kind):
    message = refusal(kind, {0, 1}, {-3, 0, 1})
    assert message.startswith("b: ids must not be negative, got -3.")


def test_masks_of_one_value_are_read_as_the_run_read_its_own():
    known = MaskCoding("binary", 255, 2)
    assert coding("binary", {255}, known=known).foreground == 255
    assert coding("binary", {0}, known=known).foreground == 255
    message = refusal("binary", {1}, known=known)
    assert message.startswith("a: all masks have the one value 1;")
    assert "255" in message


# Colours.

RED, BLUE = 0xFF0000, 0x0000FF


def test_colours_of_the_table_are_classes():
    files = [MaskValues("a", {0: 5, RED: 2}, in_colour=True), MaskValues("b", {0: 7})]
    settings = MaskSettings(colours=("000000", "FF0000", "0000FF"))
    found, findings = recognise(files, settings)
    assert found == MaskCoding("classes", None, 3, settings.colours)
    assert not findings


def test_a_colour_that_is_not_in_the_table_is_told_with_its_file():
    files = [
        MaskValues("a", {0: 5, RED: 2}, in_colour=True),
        MaskValues("b", {0: 7, BLUE: 3}, in_colour=True),
    ]
    found, (finding,) = recognise(files, MaskSettings(colours=("000000", "ff0000")))
    assert found is None
    assert str(finding).startswith(
        "b: 3 pixels have a colour that is not in class_colours: 0000FF."
    )


def test_colours_without_a_table_are_listed_as_the_flag_takes_them():
    files = [
        MaskValues("a", {255: 9}),
        MaskValues("b", {RED: 20, BLUE: 3}, in_colour=True),
    ]
    found, (finding,) = recognise(files, MaskSettings())
    assert found is None and finding.file == "b"
    assert finding.way_out.endswith("class_colours FF0000,FFFFFF,0000FF.")


def test_too_many_colours_are_no_table_of_classes():
    files = [MaskValues("a", {v: 2 for v in range(0, 300)}, in_colour=True)]
    _, (finding,) = recognise(files, MaskSettings())
    assert "300 colours, too many for classes" in str(finding)
