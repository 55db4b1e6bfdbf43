"""How strong each random change of a tile is."""

from typing import NamedTuple

from pipelines.config import AugmentConfig

# Displacements in pixels and the side of the tiles that they are for; on smaller tiles,
# where the points of the grid are nearer to each other, they are smaller in proportion.
ELASTIC, TILE_OF_ELASTIC = 10.0, 256


def default_elastic(tile_size: int) -> float:
    """Returns the strength of the elastic deformation where none is given, in pixels.

    Args:
        tile_size: height and width of the tile.
    """
    return ELASTIC * min(1.0, tile_size / TILE_OF_ELASTIC)


class Augmentation(NamedTuple):
    """The strengths of `AugmentConfig` as plain numbers, all decided.

    Compiled functions take it: equal ones share one trace, whatever else the settings
    of a run say.
    """

    flips: bool = False
    quarter_turns: bool = False
    elastic: float = 0.0
    rotation: float = 0.0
    zoom: float = 0.0
    shear: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    gamma: float = 0.0
    noise: float = 0.0
    blur: float = 0.0

    @classmethod
    def of(cls, config: AugmentConfig, tile_size: int) -> "Augmentation":
        """Returns the changes that settings ask for.

        Args:
            config: the settings.
            tile_size: height and width of the image tile.
        """
        given = cls(*(getattr(config, name) for name in cls._fields))
        if config.elastic is None:
            return given._replace(elastic=default_elastic(tile_size))
        return given
