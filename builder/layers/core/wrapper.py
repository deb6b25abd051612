"""What is around another layer."""

from typing import Any, Self

from builder.errors import NetworkError
from builder.layer import Layer
from builder.saving import deserialize

__all__ = ["Wrapper"]


class Wrapper(Layer):
    """The base of layers that have another one inside, their `layer`; a user's own subclass says in `call` what becomes of it."""

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        if not isinstance(layer, Layer):
            raise NetworkError(
                f"Layer {layer} supplied to Wrapper isn't a supported layer type. Please ensure wrapped layer is a valid layer."
            )
        super().__init__(**kwargs)
        self.layer = layer

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A layer around the one that `config` has."""
        return cls(**{**config, "layer": deserialize(config["layer"])})

    def build(self, input_shape: Any) -> None:
        if not self.layer.built:
            self.layer.build(input_shape)
            self.layer.built = True

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """What the layer inside gives."""
        return self.layer(*args, **kwargs)
