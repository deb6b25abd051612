"""`keras.ops.image`: images, one or a batch, of other sizes and in other colours.

`data_format` tells where the channels are: `(batch, height, width, channels)` for "channels_last", which None is too.
"""

from builder.ops.image.borders import crop_images, pad_images
from builder.ops.image.colour import hsv_to_rgb, rgb_to_grayscale, rgb_to_hsv
from builder.ops.image.patches import extract_patches, extract_patches_3d
from builder.ops.image.resizing import resize

__all__ = ["crop_images", "extract_patches", "extract_patches_3d", "hsv_to_rgb", "pad_images", "resize", "rgb_to_grayscale", "rgb_to_hsv"]
