"""Measure what explains the results of docs/sample, and write it into its results.json.

    python benchmarks/sample_mechanisms.py --cache-dir DIR

The sample was made before these measurements. Those with permuted pixels and with the frozen blocks of VGG16 depend on
data, weights and settings alone, so they are the same as in a run of best; what fine-tuning changed in the blocks
would need its weights, and is left out. Afterwards benchmarks/reword_sample.py puts them into the documents.
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fmnist_report.evaluation.mechanisms import judge_blocks, judge_permutation, relate_likeness  # noqa: E402
from fmnist_report.experiments.blocks import build_block_reader, probe  # noqa: E402
from fmnist_report.models.base import BaseInput, set_base_weights  # noqa: E402
from fmnist_report.models.weights import load_base  # noqa: E402
from fmnist_report.networks import MAIN  # noqa: E402
from fmnist_report.pipeline.files import load_arrays, read_json, write_json  # noqa: E402
from fmnist_report.presets import preset  # noqa: E402

RESULTS = ROOT / "docs" / "sample" / "results.json"


def compute(stage: str, cache: Path) -> Path:
    """Compute a stage of best, and return its newest entry."""
    command = [sys.executable, ROOT / "run_all.py", "--preset", "best", "--only", stage, "--cache-dir", cache]
    subprocess.run(command, check=True)
    return max((path.parent for path in (cache / stage).glob("*/manifest.json")), key=lambda path: path.stat().st_mtime)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache-dir", type=Path, required=True)
    cache = parser.parse_args().cache_dir
    permutation, weights, data = (compute(stage, cache) for stage in ("permutation", "weights", "data"))
    settings, results = preset("best"), read_json(RESULTS)
    images, labels = load_arrays(data / "images.npz"), load_arrays(data / "labels.npz")
    n = {"train": settings.mechanisms.block_train, "val": settings.mechanisms.block_val}
    x, y = ({split: arrays[split][: n[split]] for split in n} for arrays in (images, labels))
    reader = build_block_reader(BaseInput(settings.features.backbone, settings.features.size))
    set_base_weights(reader, load_base(weights))
    correct = {f"frozen/{block}": right for block, right in probe(reader, x, y, settings.seed).items()}
    confusions = {name: results["models"][name]["confusion"] for name in MAIN}
    results["mechanisms"] = {
        "permutation": judge_permutation(read_json(permutation / "permutation.json")),
        "blocks": judge_blocks({"n_train": len(y["train"]), **correct}),
        "likeness": relate_likeness(images["train"], labels["train"], confusions),
    }
    write_json(RESULTS, results)


if __name__ == "__main__":
    main()
