"""`keras.ops`-compatible functions. On symbolic tensors each emits ONNX nodes; on arrays it computes.

Each of the packages is a namespace as Keras has it, and offers what its rooms do, all of which is here too.
"""

# ruff: noqa: F403

from builder.ops import core, einops, image, linalg, math, nn, numpy
from builder.ops.core import *
from builder.ops.einops import *
from builder.ops.linalg import *
from builder.ops.math import *
from builder.ops.nn import *
from builder.ops.numpy import *

__all__ = ["image", "linalg", "nn", "numpy"]
__all__ += core.__all__
__all__ += einops.__all__
__all__ += linalg.__all__
__all__ += math.__all__
__all__ += nn.__all__
__all__ += numpy.__all__
