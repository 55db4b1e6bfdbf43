"""Where an image comes from, as its file says: what a mask of it has in common."""

import dataclasses
from typing import NamedTuple


class Plane(NamedTuple):
    """When and where the stage stood for a plane, under the names that OME has.

    Numbers are None where the file does not say; units where it leaves them to OME,
    which then has seconds and the microscope's own frame of reference.
    """

    DeltaT: float | None = None
    DeltaTUnit: str | None = None
    PositionX: float | None = None
    PositionXUnit: str | None = None
    PositionY: float | None = None
    PositionYUnit: str | None = None
    PositionZ: float | None = None
    PositionZUnit: str | None = None

    def attributes(self) -> dict[str, float | str]:
        """Returns what is known, as attributes of OME's element Plane."""
        return {
            name: value for name, value in self._asdict().items() if value is not None
        }


@dataclasses.dataclass(frozen=True)
class Origin:
    """What a file says of an image beside its pixels and their size.

    Attributes:
        name: of the image; like the other texts empty where the file does not say.
        date: of its acquisition, a dateTime of XML.
        description: free text.
        planes: of OME-TIFF and microscope files, one for each plane of the image's
            stack in its order, or the image's own; empty if nothing is known of them.
        offset: of OME-Zarr, (y, x) of the first pixel's centre, in the unit of the
            pixel size.
    """

    name: str = ""
    date: str = ""
    description: str = ""
    planes: tuple[Plane, ...] = ()
    offset: tuple[float, float] = (0.0, 0.0)

    def of_plane(self, number: int) -> "Origin":
        """Returns the origin of one plane of a stack, which is an image of its own."""
        return dataclasses.replace(self, planes=self.planes[number : number + 1])
