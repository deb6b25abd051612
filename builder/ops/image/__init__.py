"""`keras.ops.image`: images, one or a batch, of other sizes and in other colours.

`data_format` tells where the channels are: `(batch, height, width, channels)` for "channels_last", which None is too.
"""

from builder.ops.image.borders import crop_images, pad_images
from builder.ops.image.colour import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from builder.ops.image.filters import gaussian_blur, sobel_edges
from builder.ops.image.patches import extract_patches, extract_patches_3d
from builder.ops.image.resizing import resize
from builder.ops.image.scaling import scale_and_translate
from builder.ops.image.similarity import ssim
from builder.ops.image.warping import affine_transform, map_coordinates, perspective_transform
from builder.ops.refused import elastic_transform

__all__ = [
    "affine_transform",
    "crop_images",
    "elastic_transform",
    "extract_patches",
    "extract_patches_3d",
    "gaussian_blur",
    "hsv_to_rgb",
    "map_coordinates",
    "pad_images",
    "perspective_transform",
    "resize",
    "rgb_to_grayscale",
    "rgb_to_hsv",
    "scale_and_translate",
    "sobel_edges",
    "ssim",
]
