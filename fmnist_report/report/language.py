"""The two languages of the report: message catalogues, and formats of numbers and dates."""

import functools
import gettext
import io
import re
import typing
from datetime import datetime

from babel import Locale, dates, lists, numbers
from babel.messages import mofile, pofile

from fmnist_report.backbones import DEFAULT
from fmnist_report.messages import N_
from fmnist_report.networks import BY_NAME, BY_STAGE
from fmnist_report.report.assets import TEMPLATES
from fmnist_report.report.terms import CLASS_NAMES, COMPONENTS, FACTORS, UNITS, VALUES

SOURCE_LANGUAGE = "en"
LINE_END = re.compile(r" *\n *")
LOCALES = {"en": "en_GB", "uk": "uk"}
CASES = ("nominative", "genitive", "dative", "accusative", "instrumental", "locative")
PERCENT = N_("{number}%")
MANY = 20  # maximum number of classes named in figures
HARDEST = 30  # classes whose scores a figure shows, if there are more
LONGEST = 16  # maximum characters of a class name in a figure
ROUNDING = 1e-9  # smaller values are rounding errors
MOST_LISTED = 8  # names listed in a sentence


def name_classes(named: typing.Sequence[str] | None, data: typing.Mapping[str, typing.Any]) -> list[str] | None:
    """Return the class names for a Language: None for Fashion-MNIST, else the names or, without names, the labels.

    Args:
        named: class names of a custom data set, possibly empty; None for Fashion-MNIST.
        data: section of results.json: labels of the classes in the files, and names, if the files contain them.
    """
    return None if named is None else list(named) or list(data["names"]) or [str(label) for label in data["labels"]]


@functools.cache
def load_catalogue(code: str) -> gettext.NullTranslations:
    """Compile templates/<code>.po in memory; the messages themselves are English."""
    if code == SOURCE_LANGUAGE:
        return gettext.NullTranslations()
    with open(TEMPLATES / f"{code}.po", "rb") as file:
        catalogue = pofile.read_po(file, locale=code)
    compiled = io.BytesIO()
    mofile.write_mo(compiled, catalogue)
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


class Name:
    """A name, or a number with a noun, inflected by the placeholder of a message.

    Examples are {other}, {other:genitive} and, at the start of a sentence, {other:Nominative}.

    Args:
        forms: forms by grammatical case; the nominative is required.
    """

    def __init__(self, forms: dict[str, str]) -> None:
        self.forms = forms

    def __format__(self, case: str) -> str:
        found = self.forms[case.lower() or CASES[0]]
        return found[0].upper() + found[1:] if case[:1].isupper() else found

    def __str__(self) -> str:
        return self.forms[CASES[0]]


class Language:
    """Text and formats of one language.

    Args:
        code: "uk" or "en".
        classes: class names; those of Fashion-MNIST by default.
        backbone: the convolutional base's name, which fills {backbone} in messages.
    """

    def __init__(self, code: str, classes: typing.Sequence[str] | None = None, backbone: str = DEFAULT) -> None:
        self.code, self.backbone = code, backbone
        self.locale = Locale.parse(LOCALES[code])
        self.catalogue = load_catalogue(code)
        self.classes = [self.text(name) for name in CLASS_NAMES] if classes is None else list(classes)

    def text(self, message: str, **values: str | int | Name) -> str:
        """Translate a message and fill in its {named} values; prevent lines that start with a dash, % or “п.”."""
        message = LINE_END.sub(" ", message)  # a template may break a long message
        text = self.catalogue.gettext(message).format(**{"backbone": self.backbone, **values})
        return text.replace(" — ", "\u00a0— ").replace(" %", "\u00a0%").replace(" в. п.", "\u00a0в.\u00a0п.")

    def model(self, name: str) -> str:
        """Return a model's name for tables and figures."""
        return self.text(BY_NAME[name].label)

    def name(self, model: str) -> Name:
        """Return a model's name for sentences, in every grammatical case."""
        phrase, filled = BY_NAME[model].phrase, {"backbone": self.backbone}
        forms = {case: self.catalogue.pgettext(case, phrase) for case in CASES[1:]}
        return Name({case: form.format(**filled) for case, form in {CASES[0]: self.text(phrase), **forms}.items()})

    def count(self, unit: str, n: int) -> Name:
        """Return n with a noun, one of UNITS, in every grammatical case.

        After whole thousands Ukrainian has one form in all cases: «на 2000 зображень».
        """
        singular, plural = UNITS[unit]
        nominative = self.catalogue.ngettext(singular, plural, n)
        forms = dict.fromkeys(CASES, nominative)
        if n == 0 or n % 1000:
            forms |= {case: self.catalogue.npgettext(case, singular, plural, n) for case in CASES[1:]}
        return Name({case: form.format(n=self.integer(n)) for case, form in forms.items()})

    def join(self, texts: typing.Iterable[str]) -> str:
        """Join texts to a list: a, b and c."""
        return lists.format_list(list(texts), locale=self.locale)

    def name_all(self, models: typing.Iterable[str]) -> Name:
        """Join the names of models to a list, in every grammatical case."""
        names = [self.name(model).forms for model in models]
        return Name({case: self.join(forms[case] for forms in names) for case in CASES})

    def by_model(self, texts: dict[str, str]) -> str:
        """List a text for each model."""
        one = N_("{name} – {what}")
        return "; ".join(self.text(one, name=self.name(model), what=what) for model, what in texts.items())

    def class_name(self, label: int) -> str:
        """Return the name of a class, counted from 0."""
        return self.classes[label]

    @property
    def many_classes(self) -> bool:
        """Whether there are too many classes to name them in figures, so that they are numbered."""
        return len(self.classes) > MANY

    def short_name(self, label: int) -> str:
        """Return the label of a class in figures: its name, shortened if it is long, or its number, from 1."""
        return str(label + 1) if self.many_classes else self._short_names[label]

    @functools.cached_property
    def _short_names(self) -> list[str]:
        """Class names with at most LONGEST characters; if two would be equal, their ends are kept."""

        def cut(name: str, n_kept: int) -> str:
            first = name[: LONGEST - 1 - n_kept].rstrip()
            return name if len(name) <= LONGEST else f"{first}…{name[len(name) - n_kept :]}"

        for n_kept in (0, 6, 10):
            found = [cut(name, n_kept) for name in self.classes]
            if len(set(found)) == len(found):
                return found
        return [name if len(name) <= LONGEST else f"{name[:10]}… ({i})" for i, name in enumerate(self.classes, 1)]

    @property
    def is_shortened(self) -> bool:
        """Whether class names in figures differ from those in the text."""
        return self.many_classes or self._short_names != self.classes

    def quoted(self, names: typing.Iterable[str]) -> str:
        """Format names in quotation marks, separated by commas; if many, the first and the number of others."""
        every = [self.text(N_("“{name}”"), name=name) for name in names]
        if len(every) <= MOST_LISTED:
            return ", ".join(every)
        return self.text(N_("{names} and {n} more"), names=", ".join(every[: MOST_LISTED - 1]),
                         n=self.integer(len(every) - MOST_LISTED + 1))  # fmt: skip

    def component(self, name: str) -> str:
        """Return the name of an ablation component."""
        return self.text(COMPONENTS[name])

    def factor(self, name: str) -> str:
        """Return the name of a hyperparameter."""
        return self.text(FACTORS[name])

    def changes(self, changes: dict[str, str]) -> str:
        """Format changed hyperparameters; one of another section than the network's own is "section.name"."""
        if not changes:
            return self.text(N_("baseline"))
        return ", ".join(f"{self._changed(name)} = {self.value(value)}" for name, value in changes.items())

    def _changed(self, name: str) -> str:
        section, _, factor = name.rpartition(".")
        of = BY_STAGE.get(section)
        return self.factor(factor) + (f" ({self.model(of.name)})" if of else "")

    def value(self, text: str) -> str:
        """Format a hyperparameter's value: a word, widths joined by hyphens, or a number."""
        if text in VALUES:
            return self.text(VALUES[text])
        if re.fullmatch(r"\d+(-\d+)+", text):
            return text.replace("-", ", ")
        if not re.fullmatch(r"-?\d+(\.\d+)?(e-?\d+)?", text):
            return text
        if "e-" in text:
            text = f"{float(text):.9f}".rstrip("0")
        return text.replace(".", numbers.get_decimal_symbol(self.locale))

    def number(self, value: float, digits: int = 1) -> str:
        """Format a number with a fixed number of decimals."""
        return numbers.format_decimal(value, "#,##0." + "0" * digits if digits else "#,##0", self.locale)

    def signed(self, value: float) -> str:
        """Format a number, possibly negative, with few digits."""
        digits = 0 if abs(value) >= 100 or value == 0 else 2
        return ("−" if round(value, digits) < 0 else "") + self.number(abs(value), digits)

    def integer(self, value: int) -> str:
        """Format an integer with the language's digit grouping."""
        return numbers.format_decimal(value, "#,##0", self.locale)

    def percent(self, share: float, digits: int = 1) -> str:
        """Format a fraction as a percentage, with the language's spacing."""
        return self.text(PERCENT, number=self.number(100 * share, digits))

    def points(self, difference: float, digits: int = 1) -> str:
        """Format a difference of fractions in percentage points with its sign; zero after rounding has none."""
        rounded = round(100 * difference, digits)
        sign = "+" if rounded > 0 else "−" if rounded < 0 else ""
        return sign + self.number(abs(rounded), digits)

    def difference(self, value: float, digits: int = 3) -> str:
        """Format a difference with its sign; zero after rounding has none."""
        rounded = round(value, digits)
        sign = "+" if rounded > 0 else "−" if rounded < 0 else ""
        return sign + self.number(abs(rounded), digits)

    def loss_bound(self, value: float) -> str:
        """Format the bound of an interval like difference, with more digits if needed to show that it is not 0."""
        digits = 3
        while abs(value) > ROUNDING and not round(value, digits):
            digits += 1
        return self.difference(value, digits)

    def bound(self, difference: float) -> str:
        """Format the bound of an interval like points, with more digits if needed to show that it is not 0."""
        digits = 2
        while abs(difference) > ROUNDING and not round(100 * difference, digits):
            digits += 1
        return self.points(difference, digits)

    def compact(self, value: float) -> str:
        """Format a large count in thousands, millions or billions with three digits."""
        for scale, unit in ((1e9, N_("{value} bn")), (1e6, N_("{value} M")), (1e3, N_("{value} k"))):
            if value >= scale:
                short = value / scale
                return self.text(unit, value=self.number(short, 2 if short < 10 else 1 if short < 100 else 0))
        return self.integer(int(value))

    def p_value(self, value: float) -> str:
        """Format a p-value, "p < 0.001" or "p = 0.012", without line breaks."""
        if value < 0.001:
            return "p\u00a0<\u00a0" + self.number(0.001, 3)
        digits = 3
        while round(value, digits) == 0.05 != value:  # must show on which side of 0.05 it is
            digits += 1
        return "p\u00a0=\u00a0" + self.number(value, digits)

    def duration(self, seconds: float) -> str:
        """Format a duration in seconds or minutes."""
        if seconds < 90:
            return self.text(N_("{value} s"), value=self.number(seconds, 0 if seconds >= 10 else 1))
        return self.text(N_("{value} min"), value=self.number(seconds / 60, 1))

    def date(self, iso: str) -> str:
        """Format an ISO timestamp's date and time, in UTC."""
        moment = datetime.fromisoformat(iso)
        return _plain(dates.format_datetime(moment, "d MMMM y, HH:mm 'UTC'", locale=self.locale))

    def day(self, iso: str) -> str:
        """Format an ISO timestamp's date."""
        return _plain(dates.format_date(datetime.fromisoformat(iso), "long", locale=self.locale))

    def days(self, isos: typing.Iterable[str]) -> str:
        """Format a range of dates, or one date if all are on the same day."""
        found = sorted(isos)
        first, last = found[0], found[-1]
        if first[:10] == last[:10]:
            return self.day(first)
        if first[:7] == last[:7]:
            return f"{int(first[8:10])}–{self.day(last)}"
        return f"{self.day(first)} – {self.day(last)}"


def _plain(text: str) -> str:
    """Replace the narrow no-break space, which the bundled fonts lack, with the common one."""
    return text.replace("\u202f", "\u00a0")
