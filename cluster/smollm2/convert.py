"""Turn the packaged GGUF into what vLLM reads: safetensors with a tokenizer beside them.

Runs inside the Ray image, which has torch and transformers; what reading a GGUF needs besides is
in a folder of its own on PYTHONPATH. Arguments: the GGUF, the folder to fill.
"""

import sys
from pathlib import Path

import torch  # type: ignore[import-not-found]
from transformers import AutoModelForCausalLM, AutoTokenizer  # type: ignore[import-not-found]


def convert(gguf: Path, target: Path) -> None:
    where = {"pretrained_model_name_or_path": gguf.parent, "gguf_file": gguf.name}
    packed = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.bfloat16)
    config = packed.config
    if hasattr(config, "quantization_config"):  # what is written is not quantized
        del config.quantization_config
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.load_state_dict(packed.state_dict())
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(**where).save_pretrained(target)
    for path in target.iterdir():  # whatever user a Pod runs as reads it
        path.chmod(0o644)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
