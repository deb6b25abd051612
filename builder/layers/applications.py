"""The layers that keras.applications defines for its own networks. Keras has no public name for them; its files name them."""

from typing import Any, ClassVar

from builder import initializers
from builder.errors import NetworkError
from builder.layer import Layer
from builder.layers.regularization import _Dropout
from builder.ops.symbolic import KerasTensor, Shape

__all__ = ["CustomScaleLayer", "LayerScale", "StochasticDepth"]

_APPLICATIONS = "keras.src.applications"


class CustomScaleLayer(Layer):
    """`shortcut + residual * scale`, called on the list of the two: InceptionResNetV2 adds its branches so."""

    keras_module: ClassVar[str] = f"{_APPLICATIONS}.inception_resnet_v2"

    def __init__(self, scale: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.scale = scale

    def call(self, inputs: list[KerasTensor]) -> Any:
        if not isinstance(inputs, list | tuple) or len(inputs) != 2:
            raise NetworkError(f"CustomScaleLayer should be called on a list of 2 tensors. Received: {inputs}")
        shortcut, residual = inputs
        return shortcut + residual * self.scale


class LayerScale(Layer):
    """`inputs` times a weight for each of the `projection_dim` channels, which come last: ConvNeXt's branches end so."""

    keras_module: ClassVar[str] = f"{_APPLICATIONS}.convnext"

    def __init__(self, init_values: float, projection_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.init_values = init_values
        self.projection_dim = projection_dim

    def build(self, input_shape: Shape) -> None:
        self.gamma = self.add_weight((self.projection_dim,), initializers.Constant(self.init_values), name="gamma")

    def call(self, inputs: KerasTensor) -> Any:
        return inputs * self.gamma


class StochasticDepth(_Dropout):
    """`inputs`. Training drops the branch of some rows; a call with `training=True` is refused while exporting."""

    keras_module: ClassVar[str] = f"{_APPLICATIONS}.convnext"

    def __init__(self, drop_path_rate: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.drop_path_rate = self.rate = drop_path_rate
        self.supports_masking = False
