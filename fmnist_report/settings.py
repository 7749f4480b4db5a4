"""Settings of a run as frozen dataclasses with validated ranges."""

import dataclasses
import typing
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from fmnist_report.backbones import DEFAULT
from fmnist_report.optimizers import OPTIMIZERS

LANGUAGES = ("uk", "en")
NetworkSettings = dict[str, typing.Any]  # network settings by the stage that trains the network
POOLED = ("block3_grid", "block4_gap", "block5_gap")  # the base's layers that the head reads
FIRST_CACHED = 4  # the earliest block whose input the features hold
LEAST_STEPS = 10  # per epoch
LEAST_MAP = 60  # t-SNE needs more images than neighbours and components

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Pixels = Annotated[int, Field(ge=0, le=14)]
Images = Annotated[int, Field(ge=20)]
Precision = Literal["auto", "float32", "bfloat16"]
if typing.TYPE_CHECKING:
    OptimizerName = str
else:
    OptimizerName = Literal[tuple(OPTIMIZERS)]


@dataclass(frozen=True)
class DataSettings:
    """The images to use. The split is drawn once and does not depend on --seed.

    n_train: Maximum number of training images; Fashion-MNIST has 55,000 without the validation images.
    n_val: Maximum number of validation images.
    n_test: Maximum number of test images.
    split_seed: Seed for the train/validation split.
    side: Side in pixels to which images are resized if their sizes differ or exceed 224 pixels.
    aspect_ratio: How such images become squares: crop cuts off the ends, pad adds black on both sides.
    pages: Pages of TIFF files that are images; auto takes all if they are the only file of a class, and otherwise asks.
    skip_unreadable: Skip images that cannot be read instead of stopping with an error that lists them.
    """

    n_train: Annotated[int, Field(ge=100)] = 55_000
    n_val: Annotated[int, Field(ge=100)] = 5_000
    n_test: Annotated[int, Field(ge=100)] = 10_000
    split_seed: Count = 0
    side: Annotated[int, Field(ge=8, le=224)] = 28
    aspect_ratio: Literal["crop", "pad"] = "crop"
    pages: Literal["auto", "first", "all"] = "auto"
    skip_unreadable: bool = False


@dataclass(frozen=True)
class TrainingSettings:
    """Settings common to all training runs.

    epochs: Passes over the training images.
    batch_size: Images per step; reduced for small data sets so that an epoch has at least ten steps.
    optimizer: Optimizer; sgd uses Nesterov momentum.
    schedule: Learning-rate schedule; one_cycle warms up and decays to zero, cosine only decays.
    learning_rate: Peak learning rate.
    weight_decay: Decoupled weight decay, scaled by the learning rate.
    label_smoothing: Fraction of each label spread evenly over all classes.
    """

    epochs: Positive = 1
    batch_size: Positive = 256
    optimizer: OptimizerName = "adamw"
    schedule: Literal["one_cycle", "cosine", "constant"] = "one_cycle"
    learning_rate: PositiveFloat = 1e-3
    weight_decay: NonNegativeFloat = 0.05
    label_smoothing: Fraction = 0.1


@dataclass(frozen=True)
class MLPSettings(TrainingSettings):
    """The multilayer perceptron and its training.

    widths: Units in each hidden layer.
    dropout: Dropout rate after each hidden layer.
    shift: Maximum random shift of training images in pixels, in each direction.
    cutout: Side in pixels of the square masked out of training images; 0 disables it.
    mirror: Horizontal flip in every other epoch and at prediction (TTA), if the data allow it.
    precision: Compute precision; auto chooses bfloat16 if it is faster on this machine.
    """

    widths: Annotated[tuple[Positive, ...], Field(min_length=1)] = (1024, 1024)
    dropout: Fraction = 0.0
    epochs: Positive = 16
    batch_size: Positive = 1024
    optimizer: OptimizerName = "muon"
    learning_rate: PositiveFloat = 1e-2
    weight_decay: NonNegativeFloat = 0.02
    label_smoothing: Fraction = 0.05
    shift: Pixels = 1
    cutout: Pixels = 0
    mirror: bool = True
    precision: Precision = "auto"


@dataclass(frozen=True)
class CNNSettings(TrainingSettings):
    """The convolutional network of part 1 and its training.

    architecture: Three blocks, or plain, i.e. two convolutions (stem and first width) and a dense layer.
    stem: Channels of the first convolution.
    widths: Channels of the three blocks.
    kernel: Kernel size of all convolutions.
    pooling: Pooling at the end of each block.
    batch_norm: Use batch normalisation.
    residual: Add a residual connection to each block.
    mirror: Horizontal flip in every other epoch and at prediction (TTA), if the data allow it.
    dropout: Dropout rate after global average pooling.
    shift: Maximum random shift of training images in pixels, in each direction.
    cutout: Side in pixels of the square masked out of training images; 0 disables it.
    precision: Compute precision; auto chooses bfloat16 if it is faster on this machine.
    """

    architecture: Literal["blocks", "plain"] = "blocks"
    stem: Positive = 32
    widths: tuple[Positive, Positive, Positive] = (64, 192, 192)
    kernel: Annotated[int, Field(ge=1, le=28)] = 3
    pooling: Literal["max", "average"] = "max"
    batch_norm: bool = True
    residual: bool = True
    mirror: bool = True
    dropout: Fraction = 0.2
    epochs: Positive = 7
    batch_size: Positive = 128
    optimizer: OptimizerName = "muon"
    learning_rate: PositiveFloat = 6e-3
    shift: Pixels = 2
    cutout: Pixels = 0
    precision: Precision = "auto"


@dataclass(frozen=True)
class FeatureSettings:
    """The convolutional base, its input and the features extracted from it.

    backbone: VGG16 or any other network of keras.applications, by its name in Keras.
    size: Input side in pixels; some networks need more than 32.
    batch_size: Images per forward pass.
    shard: Images per HDF5 file; an interrupted extraction loses at most one file.
    precision: Compute precision in Keras; auto chooses bfloat16 if it is faster on this machine.
    runtime: Library that runs the base; auto chooses MNN, in float32, for VGG16 and VGG19 if it is faster here.
    """

    backbone: str = DEFAULT
    size: Annotated[int, Field(ge=32, le=224, multiple_of=8)] = 48
    batch_size: Positive = 100
    shard: Positive = 2_500
    precision: Precision = "auto"
    runtime: Literal["auto", "keras", "mnn"] = "auto"


@dataclass(frozen=True)
class ClassifierSettings:
    """The scikit-learn classifiers on pooled features; candidates are compared on validation data.

    A list is extended when the best candidate is its first or last.

    logistic_c: Candidate values of C, the inverse regularisation strength of logistic regression.
    neighbours: Candidate numbers of neighbours.
    components: Principal components of the features, which all classifiers read.
    neighbour_components: Principal components used for the nearest-neighbour search, the first of them.
    shrinkage: Candidate shrinkage values for the covariance in linear discriminant analysis.
    """

    logistic_c: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)] = (0.001, 0.003)
    neighbours: Annotated[tuple[Positive, ...], Field(min_length=1)] = (5, 10)
    components: Positive = 1_536
    neighbour_components: Positive = 96
    shrinkage: Annotated[tuple[PositiveFloat, ...], Field(min_length=1)] = (1e-3, 1e-2)


@dataclass(frozen=True)
class HeadSettings(TrainingSettings):
    """The dense head on pooled features, and its training.

    width: Units in the hidden layer; 0 for none, i.e. a linear classifier.
    dropout: Dropout rate after the hidden layer.
    """

    width: Count = 512
    dropout: Fraction = 0.2
    epochs: Positive = 12
    batch_size: Positive = 512
    learning_rate: PositiveFloat = 2e-3


@dataclass(frozen=True)
class FineTuneSettings(TrainingSettings):
    """Training of the base's last blocks together with the head.

    unfreeze: First block to train; a block is the part of the base that works at one resolution.
    block_decay: Learning-rate multiplier from each block to the one before it (Howard and Ruder,
    "Universal Language Model Fine-tuning for Text Classification", 2018, section 3.2).
    shift: Maximum random shift in pixels; if it or cutout is not 0, or a block before the fourth is trained,
    training starts from pixels, which takes several times as long as from cached features.
    cutout: Side in pixels of the square masked out of training images; 0 disables it.
    dropout: Dropout rate in the head.
    easy_sample_interval: Train on images with a below-average head loss every n-th epoch, with n times the weight;
    training from pixels always uses 1.
    precision: Compute precision; auto chooses bfloat16 if it is faster on this machine.
    """

    epochs: Positive = 2
    batch_size: Positive = 128
    learning_rate: PositiveFloat = 6e-5
    unfreeze: Annotated[int, Field(ge=2, le=5)] = 4
    block_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    shift: Pixels = 0
    cutout: Pixels = 0
    dropout: Fraction = 0.2
    easy_sample_interval: Annotated[int, Field(ge=1, le=2)] = 2
    precision: Precision = "auto"


@dataclass(frozen=True)
class SeedSettings:
    """Training runs per network. The report shows the first run, and the mean and deviation of all.

    n: Training runs per network, with the seeds seed, seed + 1, …
    n_slow: Training runs of the two slowest networks, convolutional and fine-tuned; 0 for the value of n.
    """

    n: Annotated[int, Field(ge=1, le=20)] = 1
    n_slow: Annotated[int, Field(ge=0, le=20)] = 0


@dataclass(frozen=True)
class StudySettings:
    """The hyperparameter study: one change at a time to the baseline, short runs on few images, compared on validation.

    n_train: Training images for the convolutional network, the first of the split, which is in random order.
    n_val: Validation images for the convolutional network.
    feature_train: Training images for the models on the base's features.
    feature_val: Validation images for the models on the base's features.
    width_divisor: Divisor of the convolutional network's widths, to fit more steps into the time.
    seeds: Training runs of the baseline and of every value, each with another seed.
    repeats: Number of largest effects per network that are confirmed in runs four times as long.
    cnn_steps: Optimizer steps per run of the convolutional network, regardless of batch size; 0 skips it.
    head_steps: Optimizer steps per run of the head; 0 skips it.
    finetune_steps: Optimizer steps per fine-tuning run, which starts from a head trained on the same images; 0 skips.
    """

    n_train: Images = 4_000
    n_val: Images = 2_500
    feature_train: Images = 4_000
    feature_val: Images = 2_000
    width_divisor: Positive = 3
    seeds: Annotated[int, Field(ge=2, le=20)] = 2
    repeats: Count = 3
    cnn_steps: Count = 300
    head_steps: Count = 160
    finetune_steps: Count = 0


@dataclass(frozen=True)
class MechanismSettings:
    """The measurements that explain results: training with permuted pixels, and classifiers on single blocks.

    n_train: Training images of the runs with permuted pixels.
    n_val: Validation images of the runs with permuted pixels.
    steps: Optimizer steps per run with permuted pixels, regardless of batch size.
    seeds: Training runs per network, with pixels as they are and permuted.
    block_train: Training images of the classifiers on single blocks of the base.
    block_val: Validation images of the classifiers on single blocks of the base.
    """

    n_train: Images = 4_000
    n_val: Images = 2_500
    steps: Positive = 200
    seeds: Annotated[int, Field(ge=2, le=20)] = 2
    block_train: Images = 1_500
    block_val: Images = 1_500


@dataclass(frozen=True)
class InputSettings:
    """The comparison of preprocessing variants that turn a greyscale image into the base's input.

    n_train: Training images.
    n_val: Validation images.
    """

    n_train: Images = 500
    n_val: Images = 500


@dataclass(frozen=True)
class DuplicateSettings:
    """The criteria for a near duplicate of a training image.

    rms: Maximum root-mean-square difference, in grey levels from 0 to 255.
    cosine: Minimum cosine similarity of the pooled features of the base's blocks 4 and 5.
    """

    rms: NonNegativeFloat = 10.0
    cosine: Annotated[float, Field(ge=-1, le=1)] = 0.99


@dataclass(frozen=True)
class ExplainSettings:
    """The t-SNE map of the features.

    n_map: Validation images on the t-SNE map.
    """

    n_map: Annotated[int, Field(ge=LEAST_MAP)] = 1_000


@dataclass(frozen=True)
class ReportSettings:
    """The appearance and galleries of the report.

    accent: CSS colour of headings and links.
    mistakes: Number of the fine-tuned network's most confident errors to show; half as many of those shared by all.
    """

    accent: str = "#0b5cad"
    mistakes: Annotated[int, Field(ge=0, le=24)] = 6


@dataclass(frozen=True)
class Settings:
    """Everything that a run depends on, apart from paths and verbosity.

    deterministic: Restrict TensorFlow to deterministic operations, so that results are bit-for-bit reproducible.
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
    mechanisms: MechanismSettings = field(default_factory=MechanismSettings)
    inputs: InputSettings = field(default_factory=InputSettings)
    duplicates: DuplicateSettings = field(default_factory=DuplicateSettings)
    explain: ExplainSettings = field(default_factory=ExplainSettings)
    report: ReportSettings = field(default_factory=ReportSettings)


def limit_batch_size(settings: TrainingSettings, n_train: int) -> TrainingSettings:
    """Return the settings with a batch size that gives at least LEAST_STEPS steps per epoch."""
    return dataclasses.replace(settings, batch_size=min(settings.batch_size, max(1, n_train // LEAST_STEPS)))


def first_cached(finetune: FineTuneSettings) -> int:
    """Return the first block whose input the features hold."""
    return max(finetune.unfreeze, FIRST_CACHED)


def starts_at_pixels(finetune: FineTuneSettings) -> bool:
    """Return whether training starts from pixels: augmented images and earlier blocks' inputs are not cached."""
    return bool(finetune.shift or finetune.cutout) or finetune.unfreeze < FIRST_CACHED


def without_epochs(settings: Settings) -> NetworkSettings:
    """Return the settings of the networks that explain and browser_model load, with one epoch, for their keys."""
    return {name: dataclasses.replace(getattr(settings, name), epochs=1) for name in ("cnn", "head", "finetune")}


def feature_bytes(settings: Settings) -> int:
    """Return the maximum size of VGG16's features on disk in bytes: two views, float16, uncompressed.

    Most other networks have fewer channels at the boundary; ResNet and ConvNeXt have up to twice as many.
    """
    n_images = settings.data.n_train + settings.data.n_val + settings.data.n_test
    side = settings.features.size // 8
    boundary = side**2 * 256 if first_cached(settings.finetune) == FIRST_CACHED else (side // 2) ** 2 * 512
    return n_images * 2 * 2 * (boundary + ((side + 1) // 2) ** 2 * 256 + 1024)
