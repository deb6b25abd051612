"""Augmentation: images changed at random in training, which come back as they are when serving."""

from __future__ import annotations

from typing import Any, ClassVar

from builder.errors import NetworkError
from builder.layer import Layer
from builder.layers.window import standardize_data_format
from builder.ops.symbolic import KerasTensor, TensorLike, converted, unsupported

__all__ = [
    "AugMix",
    "CutMix",
    "MixUp",
    "RandAugment",
    "RandomCrop",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomFlip",
    "RandomGaussianBlur",
    "RandomPerspective",
    "RandomRotation",
    "RandomShear",
    "RandomTranslation",
    "RandomZoom",
]

Factor = Any  # a number, or its least and greatest


class _Augmentation(Layer):
    """`images`, in the layer's dtype. The arguments matter in training only, and are kept as they are.

    A call with `training=True` would be random when serving too, and is refused while exporting.
    """

    training_only = ("bounding_box_format", "data_format")
    keeps_integers: ClassVar[bool] = False  # where Keras casts in training only

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name, value in self._arguments.items():
            setattr(self, name, standardize_data_format(value) if name == "data_format" else value)

    def call(self, data: TensorLike, training: bool | None = None) -> TensorLike:
        if not isinstance(data, KerasTensor):
            raise NetworkError(f"{type(self).__name__} gives back images, and was called on {data!r:.200}; call it on the images alone")
        if training:
            reason = f"{type(self).__name__} is called with training=True, so its answers would be random; call it without"
            return unsupported(reason, data.value.spec.shape, self.compute_dtype, data)
        return data if self.keeps_integers else converted(data, self.compute_dtype)


class AugMix(_Augmentation):
    """`images`; in training, mixed with augmented forms of themselves."""

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Factor = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)


class CutMix(_Augmentation):
    """`images`; in training, with pieces of each other."""

    def __init__(self, factor: Factor = 1.0, seed: int | None = None, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)


class MixUp(_Augmentation):
    """`images`; in training, mixed with each other."""

    keeps_integers = True

    def __init__(self, alpha: float = 0.2, data_format: str | None = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)


class RandAugment(_Augmentation):
    """`images`; in training, changed by some of Keras's augmentations."""

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_ops: int = 2,
        factor: Factor = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)


class RandomCrop(_Augmentation):
    """`images`; in training, a part of `height` times `width`.

    When serving, images of another size come back whole, as from Keras's `predict`, although Keras's own summary shows
    the size of the part.
    """

    keeps_integers = True

    def __init__(
        self, height: int, width: int, seed: int | None = None, data_format: str | None = None, name: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.autocast = False  # as Keras, which leaves these inputs alone


class RandomElasticTransform(_Augmentation):
    """`images`; in training, bent."""

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: Factor = 1.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)


class RandomErasing(_Augmentation):
    """`images`; in training, with a rectangle taken out."""

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: Factor = (0.02, 0.33),
        fill_value: Any = None,
        value_range: Any = (0, 255),
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)


class RandomFlip(_Augmentation):
    """`images`; in training, mirrored."""

    def __init__(
        self, mode: str = "horizontal_and_vertical", seed: int | None = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)


class RandomGaussianBlur(_Augmentation):
    """`images`; in training, blurred."""

    def __init__(
        self,
        factor: Factor = 1.0,
        kernel_size: Any = 3,
        sigma: Factor = 1.0,
        value_range: Any = (0, 255),
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)


class RandomPerspective(_Augmentation):
    """`images`; in training, seen from elsewhere."""

    def __init__(
        self,
        factor: Factor = 1.0,
        scale: float = 1.0,
        interpolation: str = "bilinear",
        fill_value: float = 0.0,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)


class RandomRotation(_Augmentation):
    """`images`; in training, turned."""

    def __init__(
        self,
        factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)


class RandomShear(_Augmentation):
    """`images`; in training, slanted."""

    def __init__(
        self,
        x_factor: Factor = 0.0,
        y_factor: Factor = 0.0,
        interpolation: str = "bilinear",
        fill_mode: str = "reflect",
        fill_value: float = 0.0,
        data_format: str | None = None,
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)


class RandomTranslation(_Augmentation):
    """`images`; in training, moved."""

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)


class RandomZoom(_Augmentation):
    """`images`; in training, nearer or farther."""

    def __init__(
        self,
        height_factor: Factor,
        width_factor: Factor = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
