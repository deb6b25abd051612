"""Where the channels of images are, and whether there is a batch of them."""

from builder.errors import NetworkError
from builder.ops.numpy.shaping import expand_dims, squeeze, transpose
from builder.ops.symbolic import TensorLike, shape_of

__all__ = ["as_given", "batched_first", "is_last", "rank_of"]


def is_last(data_format: str | None) -> bool:
    """Is last, for images with the channels where `data_format` says."""
    if data_format not in (None, "channels_last", "channels_first"):
        raise NetworkError(f"The `data_format` argument must be one of {{'channels_first', 'channels_last'}}. Received: {data_format}")
    return data_format != "channels_first"


def batched_first(images: TensorLike, data_format: str | None) -> tuple[TensorLike, int]:
    """The images as a batch with the channels first, and of what rank they were."""
    rank = rank_of(images)
    batched = images if rank == 4 else expand_dims(images, 0)
    return (transpose(batched, (0, 3, 1, 2)) if is_last(data_format) else batched), rank


def as_given(images: TensorLike, rank: int, data_format: str | None) -> TensorLike:
    """As given, for images with the channels where `data_format` says."""
    after = transpose(images, (0, 2, 3, 1)) if is_last(data_format) else images
    return after if rank == 4 else squeeze(after, 0)


def rank_of(images: TensorLike) -> int:
    """Rank of, for images with the channels where `data_format` says."""
    rank = len(shape_of(images))
    if rank not in (3, 4):
        raise NetworkError(
            f"Invalid images rank: expected rank 3 (single image) or rank 4 (batch of images). Received: images.shape={shape_of(images)}"
        )
    return rank
