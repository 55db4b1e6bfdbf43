import pathlib

import pytest
import tensorflow as tf

from pipelines.training import precision


@pytest.fixture
def machine(monkeypatch):
    """Pretends another machine: a GPU's compute capability, a processor's flags."""

    def pretend(capability=None, flags="", details=True):
        gpus = [] if capability is None else ["GPU:0"]
        found = {"compute_capability": capability} if details else {}
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: gpus)
        monkeypatch.setattr(
            tf.config.experimental, "get_device_details", lambda _: found
        )
        monkeypatch.setattr(pathlib.Path, "exists", lambda _: True)
        monkeypatch.setattr(
            pathlib.Path, "read_text", lambda _: f"flags\t: sse {flags}\n"
        )

    return pretend


@pytest.mark.parametrize(
    ("capability", "flags", "expected"),
    [
        (None, "", "float32"),
        (None, "avx512f avx512_vnni", "float32"),
        (None, "avx512_bf16 avx", "bfloat16"),
        (None, "amx_bf16", "bfloat16"),
        ((6, 1), "avx512_bf16", "float32"),
        ((7, 0), "", "float16"),
        ((8, 0), "", "bfloat16"),
        ((12, 0), "", "bfloat16"),
    ],
)
def test_auto_takes_what_the_machine_computes_fast(
    machine, capability, flags, expected
):
    machine(capability, flags)
    assert precision.resolve("auto") == expected


def test_a_gpu_of_unknown_capability_computes_in_float32(machine):
    machine((8, 0), details=False)
    assert precision.resolve("auto") == "float32"


@pytest.mark.parametrize("chosen", ["float32", "bfloat16", "float16"])
def test_what_is_chosen_is_taken_on_any_machine(chosen):
    assert precision.resolve(chosen) == chosen
