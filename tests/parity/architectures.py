"""Every architecture of keras.applications: how it is run here, and what Keras's own exporter makes of it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ARCHITECTURES", "FAMILIES", "Architecture", "Peer"]


@dataclass(frozen=True)
class Peer:
    """The file of `model.export(format="onnx")` in Keras 3.15.1 on TensorFlow 2.21.0 with tf2onnx 1.17.0.

    `fault` is why ONNX Runtime 1.32.0 cannot use it; its size is known all the same.
    """

    nodes: int
    transposes: int
    fault: str | None = None


@dataclass(frozen=True)
class Architecture:
    """An architecture with its classifier, on images of `size` by `size`.

    `gain` keeps the size of a signal on its way through random weights, without the chaos that amplifies rounding; `pixels` is
    the range of the images. `peer` is None where it was not measured: its exporter took over 10 GB for the larger ones.
    """

    size: int = 64
    gain: float = 0.75
    pixels: tuple[float, float] = (-1.0, 1.0)
    peer: Peer | None = None


_BYTES = (0.0, 255.0)  # what networks take that scale their images themselves
_STRAIGHT = 1.0  # no residuals that would let the signal grow
_SWISH = 1.0  # which lets less through than a rectifier
_UNBOUND = "an input of the graph is a constant of the normalization, and has no value"
_INVALID = "the graph is invalid"


def _convnext(peer: Peer | None = None) -> Architecture:
    return Architecture(pixels=_BYTES, peer=peer)


def _efficientnet(nodes: int | None = None, gain: float = _SWISH) -> Architecture:
    return Architecture(gain=gain, pixels=_BYTES, peer=None if nodes is None else Peer(nodes, 1, _UNBOUND))


ARCHITECTURES: dict[str, Architecture] = {
    "ConvNeXtTiny": _convnext(Peer(795, 37, _INVALID)),
    "ConvNeXtSmall": _convnext(Peer(1515, 73, _INVALID)),
    "ConvNeXtBase": _convnext(),
    "ConvNeXtLarge": _convnext(),
    "ConvNeXtXLarge": _convnext(),
    "DenseNet121": Architecture(gain=_STRAIGHT, peer=Peer(371, 1)),
    "DenseNet169": Architecture(gain=_STRAIGHT, peer=Peer(515, 1)),
    "DenseNet201": Architecture(gain=_STRAIGHT, peer=Peer(611, 1)),
    "EfficientNetB0": _efficientnet(312),
    "EfficientNetB1": _efficientnet(442),
    "EfficientNetB2": _efficientnet(442),
    "EfficientNetB3": _efficientnet(499),
    "EfficientNetB4": _efficientnet(),
    "EfficientNetB5": _efficientnet(),
    "EfficientNetB6": _efficientnet(),
    "EfficientNetB7": _efficientnet(),
    "EfficientNetV2B0": _efficientnet(335, gain=0.75),
    "EfficientNetV2B1": _efficientnet(407, gain=0.75),
    "EfficientNetV2B2": _efficientnet(426, gain=0.75),
    "EfficientNetV2B3": _efficientnet(502, gain=0.75),
    "EfficientNetV2S": _efficientnet(gain=0.75),
    "EfficientNetV2M": _efficientnet(gain=0.75),
    "EfficientNetV2L": _efficientnet(gain=0.75),
    "InceptionResNetV2": Architecture(107, _STRAIGHT, peer=Peer(580, 1)),
    "InceptionV3": Architecture(107, _STRAIGHT, peer=Peer(217, 1)),
    "MobileNet": Architecture(gain=_STRAIGHT, peer=Peer(77, 1)),
    "MobileNetV2": Architecture(gain=_STRAIGHT, peer=Peer(123, 1)),
    "MobileNetV3Large": Architecture(gain=_STRAIGHT, pixels=_BYTES, peer=Peer(369, 128)),
    "MobileNetV3Small": Architecture(gain=_STRAIGHT, pixels=_BYTES, peer=Peer(321, 106)),
    "NASNetMobile": Architecture(peer=Peer(665, 1)),
    "NASNetLarge": Architecture(),
    "ResNet50": Architecture(peer=Peer(125, 1)),
    "ResNet101": Architecture(peer=Peer(244, 1)),
    "ResNet152": Architecture(),
    "ResNet50V2": Architecture(peer=Peer(145, 1)),
    "ResNet101V2": Architecture(peer=Peer(281, 1)),
    "ResNet152V2": Architecture(),
    "VGG16": Architecture(gain=_STRAIGHT, peer=Peer(46, 2)),
    "VGG19": Architecture(gain=_STRAIGHT, peer=Peer(52, 2)),
    "Xception": Architecture(96, peer=Peer(130, 1)),
}

# The smallest of each family: what is run where the full list would take too long.
FAMILIES = (
    *("MobileNet", "MobileNetV2", "MobileNetV3Small", "ResNet50", "ResNet50V2", "Xception", "EfficientNetB0", "EfficientNetV2B0"),
    *("InceptionV3", "DenseNet121", "ConvNeXtTiny", "VGG16", "NASNetMobile", "InceptionResNetV2"),
)
