"""ResNet50, and its images and classes."""

from ckeras.applications._resnet import ResNet50 as ResNet50
from ckeras.applications._resnet import preprocess_input as preprocess_input
from ckeras.applications.imagenet_utils import decode_predictions as decode_predictions
