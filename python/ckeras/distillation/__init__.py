"""Knowledge distillation: a small network learns from the outputs of a large one (Hinton et al., 2015)."""

from ckeras.distillation.distiller import Distiller
from ckeras.distillation.losses import DistillationLoss, FeatureDistillation, LogitsDistillation
