"""Who may import whom; CONTRIBUTING.md has the same in words."""

import ast
import functools
import graphlib
import itertools
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[2]

# A room may import those of the rows above its own, and none of its own row. Names are
# relative to pipelines.
ROWS = [
    ("config", "export_layout", "files", "processors", "scores", "tensorflow_start"),
    ("images",),
    (
        *("results", "flags", "mirroring", "scaling", "decision", "augment"),
        "tensor_messages",
    ),
    ("dataset",),
    ("tiles", "overlap_tile"),
    ("inference", "serving_graph", "validation", "run_folder"),
    ("report",),
    (
        *("checking", "training", "evaluation", "prediction", "exporting"),
        *("describing", "own_model", "predictor"),
    ),
]
# Serving knows files and sizes, but neither the network nor what trains it.
SERVING = ("serving", "client", "dev_server")
SERVING_MAY = (
    *(*SERVING, "config", "export_layout", "files", "images", "results"),
    "tensorflow_start",
    # Of images that the client cuts itself.
    *("mirroring", "scaling", "decision", "tensor_messages"),
)
VERBS_ONLY = ("cli", "demonstration")
# Of keras_unet: what each module may import.
NETWORK = {
    "unet": {"blocks", "layers", "geometry"},
    "blocks": {"layers", "geometry"},
    "gradient_checkpointing": {"layers", "recomputing"},
    "layers": {"geometry", "fused_normalization", "recomputing"},
    "fused_normalization": {"recomputing"},
    "recomputing": set(),
    "geometry": set(),
    "border_weights": set(),
    "losses": {"loss_functions", "loss_sums", "mask_loss"},
    "loss_sums": {"mask_loss", "batches"},
    "loss_functions": {"batches"},
    "mask_loss": {"batches"},
    "metrics": {"confusion"},
    "confusion": {"batches"},
    "batches": set(),
    "guard": {"loss_course"},
    "loss_course": set(),
    "drawing": {"drawing_layout", "describe"},
    "drawing_layout": {"describe"},
    "describe": {"arguments", "geometry"},
    "arguments": set(),
}


def modules(package: str) -> dict[str, pathlib.Path]:
    return {
        str(path.relative_to(ROOT).with_suffix("")).replace("/", "."): path
        for path in sorted((ROOT / package).rglob("*.py"))
    }


@functools.cache
def imported(path: pathlib.Path) -> set[str]:
    """Full names of all modules that a file imports, at any depth of nesting."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def rooms(path: pathlib.Path, package: str) -> set[str]:
    """Modules directly under `package` that a file imports from."""
    names = {name for name in imported(path) if name.startswith(f"{package}.")}
    rooms = {name.split(".")[1] for name in names}
    return {room for room in rooms if exists(package, room)}


def exists(package: str, room: str) -> bool:
    folder = ROOT / package
    return (folder / f"{room}.py").exists() or (folder / room).is_dir()


def room_of(module: str) -> str:
    return module.split(".")[1]


def row_of(room: str) -> int:
    return next(index for index, row in enumerate(ROWS) if room in row)


PIPELINES = modules("pipelines")
del PIPELINES["pipelines.__init__"]
KERAS_UNET = modules("keras_unet")


def test_every_module_of_pipelines_has_a_place_in_the_table():
    known = {room for row in ROWS for room in row} | {*SERVING, *VERBS_ONLY}
    assert {room_of(name) for name in PIPELINES} == known


def allowed(room: str) -> set[str]:
    """The rooms that one of pipelines may import from."""
    if room in SERVING:
        return {room, *SERVING_MAY}
    return {room, *itertools.chain(*ROWS[: row_of(room)])}


def test_pipelines_import_only_the_rows_above_them():
    wrong = {
        module: rooms(path, "pipelines") - allowed(room_of(module))
        for module, path in PIPELINES.items()
        if room_of(module) not in VERBS_ONLY
    }
    assert {module: found for module, found in wrong.items() if found} == {}


def test_the_network_knows_nothing_of_the_pipelines():
    roots = {
        module: {name.split(".")[0] for name in imported(path)}
        for module, path in KERAS_UNET.items()
    }
    assert [module for module, found in roots.items() if "pipelines" in found] == []


def test_every_module_of_the_network_has_a_place_in_the_table():
    rooms = {room_of(name) for name in KERAS_UNET} - {"__init__"}
    assert rooms == set(NETWORK)


def test_the_network_imports_downward():
    wrong = {
        room: rooms(ROOT / "keras_unet" / f"{room}.py", "keras_unet") - below
        for room, below in NETWORK.items()
    }
    assert {room: found for room, found in wrong.items() if found} == {}


def test_serving_needs_no_keras():
    paths = [path for name, path in PIPELINES.items() if room_of(name) in SERVING]
    found = {name for path in paths for name in imported(path)}
    assert not {name for name in found if name.split(".")[0] == "keras"}
    of_the_network = {room for path in paths for room in rooms(path, "keras_unet")}
    assert of_the_network <= {"geometry"}


def test_the_lowest_row_needs_no_tensorflow():
    lowest = ("config", "files", "scores", "images", "results")
    found = {
        (module, name.split(".")[0])
        for module, path in PIPELINES.items()
        if room_of(module) in lowest
        for name in imported(path)
    }
    assert [
        one for one in found if one[1] in ("tensorflow", "keras", "keras_unet")
    ] == []


@pytest.mark.parametrize("package", ["keras_unet", "pipelines"])
def test_nothing_imports_tests_or_benchmarks(package):
    for path in modules(package).values():
        first = {name.split(".")[0] for name in imported(path)}
        assert not first & {"tests", "benchmarks"}


@pytest.mark.parametrize("package", ["keras_unet", "pipelines"])
def test_no_module_imports_itself_through_others(package):
    """Also within a room: TopologicalSorter raises CycleError."""
    known = {
        name: path
        for name, path in modules(package).items()
        if not name.endswith("__init__")
    }
    graph = {name: imported(path) & set(known) for name, path in known.items()}
    assert list(graphlib.TopologicalSorter(graph).static_order())
