"""Colours changed at random in training; when serving, images come back as they are."""

from __future__ import annotations

from typing import Any

from builder.layers.preprocessing.augmentation import Factor, _Augmentation

__all__ = [
    "Equalization",
    "RandomBrightness",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomContrast",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPosterization",
    "RandomSaturation",
    "RandomSharpness",
    "Solarization",
]


class Equalization(_Augmentation):
    """`images`; in training, with their histograms made even, which Keras too does in training only."""

    keeps_integers = True

    def __init__(self, value_range: Any = (0, 255), bins: int = 256, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)


class RandomBrightness(_Augmentation):
    """`images`; in training, lighter or darker."""

    keeps_integers = True

    def __init__(self, factor: Factor, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)


class RandomColorDegeneration(_Augmentation):
    """`images`; in training, with weaker colours."""

    keeps_integers = True

    def __init__(
        self, factor: Factor, value_range: Any = (0, 255), data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)


class RandomColorJitter(_Augmentation):
    """`images`; in training, of another brightness, contrast, saturation and hue."""

    keeps_integers = True

    def __init__(
        self,
        value_range: Any = (0, 255),
        brightness_factor: Factor = None,
        contrast_factor: Factor = None,
        saturation_factor: Factor = None,
        hue_factor: Factor = None,
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)


class RandomContrast(_Augmentation):
    """`images`; in training, of another contrast."""

    keeps_integers = True

    def __init__(self, factor: Factor, value_range: Any = (0, 255), seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)


class RandomGrayscale(_Augmentation):
    """`images`; in training, in grey."""

    keeps_integers = True

    def __init__(self, factor: float = 0.5, data_format: str | None = None, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)


class RandomHue(_Augmentation):
    """`images`; in training, of other hues."""

    keeps_integers = True

    def __init__(
        self, factor: Factor, value_range: Any = (0, 255), data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)


class RandomInvert(_Augmentation):
    """`images`; in training, as negatives."""

    keeps_integers = True

    def __init__(
        self, factor: Factor = 1.0, value_range: Any = (0, 255), seed: int | None = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)


class RandomPosterization(_Augmentation):
    """`images`; in training, in fewer colours."""

    keeps_integers = True

    def __init__(
        self, factor: Factor, value_range: Any = (0, 255), data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)


class RandomSaturation(_Augmentation):
    """`images`; in training, of another saturation."""

    keeps_integers = True

    def __init__(
        self, factor: Factor, value_range: Any = (0, 255), data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)


class RandomSharpness(_Augmentation):
    """`images`; in training, sharper or softer."""

    def __init__(
        self, factor: Factor, value_range: Any = (0, 255), data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)


class Solarization(_Augmentation):
    """`images`; in training, with the bright parts inverted."""

    def __init__(
        self,
        addition_factor: Factor = 0.0,
        threshold_factor: Factor = 0.0,
        value_range: Any = (0, 255),
        seed: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
