"""Rows of the layer table: preprocessing."""

from typing import Any

from tests.builder.rows.row import Inner, Row

IMAGE = ((5, 6, 3),)
SIGNAL = ((40,),)
STILL: dict[str, Any] = {"training": False}  # Keras's layers that act at random do so unless they are told


def _still(layer: str, dtype: str = "float32", shapes: Any = IMAGE, **arguments: Any) -> Row:
    return Row(layer, arguments, shapes, dtype, call=STILL)


ROWS = {
    "rescaling": Row("Rescaling", {"scale": 1 / 127.5, "offset": -1.0}, IMAGE),
    "rescaling of bytes": Row("Rescaling", {"scale": 1 / 255}, IMAGE, "uint8"),
    "rescaling of each channel": Row("Rescaling", {"scale": [0.5, 2.0, 3.0], "offset": [1.0, 0.0, -1.0]}, IMAGE),
    "rescaling in 16 bits": Row("Rescaling", {"scale": 0.5, "offset": 1, "dtype": "mixed_float16"}, IMAGE, tolerance=1e-3),
    "normalization": Row("Normalization", {"mean": [1.0, 2.0, 0.5, -1.0], "variance": [4.0, 1.0, 0.0, 0.25]}),
    "normalization by one number": Row("Normalization", {"mean": 3.0, "variance": 2.0}, ((3, 4),), "int32"),
    "normalization along two axes": Row(
        "Normalization", {"axis": [-1, 1], "mean": [[1.0], [2.0]], "variance": [[2.0], [3.0]]}, ((2, 3, 1),)
    ),
    "normalization, undone": Row("Normalization", {"mean": [1.0, 2.0], "variance": [4.0, 0.0], "invert": True}, ((3, 2),)),
    "categories that are there": Row("CategoryEncoding", {"num_tokens": 4}, ((3,),), "int32"),
    "categories, one by one": Row("CategoryEncoding", {"num_tokens": 4, "output_mode": "one_hot"}, ((3,),), "int32"),
    "one category": Row("CategoryEncoding", {"num_tokens": 4, "output_mode": "one_hot"}, ((1,),), "int32"),
    "categories counted": Row("CategoryEncoding", {"num_tokens": 4, "output_mode": "count"}, ((5,),), "int32"),
    "ranges": Row("Discretization", {"bin_boundaries": [-1.0, 0.0, 2.5]}, ((3, 2),)),
    "ranges that are there": Row("Discretization", {"bin_boundaries": [0.0, 2.0], "output_mode": "multi_hot"}, ((4,),)),
    "ranges counted": Row("Discretization", {"bin_boundaries": [0.0, 2.0], "output_mode": "count", "dtype": "float16"}, ((4,),)),
    "resizing of bytes": Row("Resizing", {"height": 8, "width": 3}, IMAGE, "uint8"),
    "resizing to the nearest": Row("Resizing", {"height": 3, "width": 7, "interpolation": "nearest"}, IMAGE, "uint8"),
    "resizing by cubes to less": Row("Resizing", {"height": 3, "width": 4, "interpolation": "bicubic", "antialias": True}, IMAGE),
    "resizing by five lobes": Row("Resizing", {"height": 7, "width": 4, "interpolation": "lanczos5", "antialias": True}, IMAGE),
    "resizing of the middle": Row("Resizing", {"height": 4, "width": 4, "crop_to_aspect_ratio": True}, IMAGE),
    "resizing with margins": Row("Resizing", {"height": 9, "width": 4, "pad_to_aspect_ratio": True, "fill_value": 2.0}, IMAGE),
    "resizing with the channels first": Row("Resizing", {"height": 4, "width": 4, "data_format": "channels_first"}, ((3, 5, 6),)),
    "the middle": Row("CenterCrop", {"height": 3, "width": 3}, IMAGE),
    "the middle of what is too small": Row("CenterCrop", {"height": 7, "width": 4}, IMAGE),
    "the middle with the channels first": Row("CenterCrop", {"height": 2, "width": 5, "data_format": "channels_first"}, ((3, 5, 6),)),
    "a pipeline": Row(
        "Pipeline",
        {"layers": [Inner("Rescaling", {"scale": 2.0, "name": "a"}), Inner("CenterCrop", {"height": 3, "width": 2, "name": "b"})]},
        IMAGE,
    ),
    "contrast": Row("AutoContrast", {}, IMAGE, tolerance=1e-4),
    "contrast of bytes": Row("AutoContrast", {}, IMAGE, "uint8", 1e-3),
    "contrast by tiles": Row(
        "ContrastLimitedAdaptiveHistogramEqualization",
        {"value_range": (-9, 9), "tile_grid_size": (2, 1), "data_format": "channels_first"},
        ((2, 5, 4),),
        tolerance=1e-4,
    ),
    "images without boxes": Row("MaxNumBoundingBoxes", {"max_number": 3}, IMAGE),
    "spectrogram by mel": Row(
        "MelSpectrogram",
        {
            "fft_length": 16,
            "sequence_length": 11,
            "sequence_stride": 5,
            "num_mel_bins": 4,
            "sampling_rate": 100,
            "min_freq": 0.0,
            "window": "hamming",
            "power_to_db": False,
            "mag_exp": 1.0,
            "max_freq": 40.0,
        },
        SIGNAL,
        tolerance=1e-4,
    ),
    "spectrogram": Row("STFTSpectrogram", {"frame_length": 8}, ((30, 2),), tolerance=1e-4),
    "spectrogram of powers": Row("STFTSpectrogram", {"frame_length": 7, "mode": "psd", "padding": "same"}, ((30, 2),), tolerance=1e-4),
    "spectrogram of magnitudes as an image": Row(
        "STFTSpectrogram", {"frame_length": 8, "mode": "magnitude", "expand_dims": True, "frame_step": 3}, ((30, 2),), tolerance=1e-4
    ),
    "spectrogram of sines, longer": Row(
        "STFTSpectrogram", {"frame_length": 6, "fft_length": 16, "mode": "imag", "periodic": True}, ((30, 1),), tolerance=1e-4
    ),
    "spectrogram of both": Row(
        "STFTSpectrogram",
        {"frame_length": 8, "mode": "stft", "data_format": "channels_first", "scaling": "spectrum"},
        ((2, 30),),
        tolerance=1e-4,
    ),
    "augmentation by mixing": _still("AugMix"),
    "augmentation by cutting": _still("CutMix", factor=0.5),
    "even histograms, in training": Row("Equalization", {"bins": 16, "dtype": "mixed_float16"}, IMAGE, call=STILL),
    "mixtures": _still("MixUp", "uint8", alpha=0.3),
    "augmentation at random": _still("RandAugment", num_ops=1),
    "augmentation of brightness": _still("RandomBrightness", "uint8", factor=0.2),
    "augmentation of strength": _still("RandomColorDegeneration", factor=(0.1, 0.2)),
    "augmentation of colours": _still("RandomColorJitter", hue_factor=0.1, data_format="channels_last"),
    "augmentation of contrast": _still("RandomContrast", factor=0.4),
    "augmentation by cropping, of the right size": _still("RandomCrop", height=5, width=6, seed=3),
    "augmentation by bending": _still("RandomElasticTransform", scale=0.5),
    "augmentation by erasing": _still("RandomErasing", "uint8", factor=0.5),
    "augmentation by mirroring": _still("RandomFlip", "uint8", mode="horizontal", seed=4),
    "augmentation by blurring": _still("RandomGaussianBlur", kernel_size=5),
    "augmentation by greying": _still("RandomGrayscale", "uint8", factor=0.2),
    "augmentation of hue": _still("RandomHue", factor=0.2),
    "augmentation by inverting": _still("RandomInvert"),
    "augmentation of perspective": _still("RandomPerspective", interpolation="nearest"),
    "augmentation by fewer colours": _still("RandomPosterization", factor=4),
    "augmentation by turning": _still("RandomRotation", factor=0.1, data_format="channels_first", shapes=((3, 4, 5),)),
    "augmentation of saturation": _still("RandomSaturation", factor=0.3),
    "augmentation of sharpness": _still("RandomSharpness", factor=0.3),
    "augmentation by slanting": _still("RandomShear", x_factor=0.2),
    "augmentation by moving": _still("RandomTranslation", height_factor=0.1, width_factor=(-0.1, 0.2), fill_mode="nearest"),
    "augmentation by zooming": _still("RandomZoom", height_factor=0.1),
    "augmentation by sunlight": _still("Solarization", threshold_factor=0.2),
}
