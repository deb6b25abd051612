"""Keras's layers, a file for each of its families."""

from builder.input_spec import InputSpec
from builder.layer import Layer
from builder.layers.activation import Activation, ReLU, Softmax
from builder.layers.convolution import Conv2D, Convolution2D
from builder.layers.core import Dense, Input, InputLayer
from builder.layers.merging import Add, Concatenate
from builder.layers.normalization import BatchNormalization
from builder.layers.pooling import (
    AveragePooling2D,
    AvgPool2D,
    GlobalAveragePooling2D,
    GlobalAvgPool2D,
    MaxPool2D,
    MaxPooling2D,
)
from builder.layers.regularization import Dropout
from builder.layers.reshaping import Flatten, Reshape

__all__ = [
    "Activation",
    "Add",
    "AveragePooling2D",
    "AvgPool2D",
    "BatchNormalization",
    "Concatenate",
    "Conv2D",
    "Convolution2D",
    "Dense",
    "Dropout",
    "Flatten",
    "GlobalAveragePooling2D",
    "GlobalAvgPool2D",
    "Input",
    "InputLayer",
    "InputSpec",
    "Layer",
    "MaxPool2D",
    "MaxPooling2D",
    "ReLU",
    "Reshape",
    "Softmax",
]
