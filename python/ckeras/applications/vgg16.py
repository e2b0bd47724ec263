"""VGG16, and its images and classes."""

from ckeras.applications._vgg import VGG16 as VGG16
from ckeras.applications._vgg import preprocess_input as preprocess_input
from ckeras.applications.imagenet_utils import decode_predictions as decode_predictions
