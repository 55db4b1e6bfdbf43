"""Memory and time of a training step on one large tile, with and without checkpointing.

Adam, one tile a batch, each in a process of its own whose peak resident memory counts
as a whole, in turn over some rounds.

    python benchmarks/step_memory.py [--cases paper:64:572,padded:32:1024] [--rounds 2]
        [--precisions float32,bfloat16]

A case is variant:base_filters:side of the tile.
"""

import argparse

import peer_process
import records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default="paper:64:572,padded:32:1024")
    parser.add_argument("--precisions", default="float32,bfloat16")
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    rows = []
    for case in given.cases.split(","):
        for precision in given.precisions.split(","):
            rows += measure(case, precision, given.rounds)
            for row in rows[-2:]:
                print(row, flush=True)
    records.append("step_memory", vars(given), runs=rows)


def measure(case: str, precision: str, rounds: int) -> list[dict]:
    variant, base_filters, side = case.split(":")
    words = ["--variant", variant, "--base-filters", base_filters, "--side", side]
    words += ["--precision", precision]
    facts = {"variant": variant, "base_filters": int(base_filters), "side": int(side)}
    rows: list[dict] = [
        facts | {"precision": precision, "checkpointing": checkpointing}
        for checkpointing in (False, True)
    ]
    for _ in range(rounds):
        for row in rows:
            more = ["--checkpointing"] if row["checkpointing"] else []
            found = peer_process.figures(
                peer_process.OURS, "train_memory", [*words, *more]
            )
            for name in ("seconds", "peak_megabytes"):
                row.setdefault(name, []).append(found[name])
    return rows


if __name__ == "__main__":
    main()
