"""Who may import whom; CONTRIBUTING.md has the same in words."""

import ast
import graphlib
import pathlib

import pytest

ROOT = pathlib.Path(__file__).parents[2]

# A room may import those of the rows above its own, and none of its own row. Names are
# relative to pipelines.
ROWS = [
    (
        *("config", "export_layout", "images", "processors", "scores"),
        "tensorflow_start",
    ),
    (
        "flags",
        "mirroring",
        "scaling",
        "decision",
        "augment",
        "tensor_messages",
        "write_errors",
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
    *(*SERVING, "config", "export_layout", "images", "tensorflow_start"),
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


PIPELINES = [name for name in modules("pipelines") if name != "pipelines.__init__"]


def test_every_module_of_pipelines_has_a_place_in_the_table():
    known = {room for row in ROWS for room in row} | {*SERVING, *VERBS_ONLY}
    assert {room_of(name) for name in PIPELINES} == known


@pytest.mark.parametrize("module", PIPELINES)
def test_pipelines_import_only_the_rows_above_them(module):
    room = room_of(module)
    found = rooms(modules("pipelines")[module], "pipelines") - {room}
    if room in VERBS_ONLY:
        return
    if room in SERVING:
        assert found <= set(SERVING_MAY)
        return
    allowed = {other for row in ROWS[: row_of(room)] for other in row}
    assert found <= allowed


@pytest.mark.parametrize("module", modules("keras_unet"))
def test_the_network_knows_nothing_of_the_pipelines(module):
    assert not rooms(modules("keras_unet")[module], "pipelines")
    assert not {"pipelines"} & imported(modules("keras_unet")[module])


def test_every_module_of_the_network_has_a_place_in_the_table():
    rooms = {room_of(name) for name in modules("keras_unet")} - {"__init__"}
    assert rooms == set(NETWORK)


@pytest.mark.parametrize("room", NETWORK)
def test_the_network_imports_downward(room):
    path = ROOT / "keras_unet" / f"{room}.py"
    assert rooms(path, "keras_unet") <= NETWORK[room]


@pytest.mark.parametrize("module", [m for m in PIPELINES if room_of(m) in SERVING])
def test_serving_needs_no_keras(module):
    found = imported(modules("pipelines")[module])
    assert not {name for name in found if name.split(".")[0] == "keras"}
    assert rooms(modules("pipelines")[module], "keras_unet") <= {"geometry"}


@pytest.mark.parametrize(
    "module", [m for m in PIPELINES if room_of(m) in ("config", "scores", "images")]
)
def test_the_lowest_row_needs_no_tensorflow(module):
    found = {name.split(".")[0] for name in imported(modules("pipelines")[module])}
    assert not found & {"tensorflow", "keras", "keras_unet"}


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
