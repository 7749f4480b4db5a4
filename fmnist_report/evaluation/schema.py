"""The types of results.json, format 3; a report's own copy has also what it read beside it (the last fields).

Accuracies and shares are fractions, differences of accuracies too; losses are cross-entropies in nats. low and high are
the ends of an interval of 95 %.
"""

import typing


class Interval(typing.TypedDict):
    """A difference and the ends of its interval."""

    difference: float
    low: float
    high: float


class Dataset(typing.TypedDict):
    """The images and their classes.

    given: splits that the data set has itself; labels: the classes' labels in the files; names: class names in the
    files; skipped, unreadable, notes: what was left out, and how files were read; sha256: digest of all files.
    """

    n_train: int
    n_val: int
    n_test: int
    height: int
    width: int
    mirror: bool
    labels: list[int]
    names: list[str]
    given: list[str]
    skipped: dict[str, int]
    unreadable: int
    sha256: str
    notes: list[dict[str, typing.Any]]


class ClassScore(typing.TypedDict):
    """Scores of one class on the test set; support: its images."""

    precision: float
    recall: float
    f1: float
    n_errors: int
    support: int


class Bin(typing.TypedDict):
    """A bin of the reliability diagram: n images, mean confidence, and accuracy."""

    n: int
    confidence: float
    accuracy: float


class TrainEval(typing.TypedDict):
    """Loss and accuracy on n training images, computed as on validation."""

    n: int
    train_loss: float
    train_accuracy: float


class Layer(typing.TypedDict):
    """A layer; macs: multiplications for one image."""

    name: str
    type: str
    output_shape: list[int]
    n_params: int
    n_trainable: int
    macs: int


class Model(typing.TypedDict):
    """A network or classifier on the test set.

    confusion: counts, (true, predicted); ece: expected calibration error, also after temperature scaling; history:
    values by epoch; mirror_gain: validation accuracy gained by averaging over mirror images, None if there are none;
    macs_per_prediction, ms_per_prediction, total_seconds: with the base and all views; train_eval: None for some.
    """

    test_accuracy: float
    test_accuracy_ci95: list[float]
    test_accuracy_without_near: float | None
    val_accuracy: float
    val_minus_test: Interval
    train_eval: TrainEval | None
    confusion: list[list[int]]
    per_class: list[ClassScore]
    macro_f1: float
    ece: float
    ece_scaled: float
    temperature: float
    reliability: list[Bin]
    history: dict[str, list[float]]
    layers: list[Layer]
    precision: str
    n_params: int
    n_trainable: int
    n_views: int
    macs: int
    macs_per_prediction: int
    ms_per_prediction: float
    predict_ms_per_image: float
    train_seconds: float
    total_seconds: float
    mirror_gain: float | None


class Test(typing.TypedDict):
    """McNemar's test of two models on the same images; only_a, only_b: images that only one classifies correctly."""

    difference: float
    ci95_low: float
    ci95_high: float
    p_value: float
    only_a: int
    only_b: int


class Comparison(Test):
    """The test of a minus b on the test set, with Holm's correction over all comparisons."""

    a: str
    b: str
    holm_low: float
    holm_high: float
    p_holm: float


class Spread(typing.TypedDict):
    """Accuracies of training runs with different seeds, and their mean and standard deviation."""

    accuracies: list[float]
    mean: float
    sd: float


class SpreadOfSplits(typing.TypedDict):
    """The spread on validation and on the test set."""

    val: Spread
    test: Spread


class Classifier(typing.TypedDict):
    """A classifier of scikit-learn on frozen features; tried: candidate values with their validation accuracies."""

    parameter: float
    tried: list[list[float]]
    val_accuracy: float
    n_components: int
    n_params: int
    n_views: int
    macs: int


class Features(typing.TypedDict):
    """The frozen base and its features; n_cells: side of block 3's grid; speed: the machine's, None if unknown."""

    backbone: str
    size: int
    runtime: str
    precision: str
    seconds: float
    speed: dict[str, typing.Any] | None
    n_features: int
    n_cells: int
    scale: list[float]
    offset: list[float]


class StudyBaseline(typing.TypedDict):
    """The chosen settings in the study: losses and accuracies by seed; half_width: of seed-to-seed variation."""

    losses: list[float]
    accuracies: list[float]
    mean: float
    sd: float
    half_width: float
    learning_rate: float
    batch_size: int
    optimizer: str
    rates: list[dict[str, typing.Any]]


class StudyRow(typing.TypedDict):
    """A changed setting in the study, as experiments.study.rows_of and confirm describe it."""

    network: str
    group: str
    factor: str
    value: str
    chosen: bool
    ranked: bool
    val_accuracy: float
    val_loss: float
    seconds: float
    effect: float
    exceeds_noise: bool
    longer_effect: float | None
    confirmed: bool


class StudyFactor(typing.TypedDict):
    """A setting in the study, as experiments.study.rank_factors describes it."""

    network: str
    group: str
    factor: str
    value: str
    effect: float
    exceeds_noise: bool
    confirmed: bool
    best: str
    gain: float
    best_confirmed: bool


class AblationRow(typing.TypedDict):
    """A step of an ablation; its gain over the step before, which the first lacks."""

    component: str
    network: str
    val_accuracy: float
    gain: typing.NotRequired[float]
    low: typing.NotRequired[float]
    high: typing.NotRequired[float]
    exceeds_noise: typing.NotRequired[bool]


class Study(typing.TypedDict):
    """The study of short training runs."""

    baselines: dict[str, StudyBaseline]
    rows: list[StudyRow]
    factors: list[StudyFactor]
    ablations: dict[str, list[AblationRow]]
    n_seeds: int
    n_steps: dict[str, int]
    longer: int
    n_train: int
    n_val: int
    feature_train: int
    feature_val: int


class InputRow(typing.TypedDict):
    """A variant of preprocessing for the base."""

    network: str
    group: str
    factor: str
    value: str
    chosen: bool
    val_accuracy: float
    ci95: list[float]
    seconds: float


class Inputs(typing.TypedDict):
    """The comparison of variants of preprocessing."""

    rows: list[InputRow]
    n_train: int
    n_val: int
    conversion_epochs: int


class DuplicateCounts(typing.TypedDict):
    """Images of a split that are exact or near duplicates of training images, by either criterion or one of them."""

    n: int
    n_exact: int
    n_near: int
    n_near_pixels: int
    n_near_features: int


class Duplicates(typing.TypedDict):
    """Near duplicates: pixels differ by at most rms, or features have at least this cosine."""

    rms: float
    cosine: float
    shown_rms: list[float]
    val: DuplicateCounts
    test: DuplicateCounts


class PermutedNetwork(Interval):
    """What permuted pixels cost a network: accuracies with whole and with permuted images, and their difference."""

    whole: float
    permuted: float


class Permutation(typing.TypedDict):
    """Training with permuted pixels, as evaluation.mechanisms.judge_permutation judges it."""

    networks: dict[str, PermutedNetwork]
    against: dict[str, Interval]
    n_train: int
    n_val: int
    n_steps: int
    n_seeds: int


class BlockRow(typing.TypedDict):
    """Accuracies of a linear classifier on one block of the base, before and after fine-tuning."""

    block: int
    frozen: float
    tuned: typing.NotRequired[float]


class BlockTest(typing.TypedDict):
    """McNemar's test of a block minus the last one."""

    block: int
    difference: float
    holm_low: float
    holm_high: float
    p_holm: float


class Blocks(typing.TypedDict):
    """Classifiers on single blocks, as evaluation.mechanisms.judge_blocks compares them."""

    rows: list[BlockRow]
    against_last: list[BlockTest]
    tuning: Test | None
    n_train: int
    n_val: int


class Likeness(typing.TypedDict):
    """Likeness of classes against errors, as evaluation.mechanisms.relate_likeness relates them."""

    likeness: list[list[float]]
    n_pairs: int
    spearman: float
    p_value: float


class Heat(typing.TypedDict):
    """Where the heat of a map lies, as evaluation.mechanisms.locate_heat finds it."""

    label: int
    predicted: int
    thirds: list[float]


class Mechanisms(typing.TypedDict, total=False):
    """The measurements behind the explanations; missing in results from before they were measured."""

    permutation: Permutation
    blocks: Blocks
    heat: dict[str, list[Heat]]
    likeness: Likeness | None


class ShownImage(typing.TypedDict):
    """A test image, and class and probability that each main model predicts for it."""

    index: int
    label: int
    predictions: dict[str, tuple[int, float]]


class MissedByAll(typing.TypedDict):
    """Test images that all main models get wrong; n_agreed: in the same way."""

    n: int
    n_agreed: int
    shown: list[ShownImage]


class BrowserModel(typing.TypedDict):
    """The network of the page with rounded weights; only fits, if it is too large for a page."""

    fits: bool
    n_test: typing.NotRequired[int]
    n_changed: typing.NotRequired[int]
    accuracy: typing.NotRequired[float]
    accuracy_rounded: typing.NotRequired[float]


class Reference(Interval):
    """A classifier without any choice: its accuracy on validation minus that on the test set."""

    val_accuracy: float
    test_accuracy: float


class Hardware(typing.TypedDict):
    """The machine."""

    processor: str
    cores: int
    memory_gib: float
    system: str


class RunDescription(typing.TypedDict):
    """The run; seconds: in the file results.json alone."""

    id: str
    started: str
    seconds: typing.NotRequired[float]
    preset: str
    seed: int
    hardware: Hardware
    versions: dict[str, str]
    settings: dict[str, typing.Any]


class StageRow(typing.TypedDict):
    """A stage; the last two in the file results.json alone."""

    name: str
    key: str
    status: str
    seconds: float
    created: str
    reason: typing.NotRequired[str]
    peak_memory_bytes: typing.NotRequired[int | None]


class FullRun(typing.TypedDict):
    """Full training runs with equal settings, as report.full_runs.average_seeds compares them."""

    stage: str
    changes: dict[str, str]
    factor: str
    value: str
    seed: int
    n_seeds: int
    date: str
    seconds: float
    notes: list[str]
    val_accuracy: float
    val_loss: float | None
    sd: float | None
    apart: float | None
    effect: float | None
    low: float | None
    high: float | None
    exceeds_noise: bool | None
    loss_effect: float | None
    loss_low: float | None
    loss_high: float | None
    loss_exceeds_noise: bool | None


class TriedRow(typing.TypedDict):
    """A full run with other settings than the preset's; effect: difference of accuracy."""

    stage: str
    changes: dict[str, str]
    val_accuracy: float
    effect: float


class Tried(typing.TypedDict):
    """Full runs that varied the settings of a preset."""

    preset: str
    rows: list[TriedRow]


class RunResults(typing.TypedDict):
    """All results of a run, in a versioned format."""

    format: int
    run: RunDescription
    stages: list[StageRow]
    data: Dataset
    class_counts: list[int]
    models: dict[str, Model]
    chosen_classifier: str
    ensemble_weights: dict[str, float]
    seeds: dict[str, SpreadOfSplits]
    comparisons: list[Comparison]
    study: Study
    classifiers: dict[str, Classifier]
    inputs: Inputs
    duplicates: Duplicates
    features: Features
    mistakes: list[ShownImage]
    missed_by_all: MissedByAll
    browser_model: BrowserModel
    reference: Reference
    mechanisms: Mechanisms


class Results(RunResults):
    """The results with what a report reads beside them: full runs, and how often the test set was evaluated."""

    journal: list[FullRun]
    full_runs: list[FullRun]
    tried: Tried
    n_evaluations: int
