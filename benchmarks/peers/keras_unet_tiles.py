"""This package's tile stream."""

from clock import BATCH_SIZE, TILE_SIZE, arguments, count_tiles

from pipelines import tiles
from pipelines.config import DataConfig, StreamConfig
from pipelines.dataset import load_dataset

given = arguments()
dataset = load_dataset(
    DataConfig(images=str(given.folder / "images"), masks=str(given.folder / "masks"))
)
config = StreamConfig(rotation=15, zoom=0.1, shear=5, gamma=0.1, noise=0.1, blur=1)
shape = tiles.tile_shape(TILE_SIZE, 4, "padded")
stream = tiles.tile_stream(dataset, shape, batch_size=BATCH_SIZE, config=config)
count_tiles(stream, given.seconds)
