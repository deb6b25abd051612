"""`keras.ops.linalg`: matrices, as far as plain ONNX has them."""

from builder.ops.linalg.norms import norm
from builder.ops.linalg.systems import cholesky, cholesky_inverse, det, inv, lu_factor, solve, solve_triangular
from builder.ops.refused import eig, eigh, jvp, lstsq, matrix_rank, pinv, qr, svd

__all__ = [
    "cholesky",
    "cholesky_inverse",
    "det",
    "eig",
    "eigh",
    "inv",
    "jvp",
    "lstsq",
    "lu_factor",
    "matrix_rank",
    "norm",
    "pinv",
    "qr",
    "solve",
    "solve_triangular",
    "svd",
]
