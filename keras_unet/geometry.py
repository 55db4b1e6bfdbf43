"""Size arithmetic of U-Nets and of their tiles, in plain Python.

A U-Net of depth d with two 3x3 convolutions a stage halves the image d times. All
functions use operators only, so those that take sizes at prediction time also take
NumPy arrays and TensorFlow tensors of integers (marked "or tensor").

Sizes are pixels along one side. `variant` is "paper" (convolutions without padding),
which is the default here, or "padded", which is that of `build_unet`: name it.
"""

import dataclasses
import numbers
from typing import Any, Literal, get_args

Variant = Literal["paper", "padded"]
VARIANTS: tuple[str, ...] = get_args(Variant)


def check_variant(variant: str) -> None:
    """Raises ValueError unless `variant` is "paper" or "padded"."""
    if variant not in VARIANTS:
        raise ValueError(
            f"variant must be one of {', '.join(VARIANTS)}, got {variant!r}."
        )


def check_depth(depth: int) -> int:
    """Returns `depth` as int; ValueError unless it is a whole number from 1 to 6."""
    whole = isinstance(depth, numbers.Integral) and not isinstance(depth, bool)
    if not whole or not 1 <= depth <= 6:
        raise ValueError(f"depth must be a whole number from 1 to 6, got {depth!r}.")
    return int(depth)


def context(depth: int = 4) -> int:
    """Returns how many pixels the convolutions reach beyond their output, on each side.

    The paper's net loses this many: 92 at depth 4, (572 - 388) / 2. Poolings see whole
    cells, so a single pixel may look up to 2**depth - 1 further; a cell of the padded
    net's grid looks 2 further (none at depth 1).
    """
    return 2 * (3 * 2**depth - 2)


def skip_crop(level: int, depth: int = 4) -> int:
    """Returns the pixels that the paper net cuts from each side of a skip.

    Args:
        level: encoder level, 0 at the full size; at depth 4 the crops of the
            levels 3, 2, 1, 0 are 4, 16, 40, 88.
        depth: number of poolings.
    """
    return 12 * 2 ** (depth - 1 - level) - 8


def least_input_size(depth: int = 4, variant: str = "paper") -> int:
    """Returns the smallest legal input size."""
    check_variant(variant)
    if variant == "padded":
        return 2**depth
    # Sizes are legal when the bottleneck's input is a whole number; the least is
    # the first for which every feature map on the way up has a pixel left.
    bottleneck = 5
    while _valid_output_from_bottleneck(bottleneck, depth) < 1:
        bottleneck += 1
    return 2**depth * bottleneck + _offset(depth, variant)


def is_legal_input_size(size: int, depth: int = 4, variant: str = "paper") -> bool:
    """Tells whether the net takes an input of this size."""
    step = 2**depth
    fits = (size - _offset(depth, variant)) % step == 0
    return fits and size >= least_input_size(depth, variant)


def nearest_input_sizes(
    size: int, depth: int = 4, variant: str = "paper"
) -> tuple[int, ...]:
    """Returns the nearest legal sizes: one below and one above, or the least one."""
    least, step = least_input_size(depth, variant), 2**depth
    if size <= least:
        return (least,)
    below = least + (size - least) // step * step
    return (below,) if below == size else (below, below + step)


def input_size_rule(depth: int = 4, variant: str = "paper") -> str:
    """Returns the rule for legal sizes in words, for example "16k + 60 (188, ...)"."""
    step, offset = 2**depth, _offset(depth, variant)
    least = least_input_size(depth, variant)
    plus = f" + {offset}" if offset else ""
    return f"{step}k{plus} ({least}, {least + step}, {least + 2 * step}, ...)"


def check_input_size(
    side: str, size: int, depth: int = 4, variant: str = "paper"
) -> None:
    """Raises ValueError that names the side, its size and the nearest legal sizes.

    Args:
        side: "height" or "width".
        size: its size in pixels.
        depth: number of poolings.
        variant: "paper" or "padded".
    """
    if not is_legal_input_size(size, depth, variant):
        nearest = " and ".join(map(str, nearest_input_sizes(size, depth, variant)))
        raise ValueError(
            f"{side}={size} does not fit the {variant} U-Net of depth {depth}: legal "
            f"sizes are {input_size_rule(depth, variant)}; nearest: {nearest}."
        )


def output_size(size: int, depth: int = 4, variant: str = "paper") -> int:
    """Returns the output size for a legal input size: 388 for the paper's 572.

    Raises:
        ValueError: the net does not take this size.
    """
    check_variant(variant)
    check_depth(depth)
    check_input_size("size", size, depth, variant)
    return size if variant == "padded" else size - 2 * context(depth)


def mirror_index(index: Any, size: Any) -> Any:
    """Returns where a pixel outside of the image is found by mirroring at its border.

    The border pixel is not repeated (NumPy's "reflect"), and any distance and any
    size down to 1 pixel are possible.

    Args:
        index: position along a side, also negative or beyond the end (or tensor).
        size: pixels along that side (or tensor).

    Returns:
        The position in [0, size) that the mirror shows there.
    """
    period = 2 * (size - 1) + 1 // size  # 1 // size keeps it from 0 at size 1
    return (size - 1) - abs(index % period - (size - 1))


@dataclasses.dataclass(frozen=True)
class TileSide:
    """How the tiles of one image side are read, computed and kept.

    Tile t keeps the image's pixels [t * core, (t + 1) * core). For them the net reads
    `input_size` pixels from t * core - before on (mirrored outside of the image), and
    of its output the core begins at `crop`. Origins lie on multiples of 2**depth and
    all context that the net sees is read, so kept pixels equal those of one pass over
    the whole image: nothing is blended.

    Attributes:
        core: pixels kept (or tensor).
        num_tiles: tiles along the side (or tensor).
        before: pixels read before the core.
        input_size: pixels read (or tensor), a legal input size.
        crop: where the core begins in the net's output.
    """

    core: Any
    num_tiles: Any
    before: int
    input_size: Any
    crop: int


def plan_side(
    size: Any, largest_core: int, depth: int = 4, variant: str = "paper"
) -> TileSide:
    """Plans the tiles along one side of an image.

    The side is shared out evenly, so that the last tile is not mostly mirror.

    Args:
        size: pixels of the image along the side, at least 1 (or tensor).
        largest_core: the most pixels that one tile may keep, at least 2**depth.
        depth: number of poolings.
        variant: "paper" or "padded".

    Raises:
        ValueError: `largest_core` is less than 2**depth, or there is no such variant.
    """
    check_variant(variant)
    step = 2**depth
    if largest_core < step:
        raise ValueError(
            f"The core of a tile must be at least {step} pixels at depth {depth}, "
            f"got {largest_core}."
        )
    core = even_core(size, largest_core, step)
    num_tiles = _ceil_divide(size, core)
    if variant == "paper":
        # The output of a legal input is 4 more than a multiple of 2**depth; the
        # first `core` of it are kept.
        before = context(depth)
        return TileSide(core, num_tiles, before, core + 4 + 2 * before, crop=0)
    # Tiles of the padded net begin on its pooling grid, where its view is lopsided:
    # of the first pixel of a pooled cell it sees 2 pixels more than `context` on this
    # side (2 fewer on the other), but for depth 1. At depth 2 that is a step more.
    reach = context(depth) + (2 if depth > 1 else 0)
    margin = _ceil_divide(reach, step) * step
    return TileSide(core, num_tiles, margin, core + 2 * margin, crop=margin)


def even_core(size: Any, largest: int, step: int) -> Any:
    """Shares a side of an image out evenly.

    Args:
        size: pixels of the image along the side, at least 1 (or tensor).
        largest: the most pixels of a part, at least `step`.
        step: of which parts are multiples.

    Returns:
        Pixels of each part along the side, but for the last one, which may have fewer.
    """
    count = _ceil_divide(size, largest // step * step)
    return _ceil_divide(_ceil_divide(size, count), step) * step


def _ceil_divide(dividend: Any, divisor: Any) -> Any:
    return (dividend + divisor - 1) // divisor


def _offset(depth: int, variant: str) -> int:
    return 0 if variant == "padded" else 4 * (2**depth - 1)


def _valid_output_from_bottleneck(size: int, depth: int) -> int:
    """Output size for a bottleneck input of `size`, or 0 when a map runs out."""
    size = max(0, size - 4)
    for _ in range(depth):
        size = max(0, 2 * size - 4)
    return size
