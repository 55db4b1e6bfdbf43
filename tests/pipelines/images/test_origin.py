from pipelines.images.origin import Origin, Plane


def test_a_plane_has_the_attributes_that_are_known():
    plane = Plane(DeltaT=0.0, PositionX=-2.5, PositionXUnit="mm")
    expected = {"DeltaT": 0.0, "PositionX": -2.5, "PositionXUnit": "mm"}
    assert plane.attributes() == expected
    assert Plane().attributes() == {}


def test_an_image_of_a_stack_keeps_its_own_plane():
    planes = Plane(PositionZ=1.0), Plane(PositionZ=2.0)
    stack = Origin("a", "2024-05-01T12:00:00", "b", planes, offset=(1.0, 2.0))
    assert stack.of_plane(1) == Origin(
        "a", "2024-05-01T12:00:00", "b", planes[1:], offset=(1.0, 2.0)
    )
    assert Origin("a").of_plane(7) == Origin("a")
