"""Tables of tiles and training."""

import statistics
from typing import Any

from records import origin, spread


def tile_stream(rows: list[dict[str, Any]]) -> list[str]:
    row = rows[-1]
    lines = [
        "Tiles of 256x256 a second of the stream alone, all changes switched on and a",
        f"third of the tiles on rarer classes; the aim is 400 ({origin(row)}):",
        "",
        "| | tiles/s | processor time a tile, ms |",
        "| --- | --- | --- |",
    ]
    for name, title in STREAMS.items():
        speed = spread(row["tiles_per_second"][name])
        cost = spread(row["processor_milliseconds"][name])
        lines.append(f"| {title} | {speed} | {cost} |")
    return lines


STREAMS = {
    "tiles": "image and mask",
    "tiles_and_weight_maps": "image, mask and the paper's weight map",
}


def training_speed(rows: list[dict[str, Any]]) -> list[str]:
    newest = {row["settings"]["base_filters"]: row for row in rows}
    lines = [
        "Tiles of 256x256 a second of the training step alone, padded net with batch",
        "normalisation, batches of 8, Adam:",
        "",
        "| | base_filters | tiles/s | ours is faster by | aim | from |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for base_filters, row in sorted(newest.items()):
        speeds = row["tiles_per_second"]
        for name, (title, aim) in TRAINERS.items():
            if name not in speeds:
                continue
            pairs = zip(speeds["ours"], speeds[name], strict=True)
            faster = "" if name == "ours" else spread([a / b for a, b in pairs])
            middle = statistics.median(speeds[name])
            cells = [
                title,
                str(base_filters),
                f"{middle:.1f}",
                faster,
                aim,
                origin(row),
            ]
            lines.append(f"| {' | '.join(cells)} |")
    return lines


TRAINERS = {
    "ours": ("`build_unet`, precision auto (bfloat16)", ""),
    "keras_float32": ("the same net of Keras 3's own layers, float32", "2"),
    "keras_bfloat16": ("the same, mixed_bfloat16", "1.5"),
    "medicai_bfloat16": (
        "medicai 0.0.4's `UNet`, the same encoder, mixed_bfloat16",
        "2",
    ),
    "torch_bfloat16": ("PyTorch 2.13, the same net, channels_last, bfloat16", "1.3"),
    "keras_unet_012": (
        "keras-unet 0.1.2's `custom_unet` as it comes, Keras 2.15",
        "1.5",
    ),
    "ours_keras_2": ("`build_unet` on Keras 2.15, bfloat16", ""),
}


def step_settings(rows: list[dict[str, Any]]) -> list[str]:
    row = rows[-1]
    speeds = row["tiles_per_second"]
    usual = next(iter(speeds.values()))
    lines = [
        "Tiles of 256x256 a second of a training step, by `model.fit` on one batch of",
        f"8, padded net, base_filters {row['settings']['base_filters']}, with one "
        "thing otherwise than `fit`",
        f"has it ({origin(row)}):",
        "",
        "| | tiles/s | over the first row |",
        "| --- | --- | --- |",
    ]
    for name, measured in speeds.items():
        ratios = spread([a / b for a, b in zip(measured, usual, strict=True)])
        lines.append(f"| {name} | {spread(measured)} | {ratios} |")
    return lines


def augmentation_peers(rows: list[dict[str, Any]]) -> list[str]:
    row = rows[-1]
    speeds = row["tiles_per_second"]
    ours = speeds["keras_unet_tiles"]
    lines = [
        "Tiles of 256x256 a second, cut and changed in all the ways that the peer has,",
        f"each alone on the machine; the aim is 3 times ({origin(row)}):",
        "",
        "| | tiles/s | ours is faster by |",
        "| --- | --- | --- |",
    ]
    for name, title in PEERS.items():
        ratios = [a / b for a, b in zip(ours, speeds[name], strict=True)]
        faster = "" if name == "keras_unet_tiles" else spread(ratios)
        lines.append(f"| {title} | {statistics.median(speeds[name]):.0f} | {faster} |")
    return lines


PEERS = {
    "keras_unet_tiles": "`pipelines.tiles`",
    "albumentations_loader": "albumentations, PyTorch DataLoader of 2 workers",
    "keras_layers": "Keras 3 preprocessing layers in a tf.data map (no gamma, noise)",
    "image_data_generator": (
        "`ImageDataGenerator` (no elastic deformation, gamma, noise, blur)"
    ),
}


def training_input(rows: list[dict[str, Any]]) -> list[str]:
    newest = {row["settings"].get("base_filters", 16): row for row in rows}
    lines = [
        "Training fed by the stream, everything at its default, against the bare step",
        "on one batch that lies in memory (batches of 8 tiles of 256x256); the aim is",
        "0.95:",
        "",
        "| base_filters | share of the bare step's speed | from |",
        "| --- | --- | --- |",
    ]
    for base_filters, row in sorted(newest.items()):
        share = spread(row["ratios"])
        lines.append(f"| {base_filters} | {share} | {origin(row)} |")
    return lines


def end_to_end(rows: list[dict[str, Any]]) -> list[str]:
    row = rows[-1]
    lines = [
        f"The shortest training whose net reaches V_rand {row['aim']} on the held-out",
        "slices of ISBI 2012, of those tried, from start to end of its process. The",
        f"aim is 1.2 times as fast as PyTorch ({origin(row)}):",
        "",
        "| | minutes tried | steps | V_rand | seconds | ours is faster by |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    ours = row["trainings"]["ours"][-1]["seconds"]
    for name, title in LOOPS.items():
        *missed, last = row["trainings"][name]
        reached = last["v_rand"] >= row["aim"]
        faster = f"{last['seconds'] / ours:.2f}" if name != "ours" else ""
        cells = [
            title,
            ", ".join(f"{one['minutes']:g}" for one in (*missed, last)),
            str(last["steps"]),
            f"{last['v_rand']:.3f}" + ("" if reached else " (not reached)"),
            f"{last['seconds']:.0f}",
            faster if reached else f"more than {faster}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


LOOPS = {
    "ours": "`keras-unet fit`",
    "torch": "the PyTorch loop of `accuracy_peers.py`, the same net",
}


def start_up(rows: list[dict[str, Any]]) -> list[str]:
    row = rows[-1]
    seconds = {name: spread(values) for name, values in row["seconds"].items()}
    return [
        f"Seconds, in new processes ({origin(row)}): importing TensorFlow and Keras",
        f"{seconds['tensorflow_and_keras']}; `import keras_unet` adds "
        f"{seconds['keras_unet']}; building the net and the",
        f"first training step, base_filters {row['settings']['base_filters']}: "
        f"{seconds['first_step']}. From the command `fit` to the end of its first",
        f"step, reading and checking 24 images of 512x512 included: {seconds['fit']};",
        "the aim is 15.",
    ]


def step_memory(rows: list[dict[str, Any]]) -> list[str]:
    newest = {}
    for row in rows:
        for run in row["runs"]:
            case = run["variant"], run["base_filters"], run["side"], run["precision"]
            newest[case, run["checkpointing"]] = (run, row)
    lines = [
        "Peak resident memory of the whole process, and time, of a training step with",
        "one tile (`--gradient-checkpointing` computes the features of a stage again):",
        "",
        "| variant | base_filters | tile | precision | checkpointing | peak, MB | "
        "seconds a step | from |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for (case, checkpointing), (run, row) in sorted(newest.items()):
        variant, base_filters, side, precision = case
        cells = [variant, str(base_filters), f"{side}x{side}", precision]
        cells += ["yes" if checkpointing else "no", f"{max(run['peak_megabytes']):.0f}"]
        lines.append(f"| {' | '.join([*cells, spread(run['seconds']), origin(row)])} |")
    return lines


def run_memory(rows: list[dict[str, Any]]) -> list[str]:
    newest = {
        (run["kind"], run["gibibytes"]): (run, row)
        for row in rows
        for run in row["runs"]
    }
    lines = [
        "Peak resident memory of a whole `fit` (data check, training, validation),",
        "over the size of its images:",
        "",
        "| images | size | peak, MiB | from |",
        "| --- | --- | --- | --- |",
    ]
    for (kind, gibibytes), (run, row) in sorted(newest.items()):
        size = f"{gibibytes:g} GiB" if gibibytes >= 1 else f"{1024 * gibibytes:g} MiB"
        cells = [KINDS[kind], size, f"{run['peak_mebibytes']:.0f}", origin(row)]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


KINDS = {
    "sparse": "one `.npy` file, mostly a hole",
    "repeated": "many names of one 16 MiB `.npy` file",
    "tiff": "one tiled, compressed BigTIFF",
    "held_out": "one tiled TIFF that is held out",
}
