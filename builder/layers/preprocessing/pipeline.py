"""Pipeline: layers one after another, as one layer."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Self

from builder.errors import NetworkError
from builder.layer import Layer
from builder.saving import deserialize

__all__ = ["Pipeline"]


class Pipeline(Layer):
    """The layers one after another: what each gives is what the next is called on."""

    def __init__(self, layers: Sequence[Layer], name: str | None = None) -> None:
        super().__init__(name=name)
        if stranger := next((item for item in layers if not isinstance(item, Layer)), None):
            raise NetworkError(f"Pipeline takes layers. Received: {stranger!r} (of type {type(stranger).__name__})")
        self._pipeline_layers = list(layers)
        self.autocast = False

    @property
    def layers(self) -> list[Layer]:
        """The layers in order."""
        return self._pipeline_layers

    def children(self) -> list[tuple[str, Any]]:
        return [("layers", self._pipeline_layers)]

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        outputs = inputs
        for layer in self._pipeline_layers:
            takes = "training" in inspect.signature(layer.call).parameters
            outputs = layer(outputs, **({"training": training} if takes and training is not None else {}))
        return outputs

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments; Keras's own take a name and nothing else."""
        return {key: value for key, value in super().get_config().items() if key in ("layers", "name")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """A pipeline of the layers that `config` has."""
        if not isinstance(config.get("layers"), list | tuple):
            raise NetworkError("`Pipeline` config must contain a `layers` key mapping to a list of serialized layers.")
        return cls(**{**config, "layers": [deserialize(layer) for layer in config["layers"]]})
