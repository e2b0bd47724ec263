"""The residual networks of the second version, their images and classes."""

from ckeras.applications._resnet import ResNet50V2 as ResNet50V2
from ckeras.applications._resnet import ResNet101V2 as ResNet101V2
from ckeras.applications._resnet import ResNet152V2 as ResNet152V2
from ckeras.applications.imagenet_utils import decode_predictions as decode_predictions
from ckeras.applications.imagenet_utils import preprocessor

preprocess_input = preprocessor("tf")
