"""DINOv2 ViT-S/14 from an ONNX graph that carries its trunk: read into timm, so that it can be exported (and tuned) like any other."""

from pathlib import Path
from typing import Literal, TypeAlias

import onnx
import timm
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn

from export.networks.checkpoint import load_all
from service.errors import ArtifactError

Pooling: TypeAlias = Literal["cls", "mean", "cls_mean"]
LAYERS = 12


class PooledTrunk(nn.Module):
    """[B x 3 x S x S] -> one vector from the tokens behind the final LayerNorm."""

    def __init__(self, trunk: VisionTransformer, pooling: Pooling) -> None:
        super().__init__()
        self.trunk: VisionTransformer = trunk
        self.pooling = pooling

    def forward(self, image: Tensor) -> Tensor:
        return self.forward_head(self.forward_features(image))

    def forward_features(self, image: Tensor) -> Tensor:
        """The tokens, [B x (1 + patches) x 384]: the class token, then the patches row by row."""
        tokens: Tensor = self.trunk.forward_features(image)
        return tokens

    def forward_head(self, tokens: Tensor) -> Tensor:
        """Tokens -> one vector."""
        cls, mean = tokens[:, 0], tokens[:, 1:].mean(1)
        if self.pooling == "cls":
            return cls
        if self.pooling == "mean":
            return mean
        return torch.cat([F.normalize(cls, dim=1), F.normalize(mean, dim=1)], 1)


def build(path: Path | None, pooling: Pooling = "mean", size_px: int = 224, blocks: int = LAYERS) -> PooledTrunk:
    """The trunk of the ONNX file at `path` (None: random weights) for images of `size_px`, a multiple of 14.

    Args:
        blocks: how many of the 12 blocks to keep. The last ones learned another task (saliency) and tell individuals apart less well.
    """
    network = timm.create_model("vit_small_patch14_dinov2", pretrained=False, num_classes=0, img_size=size_px)
    if path is not None:
        load_all(network, _state(onnx.load(path), size_px // 14), "DINOv2 ViT-S/14")
    network.blocks = network.blocks[:blocks]
    return PooledTrunk(network, pooling).eval()


def _state(model: onnx.ModelProto, side: int) -> dict[str, Tensor]:
    """timm's names -> tensors. Matrices lie in the graph transposed and nameless: their node's name tells which they are."""
    raw = {item.name: torch.from_numpy(numpy_helper.to_array(item).copy()) for item in model.graph.initializer}
    products = {
        node.name: node.input[1] for node in model.graph.node if node.op_type == "MatMul" and node.input[1] in raw
    }
    try:
        state = {
            "cls_token": raw["backbone.embeddings.cls_token"],
            "pos_embed": _positions(raw, side),
            "patch_embed.proj.weight": raw["backbone.embeddings.patch_embeddings.projection.weight"],
            "patch_embed.proj.bias": raw["backbone.embeddings.patch_embeddings.projection.bias"],
            "norm.weight": raw["backbone.layernorm.weight"],
            "norm.bias": raw["backbone.layernorm.bias"],
        }
        for layer in range(LAYERS):
            state.update(_block(raw, products, layer))
    except KeyError as error:
        raise ArtifactError(f"the ONNX file does not carry a DINOv2 ViT-S/14 trunk: no {error}") from None
    return state


def _positions(raw: dict[str, Tensor], side: int) -> Tensor:
    """Position embeddings, resampled from the 37 x 37 grid they were trained on."""
    first = next(value for name, value in raw.items() if name.startswith("onnx::Concat") and value.shape == (1, 1, 384))
    grid = next(
        value for name, value in raw.items() if name.startswith("onnx::Reshape") and value.shape == (1, 1369, 384)
    )
    image = grid.reshape(1, 37, 37, 384).permute(0, 3, 1, 2)
    small = F.interpolate(image, size=(side, side), mode="bicubic", align_corners=False)
    return torch.cat([first, small.flatten(2).transpose(1, 2)], 1)


def _block(raw: dict[str, Tensor], products: dict[str, str], layer: int) -> dict[str, Tensor]:
    source, own = f"backbone.encoder.layer.{layer}", f"blocks.{layer}"
    node = f"/backbone/encoder/layer.{layer}"

    def matrix(name: str) -> Tensor:
        return raw[products[f"{node}/{name}/MatMul"]].T.contiguous()

    block = {
        f"{own}.{norm}.{part}": raw[f"{source}.{norm}.{part}"]
        for norm in ("norm1", "norm2")
        for part in ("weight", "bias")
    }
    qkv = [f"attention.attention.{name}" for name in ("query", "key", "value")]
    block[f"{own}.attn.qkv.weight"] = torch.cat([matrix(name.replace(".", "/")) for name in qkv])
    block[f"{own}.attn.qkv.bias"] = torch.cat([raw[f"{source}.{name}.bias"] for name in qkv])
    block[f"{own}.attn.proj.weight"] = matrix("attention/output/dense")
    block[f"{own}.attn.proj.bias"] = raw[f"{source}.attention.output.dense.bias"]
    for name in ("fc1", "fc2"):
        block[f"{own}.mlp.{name}.weight"] = matrix(f"mlp/{name}")
        block[f"{own}.mlp.{name}.bias"] = raw[f"{source}.mlp.{name}.bias"]
    block[f"{own}.ls1.gamma"] = raw[f"{source}.layer_scale1.lambda1"]
    block[f"{own}.ls2.gamma"] = raw[f"{source}.layer_scale2.lambda1"]
    return block
