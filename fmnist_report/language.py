"""Two languages: catalogues of text, and numbers and dates as each one writes them."""

from __future__ import annotations

import functools
import gettext
import io
import typing
from datetime import datetime
from pathlib import Path

from babel import Locale, dates, numbers
from babel.messages import mofile, pofile

from fmnist_report.backbones import DEFAULT

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"
SOURCE_LANGUAGE = "en"

MODEL_NAMES = {
    "vgg_input": "Logistic regression on {backbone}’s features",
    "mlp": "Multilayer perceptron",
    "cnn": "Convolutional network",
    "vgg_features": "{backbone}, frozen features",
    "vgg_finetuned": "{backbone}, fine-tuned",
    "ensemble": "Ensemble",
    "vgg_logistic_regression": "Logistic regression",
    "vgg_lda": "Linear discriminant analysis",
    "vgg_k_neighbours": "Nearest neighbours",
    "vgg_head": "Dense head",
}


def N_(message: str) -> str:  # noqa: N802 - gettext's own name for "mark, translate later"
    """Mark a message for the catalogue; it is translated where it is shown."""
    return message


CLASS_NAMES = (
    N_("T-shirt"), N_("Trousers"), N_("Pullover"), N_("Dress"), N_("Coat"),
    N_("Sandals"), N_("Shirt"), N_("Sneakers"), N_("Bag"), N_("Ankle boots"),
)  # fmt: skip
ORIGINAL_CLASS_NAMES = (
    "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
)  # fmt: skip
FACTORS = {
    "channels": N_("channels"),
    "size": N_("side, pixels"),
    "resizing": N_("resizing"),
    "layers": N_("blocks of {backbone}"),
    "widths": N_("layer widths"),
    "width": N_("layer width"),
    "depth": N_("number of layers"),
    "first_width": N_("width of the first stage"),
    "last_width": N_("width of the later stages"),
    "kernel": N_("kernel"),
    "pooling": N_("pooling"),
    "epochs": N_("epochs"),
    "optimizer": N_("optimiser"),
    "learning_rate": N_("learning rate"),
    "schedule": N_("schedule"),
    "batch_size": N_("batch size"),
    "dropout": N_("dropout"),
    "weight_decay": N_("weight decay"),
    "label_smoothing": N_("label smoothing"),
    "unfreeze": N_("first block that is trained"),
    "easy_every": N_("easy pictures once in (epochs)"),
    "shift": N_("shift, pixels"),
    "cutout": N_("cutout, pixels"),
}
GROUPS = {
    "structure": N_("structure"),
    "optimisation": N_("learning and optimisation"),
    "regularisation": N_("regularisation"),
}
VALUES = {
    "imagenet_mean": N_("mean of each channel subtracted"),
    "expected": N_("as {backbone} expects it"),
    "one_mean": N_("one mean subtracted"),
    "no_mean": N_("no mean subtracted"),
    "divided": N_("divided by 255"),
    "learned": N_("learned 1 × 1 convolution"),
    "nearest": N_("nearest pixel"),
    "bilinear": N_("bilinear"),
    "bicubic": N_("bicubic"),
    "max": N_("maximum"),
    "average": N_("average"),
    "both": N_("average and maximum"),
    "none": N_("none"),
    "one_cycle": N_("one cycle"),
    "cosine": N_("cosine"),
    "constant": N_("constant"),
    "adamw": "AdamW",
    "muon": "Muon",
    "sgd": "SGD",
    "lion": "Lion",
}
_MARKED = (
    N_("Logistic regression on {backbone}’s features"),
    N_("Multilayer perceptron"), N_("Convolutional network"), N_("{backbone}, frozen features"),
    N_("{backbone}, fine-tuned"), N_("Ensemble"), N_("Logistic regression"), N_("Linear discriminant analysis"),
    N_("Nearest neighbours"), N_("Dense head"),
)  # fmt: skip


def name_classes(named: typing.Sequence[str] | None, labels: typing.Sequence[int]) -> list[str] | None:
    """Return what a Language takes: nothing for Fashion-MNIST, else the names, or the labels where nobody named them.

    Args:
        named: of a data set of the user's own, perhaps empty; None for Fashion-MNIST.
        labels: of the classes in the files.
    """
    return None if named is None else list(named) or [str(label) for label in labels]


@functools.cache
def load_catalogue(code: str) -> gettext.NullTranslations:
    """Compile templates/<code>.po in memory; English is the language of the messages themselves."""
    if code == SOURCE_LANGUAGE:
        return gettext.NullTranslations()
    with open(TEMPLATES / f"{code}.po", "rb") as file:
        catalogue = pofile.read_po(file, locale=code)
    compiled = io.BytesIO()
    mofile.write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


class Language:
    """Text and formats of one language.

    Args:
        code: "uk" or "en".
        classes: the classes' names; those of Fashion-MNIST by default.
        backbone: the convolutional base's name, which fills {backbone} in messages.
    """

    def __init__(self, code: str, classes: typing.Sequence[str] | None = None, backbone: str = DEFAULT) -> None:
        self.code, self.backbone = code, backbone
        self.locale = Locale.parse(code)
        self.catalogue = load_catalogue(code)
        self.classes = [self.text(name) for name in CLASS_NAMES] if classes is None else list(classes)

    def text(self, message: str, **values: str | int) -> str:
        """Translate a message and fill in its {named} values."""
        return self.catalogue.gettext(message).format(**{"backbone": self.backbone, **values})

    def model(self, name: str) -> str:
        """Return a model's name."""
        return self.text(MODEL_NAMES.get(name, name))

    def class_name(self, label: int) -> str:
        """Return the name of a class, counted from 0."""
        return self.classes[label]

    def factor(self, name: str) -> str:
        """Return the name of a hyperparameter."""
        return self.text(FACTORS[name])

    def value(self, text: str) -> str:
        """Write a hyperparameter's value: a word, widths joined by hyphens, or a number."""
        if text in VALUES:
            return self.text(VALUES[text])
        if "-" in text.removeprefix("-").replace("e-", ""):
            return text.replace("-", ", ")
        if "e-" in text:
            text = f"{float(text):.9f}".rstrip("0")
        return text.replace(".", ",") if self.code == "uk" else text

    def number(self, value: float, digits: int = 1) -> str:
        """Write a number with a fixed count of decimals."""
        return numbers.format_decimal(value, "#,##0." + "0" * digits if digits else "#,##0", self.locale)

    def signed(self, value: float) -> str:
        """Write a number that may be negative, short."""
        digits = 0 if abs(value) >= 100 or value == 0 else 2
        return ("−" if round(value, digits) < 0 else "") + self.number(abs(value), digits)

    def integer(self, value: int) -> str:
        """Write a whole number with the language's grouping."""
        return numbers.format_decimal(value, "#,##0", self.locale)

    def percent(self, share: float, digits: int = 1) -> str:
        """Write a share as a percentage, with the space that the language wants."""
        return self.number(100 * share, digits) + ("\u00a0%" if self.code == "uk" else "%")

    def points(self, difference: float, digits: int = 1) -> str:
        """Write a difference of shares in percentage points with its sign; what rounds to nothing has none."""
        rounded = round(100 * difference, digits)
        sign = "+" if rounded > 0 else "−" if rounded < 0 else ""
        return sign + self.number(abs(rounded), digits)

    def compact(self, value: float) -> str:
        """Write a large count in thousands, millions or billions with three digits."""
        for scale, unit in ((1e9, N_("{value} bn")), (1e6, N_("{value} M")), (1e3, N_("{value} k"))):
            if value >= scale:
                short = value / scale
                return self.text(unit, value=self.number(short, 2 if short < 10 else 1 if short < 100 else 0))
        return self.integer(int(value))

    def p_value(self, value: float) -> str:
        """Write a p-value: "p < 0.001" or "p = 0.012"."""
        if value < 0.001:
            return "p < " + self.number(0.001, 3)
        return "p = " + self.number(value, 3)

    def duration(self, seconds: float) -> str:
        """Write a duration in seconds or minutes."""
        if seconds < 90:
            return self.text(N_("{value} s"), value=self.number(seconds, 0 if seconds >= 10 else 1))
        return self.text(N_("{value} min"), value=self.number(seconds / 60, 1))

    def date(self, iso: str) -> str:
        """Write an ISO timestamp's date and time, in UTC."""
        moment = datetime.fromisoformat(iso)
        return _plain(dates.format_datetime(moment, "d MMMM y, HH:mm 'UTC'", locale=self.locale))

    def day(self, iso: str) -> str:
        """Write an ISO timestamp's date."""
        return _plain(dates.format_date(datetime.fromisoformat(iso), "long", locale=self.locale))


def _plain(text: str) -> str:
    """Put the common no-break space in place of the narrow one, which the shipped fonts lack."""
    return text.replace("\u202f", "\u00a0")
