"""The precision that training computes in."""

import pathlib

import tensorflow as tf


def resolve(precision: str) -> str:
    """Returns float32, bfloat16 or float16 for a setting that may be "auto".

    Auto is bfloat16 on GPUs from compute capability 8 on and on processors with
    bfloat16 instructions, float16 on GPUs from 7 on, and float32 elsewhere, where
    shorter numbers are slower.
    """
    if precision != "auto":
        return precision
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        major = details.get("compute_capability", (0, 0))[0]
        return "bfloat16" if major >= 8 else "float16" if major == 7 else "float32"
    return "bfloat16" if _cpu_has_bfloat16() else "float32"


def _cpu_has_bfloat16() -> bool:
    # Linux only; elsewhere float32 is always right.
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if not cpuinfo.exists():
        return False
    flags = cpuinfo.read_text().split()
    return "avx512_bf16" in flags or "amx_bf16" in flags
