"""Settings of the run as frozen dataclasses, with their ranges beside them."""

import dataclasses
import typing
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from fmnist_report.backbones import DEFAULT
from fmnist_report.optimizers import OPTIMIZERS

LANGUAGES = ("uk", "en")
NetworkSettings = dict[str, typing.Any]  # settings of networks by the stage that trains them
FIRST_CACHED = 4  # the earliest block whose input the features hold
LEAST_STEPS = 10  # of an epoch
LEAST_MAP = 60  # t-SNE needs more images than neighbours and components

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Decay = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]
Pixels = Annotated[int, Field(ge=0, le=14)]
Images = Annotated[int, Field(ge=20)]
Precision = Literal["auto", "float32", "bfloat16"]
if typing.TYPE_CHECKING:
    OptimizerName = str
else:
    OptimizerName = Literal[tuple(OPTIMIZERS)]


@dataclass(frozen=True)
class DataSettings:
    """Which images are used. The split does not follow --seed: it is drawn once.

    n_train: training images, at most; those of Fashion-MNIST without its validation images are 55,000.
    n_val: validation images, at most.
    n_test: test images, at most.
    split_seed: of the drawing of validation images.
    side: in pixels, of the squares to which images are brought where their sizes differ or are over 224 pixels.
    skip_unreadable: whether images that cannot be read are left out, in place of a refusal that names them.
    """

    n_train: Annotated[int, Field(ge=100)] = 55_000
    n_val: Annotated[int, Field(ge=100)] = 5_000
    n_test: Annotated[int, Field(ge=100)] = 10_000
    split_seed: Count = 0
    side: Annotated[int, Field(ge=8, le=224)] = 28
    skip_unreadable: bool = False


@dataclass(frozen=True)
class TrainingSettings:
    """What every training has.

    epochs: passes over the training images.
    batch_size: images in one step; data sets of few images take fewer, so that an epoch has ten steps.
    optimizer: sgd is with Nesterov's momentum.
    schedule: of the learning rate: up and down to zero (one_cycle), down to zero (cosine), or constant.
    learning_rate: the highest of the schedule.
    weight_decay: decoupled, times the learning rate.
    label_smoothing: share of each label that is spread over all classes.
    """

    epochs: Positive = 1
    batch_size: Positive = 256
    optimizer: OptimizerName = "adamw"
    schedule: Literal["one_cycle", "cosine", "constant"] = "one_cycle"
    learning_rate: Rate = 1e-3
    weight_decay: Decay = 0.05
    label_smoothing: Share = 0.1


@dataclass(frozen=True)
class MLPSettings(TrainingSettings):
    """The multilayer perceptron and its training.

    widths: units of each hidden layer.
    dropout: share of each hidden layer's units.
    shift: pixels by which training images are shifted at most, in every direction.
    cutout: side in pixels of the square that is blacked out in training images; 0 for none.
    mirror: whether images are mirrored in every other epoch and answers averaged over both views, if the data allow it.
    precision: of the computation; auto takes bfloat16 where this machine multiplies faster in it.
    """

    widths: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1024, 1024)
    dropout: Share = 0.0
    epochs: Positive = 16
    batch_size: Positive = 1024
    optimizer: OptimizerName = "muon"
    learning_rate: Rate = 1e-2
    weight_decay: Decay = 0.02
    label_smoothing: Share = 0.05
    shift: Pixels = 1
    cutout: Pixels = 0
    mirror: bool = True
    precision: Precision = "auto"


@dataclass(frozen=True)
class CNNSettings(TrainingSettings):
    """The convolutional network of part 1 and its training.

    architecture: stages, or plain, which is two convolutions (stem, the first width) and a dense layer.
    stem: channels of the first convolution.
    widths: channels of the three stages.
    kernel: side of all kernels in pixels.
    pooling: how a stage halves its maps.
    batch_norm: whether batches are normalised.
    residual: whether each stage has a shortcut.
    mirror: whether images are mirrored in every other epoch and answers averaged over both views, if the data allow it.
    dropout: share of the averaged last maps.
    shift: pixels by which training images are shifted at most, in every direction.
    cutout: side in pixels of the square that is blacked out in training images; 0 for none.
    precision: of the computation; auto takes bfloat16 where this machine multiplies faster in it.
    """

    architecture: Literal["stages", "plain"] = "stages"
    stem: Positive = 32
    widths: tuple[Positive, Positive, Positive] = (64, 192, 192)
    kernel: Annotated[int, Field(ge=1, le=28)] = 3
    pooling: Literal["max", "average"] = "max"
    batch_norm: bool = True
    residual: bool = True
    mirror: bool = True
    dropout: Share = 0.2
    epochs: Positive = 7
    batch_size: Positive = 128
    optimizer: OptimizerName = "muon"
    learning_rate: Rate = 6e-3
    shift: Pixels = 2
    cutout: Pixels = 0
    precision: Precision = "auto"


@dataclass(frozen=True)
class FeatureSettings:
    """The convolutional base, its input and what is read from it.

    backbone: VGG16 or any other network of keras.applications, by Keras's name.
    size: side of its input in pixels; some networks need more than 32.
    batch_size: images that pass through it together.
    shard: images in one HDF5 file; what an interrupted extraction loses at most.
    precision: of the computation; auto takes bfloat16 where this machine multiplies faster in it.
    """

    backbone: str = DEFAULT
    size: Annotated[int, Field(ge=32, le=224, multiple_of=8)] = 48
    batch_size: Positive = 100
    shard: Positive = 2_500
    precision: Precision = "auto"


@dataclass(frozen=True)
class ClassifierSettings:
    """The scikit-learn classifiers on pooled features; lists are tried on validation, and extended at their edges.

    logistic_c: inverse strength of regularisation of the logistic regression.
    neighbours: so many nearest neighbours vote.
    neighbour_components: principal components in which neighbours are sought.
    shrinkage: of the covariance in linear discriminant analysis.
    """

    logistic_c: Annotated[tuple[Rate, ...], Field(min_length=1)] = (0.001, 0.003)
    neighbours: Annotated[tuple[Positive, ...], Field(min_length=1)] = (5, 10)
    neighbour_components: Positive = 96
    shrinkage: Annotated[tuple[Rate, ...], Field(min_length=1)] = (1e-3, 1e-2)


@dataclass(frozen=True)
class HeadSettings(TrainingSettings):
    """The dense head on pooled features, and its training.

    width: of its hidden layer; 0 for none, which leaves a linear classifier.
    dropout: share of the hidden layer's units.
    """

    width: Count = 512
    dropout: Share = 0.2
    epochs: Positive = 12
    batch_size: Positive = 512
    learning_rate: Rate = 2e-3


@dataclass(frozen=True)
class FineTuneSettings(TrainingSettings):
    """Training of the base's last blocks together with the head.

    unfreeze: the first block that is trained; a block is what the base computes at one resolution.
    block_decay: each block of the base learns at the rate of the block after it times this (Howard and Ruder,
    "Universal Language Model Fine-tuning for Text Classification", 2018, section 3.2).
    shift: as in cnn; where it or cutout is not 0, or a block before the fourth is trained, training begins at the
    pixels, which takes several times as long as from the cached output of the frozen blocks.
    cutout: as in cnn.
    dropout: of the head.
    easy_sample_interval: 2 shows images that the head already names with less than the mean loss in every
    other epoch, with twice the weight; 1 shows all images in every epoch, as training from pixels always does.
    precision: of the computation; auto takes bfloat16 where this machine multiplies faster in it.
    """

    epochs: Positive = 2
    batch_size: Positive = 128
    learning_rate: Rate = 6e-5
    unfreeze: Annotated[int, Field(ge=2, le=5)] = 4
    block_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    shift: Pixels = 0
    cutout: Pixels = 0
    dropout: Share = 0.2
    easy_sample_interval: Annotated[int, Field(ge=1, le=2)] = 2
    precision: Precision = "auto"


@dataclass(frozen=True)
class SeedSettings:
    """How often every network is trained. The report shows the first training and the mean and deviation of all.

    n: trainings of each network, with the seeds seed, seed + 1, …
    n_slow: the same of the convolutional and the fine-tuned network, which take longest; 0 for n.
    """

    n: Annotated[int, Field(ge=1, le=20)] = 1
    n_slow: Annotated[int, Field(ge=0, le=20)] = 0

    def count(self, short: typing.Sequence, long: typing.Sequence) -> list[tuple[typing.Any, int]]:
        """Say how often each of some trainings is done, and each of those that take longest."""
        return [(one, self.n) for one in short] + [(one, self.n_slow or self.n) for one in long]


@dataclass(frozen=True)
class StudySettings:
    """The hyperparameter study: one at a time around the chosen point, short trainings, judged on validation.

    n_train: images for the convolutional network, the first of the shuffled split, so that they are a random sample.
    n_val: validation images for it.
    feature_train: images for what reads the base's features.
    feature_val: validation images for it.
    width_divisor: the widths of the convolutional network are divided by it, so that it takes enough steps in the time.
    seeds: so often is the starting point trained; what these trainings differ by is the noise.
    cnn_steps: optimiser steps of each training of the convolutional network, whatever its batch; 0 leaves it out.
    head_steps: the same of the head.
    finetune_steps: the same of fine-tuning, which starts from a head that was trained on the same images.
    """

    n_train: Images = 20_000
    n_val: Images = 5_000
    feature_train: Images = 10_000
    feature_val: Images = 2_000
    width_divisor: Positive = 3
    seeds: Annotated[int, Field(ge=3, le=20)] = 5
    cnn_steps: Count = 300
    head_steps: Count = 160
    finetune_steps: Count = 60


@dataclass(frozen=True)
class SearchSettings:
    """The search by Optuna, on a subset.

    n_train: training images, the first of the split.
    n_val: validation images.
    width_divisor: the widths of the convolutional network are divided by it.
    parallel_trials: trials that are drawn together, so that they can be trained side by side.
    cnn_trials: trainings of the convolutional network; 0 leaves it out.
    head_trials: the same of the head.
    finetune_trials: the same of fine-tuning.
    cnn_steps: optimiser steps of each training of the convolutional network that is not pruned.
    head_steps: the same of the head.
    finetune_steps: the same of fine-tuning.
    """

    n_train: Images = 4_000
    n_val: Images = 2_000
    width_divisor: Positive = 3
    parallel_trials: Positive = 4
    cnn_trials: Count = 0
    head_trials: Count = 16
    finetune_trials: Count = 0
    cnn_steps: Count = 300
    head_steps: Count = 100
    finetune_steps: Count = 30


@dataclass(frozen=True)
class InputSettings:
    """The comparison of ways in which a greyscale image can enter the base.

    n_train: training images.
    n_val: validation images.
    """

    n_train: Images = 500
    n_val: Images = 500


@dataclass(frozen=True)
class DuplicateSettings:
    """When an image counts as a near duplicate of a training image.

    rms: root-mean-square difference in grey levels of 255, at most.
    cosine: similarity of the averages of the base's blocks 4 and 5, at least.
    """

    rms: Decay = 10.0
    cosine: Annotated[float, Field(ge=-1, le=1)] = 0.99


@dataclass(frozen=True)
class ExplainSettings:
    """What the figures of the features show.

    n_map: validation images on their map.
    """

    n_map: Annotated[int, Field(ge=LEAST_MAP)] = 1_000


@dataclass(frozen=True)
class ReportSettings:
    """What the document shows beyond its numbers.

    accent: colour of headings and links, as in CSS.
    mistakes: the most confident errors of the fine-tuned network that are shown; half as many of those that all share.
    """

    accent: str = "#0b5cad"
    mistakes: Annotated[int, Field(ge=0, le=24)] = 12


@dataclass(frozen=True)
class Settings:
    """Everything that one run depends on, apart from places and verbosity.

    deterministic: TensorFlow takes only operations that give the same bits whenever they are repeated.
    """

    preset: str = "standard"
    seed: int = 0
    deterministic: bool = False
    data: DataSettings = field(default_factory=DataSettings)
    mlp: MLPSettings = field(default_factory=MLPSettings)
    cnn: CNNSettings = field(default_factory=CNNSettings)
    features: FeatureSettings = field(default_factory=FeatureSettings)
    classifiers: ClassifierSettings = field(default_factory=ClassifierSettings)
    head: HeadSettings = field(default_factory=HeadSettings)
    finetune: FineTuneSettings = field(default_factory=FineTuneSettings)
    seeds: SeedSettings = field(default_factory=SeedSettings)
    study: StudySettings = field(default_factory=StudySettings)
    search: SearchSettings = field(default_factory=SearchSettings)
    inputs: InputSettings = field(default_factory=InputSettings)
    duplicates: DuplicateSettings = field(default_factory=DuplicateSettings)
    explain: ExplainSettings = field(default_factory=ExplainSettings)
    report: ReportSettings = field(default_factory=ReportSettings)


def take_enough_steps(settings: TrainingSettings, n_train: int) -> TrainingSettings:
    """Return the settings with batches so small that even few images make LEAST_STEPS steps an epoch."""
    return dataclasses.replace(settings, batch_size=min(settings.batch_size, max(1, n_train // LEAST_STEPS)))


def first_cached(finetune: FineTuneSettings) -> int:
    """Return the first block whose input the features hold."""
    return max(finetune.unfreeze, FIRST_CACHED)


def starts_at_pixels(finetune: FineTuneSettings) -> bool:
    """Tell whether training begins at the pixels: augmented images and earlier blocks' input are not cached."""
    return bool(finetune.shift or finetune.cutout) or finetune.unfreeze < FIRST_CACHED


def choose_networks(settings: Settings) -> NetworkSettings:
    """Return the settings of each network that trials start from or that are shown, apart from its epochs."""
    return {name: dataclasses.replace(getattr(settings, name), epochs=1) for name in ("cnn", "head", "finetune")}


def feature_bytes(settings: Settings) -> int:
    """Return the most bytes that VGG16's features take on disk: two views, float16, boundary and pooled, uncompressed.

    Most other networks pass fewer channels over the boundary; ResNet and ConvNeXt up to twice as many.
    """
    n_images = settings.data.n_train + settings.data.n_val + settings.data.n_test
    side = settings.features.size // 8
    boundary = side**2 * 256 if first_cached(settings.finetune) == FIRST_CACHED else (side // 2) ** 2 * 512
    return n_images * 2 * 2 * (boundary + ((side + 1) // 2) ** 2 * 256 + 1024)
