"""The residual networks of the first version, their images and classes."""

from ckeras.applications._resnet import ResNet50 as ResNet50
from ckeras.applications._resnet import ResNet101 as ResNet101
from ckeras.applications._resnet import ResNet152 as ResNet152
from ckeras.applications._resnet import preprocess_input as preprocess_input
from ckeras.applications.imagenet_utils import decode_predictions as decode_predictions
