"""Both languages are complete, and numbers have the format of each language."""

import itertools
import re
import string
import tomllib

import pytest
from babel.messages import extract, pofile
from jinja2.ext import babel_extract
from kinds import COUNTED, MESSAGES

from fmnist_report.networks import BY_NAME
from fmnist_report.report.assets import TEMPLATES, missing_letters
from fmnist_report.report.language import CASES, LINE_END, Language
from fmnist_report.report.terms import UNITS
from fmnist_report.settings import LANGUAGES

ROOT = TEMPLATES.parent
KEYWORDS = {**extract.DEFAULT_KEYWORDS, "N_": None, "N_n": (1, 2), "t": None}


def messages():
    """Return all messages of modules, templates and references."""
    listed = tomllib.loads((TEMPLATES / "references.toml").read_text("utf-8"))
    rows = [*listed["published"], *listed["methods"]]
    found = {row[key] for row in rows for key in ("network", "term", "words") if key in row}
    for pattern, method in (("fmnist_report/**/*.py", "python"), ("templates/**/*.html", babel_extract)):
        for path in ROOT.glob(pattern):
            with open(path, "rb") as file:
                options = {"extensions": "jinja2.ext.i18n", "encoding": "utf-8"}
                rows = extract.extract(method, file, KEYWORDS, options=options)
                found |= {row[1] if isinstance(row[1], str) else row[1][0] for row in rows}
    return {LINE_END.sub(" ", message) for message in found}


@pytest.fixture(scope="module")
def entries():
    with open(TEMPLATES / "uk.po", "rb") as file:
        return [message for message in pofile.read_po(file, locale="uk") if message.id]


@pytest.fixture(scope="module")
def catalogue(entries):
    """Return translations by English message; for plurals, the singular and the first form of the translation."""
    plain = [message for message in entries if not message.context]
    return {
        message.id if isinstance(message.id, str) else message.id[0]: message.string
        if isinstance(message.string, str)
        else message.string[0]
        for message in plain
    }


def test_catalogue_has_every_message_and_no_other(catalogue):
    found = messages()
    assert len(found) > 100
    assert found == set(catalogue)


def test_every_translation_keeps_the_placeholders(catalogue):
    def names(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    for message, translation in catalogue.items():
        assert translation.strip(), message
        assert names(translation) == names(message), message


def order_of_numbers(text):
    """Return the placeholders of a message in their order, without names, which languages place differently."""
    names = ("subject", "other", "network", "model", "chosen", "rivals", "models", "moment", "backbone")
    return [name for _, name, _, _ in string.Formatter().parse(text) if name and name not in names]


# Beginnings of messages whose translation has its numbers in another order, which is given.
OTHER_ORDER = {
    "Highest: {highest_of}": ["a", "highest_of", "b", "lowest"],
    "{subject:Nominative} ({a}) is {difference} percentage points less": ["a", "b", "difference", "low", "high", "p"],
    "{subject:Nominative} ({a}) is {difference} percentage points more": ["a", "b", "difference", "low", "high", "p"],
    "The weighted average of the networks’ probabilities ({a}) is {difference} percentage points less": [
        "a", "difference", "p", "b"],
    "The weighted average of the networks’ probabilities ({a}) is {difference} percentage points more": [
        "a", "b", "difference", "p"],
    "The weighted average of the networks’ probabilities ({a}) is significantly": ["a", "b", "difference", "p"],
}  # fmt: skip


def test_a_translation_has_its_numbers_in_the_order_of_the_original(catalogue):
    """Swapped numbers would be read as each other's."""
    n_turned = 0
    for message, text in catalogue.items():
        starts = [start for start in OTHER_ORDER if message.startswith(start)]
        expected = OTHER_ORDER[starts[0]] if starts else order_of_numbers(message)
        assert order_of_numbers(text) == expected, (message, text)
        n_turned += len(starts)
    assert n_turned == len(OTHER_ORDER)


def test_no_english_word_is_left_in_the_translations(catalogue):
    kept = r"VGG16|Fashion-MNIST|AdamW|ImageNet|HDF5|MAC|F1|MIT|SE|Zalando|IBM|Plex|SIL|CC|BY|dropout"
    kept += r"|TensorFlow|deterministic|Visual|Geometry|Group|Open|Font|License|Optuna|TPE|fANOVA"
    kept += r"|Keras|NumPy|Applications|Muon|cutout|Grad-CAM|t-SNE|SNE|ResNet-18|WRN-28-10|WRN-40-4|DenseNet-BC"
    kept += r"|Fine-Tuning|DARTS|Adam|standard|quick|best|HTML|ReLU"
    kept += r"|seed|one-cycle|precision|recall|fmnist_report|deterministic|max|global|average|pooling"
    names = [row.label for row in BY_NAME.values() if catalogue[row.label] == row.label]  # such as LeNet-5
    kept = "|".join([kept, *(re.escape(word) for name in names for word in name.split())])
    for message, translation in catalogue.items():
        plain = re.sub(r"\{[^}]+\}", "", translation)
        words = [word for word in re.findall(r"[A-Za-z_][A-Za-z0-9_-]+", plain) if not re.fullmatch(kept, word)]
        assert not words, (message, words)


@pytest.mark.parametrize(
    ("method", "arguments", "english", "ukrainian"),
    [
        ("number", (1234.567, 2), "1,234.57", "1\u00a0234,57"),
        ("percent", (0.94321, 2), "94.32%", "94,32\u00a0%"),
        ("points", (-0.0123, 2), "−1.23", "−1,23"),
        ("points", (0.0123, 1), "+1.2", "+1,2"),
        ("points", (-0.00004, 2), "0.00", "0,00"),
        ("compact", (15_047_754,), "15.0 M", "15,0\u00a0млн"),
        ("compact", (999,), "999", "999"),
        ("p_value", (1e-9,), "p\u00a0<\u00a00.001", "p\u00a0<\u00a00,001"),
        ("p_value", (0.0123,), "p\u00a0=\u00a00.012", "p\u00a0=\u00a00,012"),
        ("p_value", (0.0499,), "p\u00a0=\u00a00.0499", "p\u00a0=\u00a00,0499"),
        ("duration", (5.25,), "5.2 s", "5,2\u00a0с"),
        ("duration", (600,), "10.0 min", "10,0\u00a0хв"),
        ("day", ("2026-11-23T10:00:00+00:00",), "23 November 2026", "23 листопада 2026\u00a0р."),
    ],
)
def test_formats(method, arguments, english, ukrainian):
    assert getattr(Language("en"), method)(*arguments) == english
    assert getattr(Language("uk"), method)(*arguments) == ukrainian


@pytest.mark.parametrize(
    ("days", "english", "ukrainian"),
    [
        (("2026-11-25", "2026-11-25"), "25 November 2026", "25 листопада 2026\u00a0р."),
        (("2026-11-26", "2026-11-25"), "25–26 November 2026", "25–26 листопада 2026\u00a0р."),
        (
            ("2026-10-25", "2026-11-02"),
            "25 October 2026 – 2 November 2026",
            "25 жовтня 2026\u00a0р. – 2 листопада 2026\u00a0р.",
        ),
    ],
)
def test_days_are_reported_once_or_as_a_range(days, english, ukrainian):
    assert (Language("en").days(days), Language("uk").days(days)) == (english, ukrainian)


def test_values_are_written_out_in_the_language():
    assert Language("uk").value("6e-05") == "0,00006" and Language("en").value("1.5e-05") == "0.000015"
    assert Language("uk").value("0.004") == "0,004" and Language("en").value("64-192-192") == "64, 192, 192"
    assert Language("uk").value("average") == "середнє"
    for text in ("one-hot", "he-normal", "e-", "1-e-2", "3 + 4 + 5"):  # neither numbers nor widths
        assert Language("uk").value(text) == text


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cat", "a name of 16 chr"], ["cat", "a name of 16 chr"]),
        (["Supercalifragilistic", "dog"], ["Supercalifragil…", "dog"]),
        (["Breed of dog number 1", "Breed of dog number 2"], ["Breed of…mber 1", "Breed of…mber 2"]),
        (["x" * 30 + "a" + "x" * 30, "x" * 30 + "b" + "x" * 30], ["xxxxxxxxxx… (1)", "xxxxxxxxxx… (2)"]),
    ],
)
def test_long_names_are_shortened_and_stay_apart(names, expected):
    language = Language("en", names)
    found = [language.short_name(label) for label in range(len(names))]
    assert len(set(found)) == len(names) and all(len(name) <= 16 for name in found)
    assert language.is_shortened == (found != names)
    assert found == expected


def test_many_classes_are_numbered_and_long_lists_end():
    language = Language("en", [f"class {i}" for i in range(30)])
    assert language.short_name(9) == "10" and language.is_shortened
    assert language.quoted("abc") == "“a”, “b”, “c”"
    assert language.quoted("abcdefghijkl") == "“a”, “b”, “c”, “d”, “e”, “f”, “g” and 5 more"


def test_letters_that_the_fonts_lack_are_found():
    assert missing_letters("Ґанок — 95 %, naïve “quote” №") == ""
    assert missing_letters("貓 and 貓 and 🐱") == "貓🐱"


def test_every_model_has_every_case(entries):
    found = {(row.context, row.id): row.string for row in entries if row.context and isinstance(row.id, str)}
    wanted = {(case, row.phrase) for row in BY_NAME.values() for case in CASES[1:]}
    assert set(found) == wanted
    language = Language("uk")
    for row in BY_NAME.values():
        name = language.name(row.name)
        assert str(name) == f"{name}" == f"{name:nominative}"
        assert f"{name:Genitive}"[0].isupper() and f"{name:Genitive}"[1:] == f"{name:genitive}"[1:]
        assert len({f"{name:{case}}" for case in ("nominative", "genitive", "instrumental")}) == 3
        english = Language("en").name(row.name)
        assert "{" not in f"{name:dative}" and str(english) == f"{english:genitive}"


# What stands before a name and the cases that it can ask for; and how names are asked for that need none.
PREPOSITIONS = {
    "genitive": "без|для|до|після|від|крім|серед|замість|з-поміж|моделі|мережі|точності|навчання|втрати",
    "instrumental": "над|перед|між",
    "accusative": "про|через|переважає за точністю|вибрано|навчати|донавчати|регуляризувати",
    "dative": "завдяки|поступається за точністю",
    "locative": "при",
}


def test_a_preposition_has_the_case_that_it_asks_for(catalogue):
    n_checked = 0
    for message, translation in catalogue.items():
        names = re.findall(r"([\w’-]+(?: [\w’-]+){0,2}) \{(?:subject|other|network|model)(?::(\w+))?\}", translation)
        for before, case in names:
            for wanted, words in PREPOSITIONS.items():
                if re.search(rf"(?:^|\s)(?:{words})$", before.lower()):
                    n_checked += 1
                    assert (case or "nominative").lower() == wanted, (message, before, case)
        assert not re.search(r"«\{(?:subject|other|network|model)", translation), message  # names stand without quotes
        assert "відповідно" not in translation or translation.count("відповідно") == 1, message
    assert n_checked >= 8


NUMBERS = (1, 2, 5, 11, 21, 22, 25)


@pytest.mark.parametrize("code", ["uk", "en"])
def test_every_model_and_every_number_fits_into_every_sentence(code):
    """No placeholder remains, and each sentence starts with a capital letter and has no name in quotes."""
    language = Language(code)
    for message in MESSAGES.values():
        wanted = {name for _, name, _, _ in string.Formatter().parse(language.catalogue.gettext(message)) if name}
        for model, n in itertools.product(BY_NAME, NUMBERS):
            given = {name: language.name(model) for name in wanted & {"subject", "other", "network"}}
            given |= {name: language.count(unit, n) for name, unit in COUNTED.items() if name in wanted}
            several = wanted & {"rivals", "models", "lowest", "highest_of"}
            given |= dict.fromkeys(several, language.name_all([model, "mlp"]))
            sentence = language.text(message, **{**dict.fromkeys(wanted, "7"), **given})
            assert sentence[0].isupper() or sentence[0].isdigit(), sentence
            assert "{" not in sentence and "  " not in sentence and "Nominative" not in sentence
            assert "the the" not in sentence and "мережа мережа" not in sentence


def test_every_counted_thing_has_every_case_and_number(entries):
    found = {(row.context, row.id): row.string for row in entries if not isinstance(row.id, str)}
    assert set(found) == {(case, unit) for unit in UNITS.values() for case in (None, *CASES[1:])}
    for forms in found.values():
        assert len(forms) == 3 and all(form.startswith("{n}\u00a0") for form in forms)
    english, language = Language("en"), Language("uk")
    for unit in UNITS:
        forms = {n: language.count(unit, n) for n in NUMBERS}
        for case in CASES:
            ends = {n: f"{form:{case}}".removeprefix(f"{n}\u00a0") for n, form in forms.items()}
            assert ends[1] == ends[21] and ends[2] == ends[22] and ends[5] == ends[11] == ends[25]
            assert ends[1] != ends[5] or unit.endswith("image")
        assert f"{forms[5]}" == f"{forms[5]:accusative}" and f"{forms[2]:genitive}"[1:] == f"{forms[5]:genitive}"[1:]
        assert {f"{language.count(unit, 10_000):{case}}" for case in CASES} == {str(language.count(unit, 10_000))}
        assert not str(english.count(unit, 1)).endswith("s") or unit == "class"
        assert str(english.count(unit, 2)) != str(english.count(unit, 1)).replace("1", "2")


# Words that stand before a count, and the case that they ask for.
COUNT_PREPOSITIONS = {
    "genitive": "із|з|серед|з-поміж|протягом|до|результатами|ознаки",
    "locative": "(?:навчання|оцінювання|запуск) на",
    "accusative": "(?:щонайбільше|поділені) на|містить|в",
}


FORM_LIKE = r"\(їх \{|усього їх|(?:зображень|епох|кроків|спроб|помилок|ознак|ядер) — \{"


def test_a_count_has_the_case_that_the_word_before_it_asks_for(catalogue):
    names = "|".join([*COUNTED, "images", "classes", "filters", "features", "epochs", "narrow", "mlp", "train", "val"])
    n_checked = 0
    for message, translation in catalogue.items():
        assert not re.search(FORM_LIKE, translation), message
        for before, case in re.findall(rf"([\w’-]+(?: [\w’-]+)?) \{{(?:{names}):(\w+)\}}", translation):
            for wanted, words in COUNT_PREPOSITIONS.items():
                if re.search(rf"(?:^|\s)(?:{words})$", before.lower()):
                    n_checked += 1
                    assert case == wanted, (message, before, case)
        bare = re.findall(rf"(?:із|серед|з-поміж|протягом|результатами) \{{(?:{names})\}}", translation.lower())
        assert not bare, (message, bare)
    assert n_checked >= 15


# One term a thing: what must not come back, since another word is said for it everywhere.
FORBIDDEN = {
    "en": r"[Pp]ictures?\b|\bpaid\b|did harm|told apart|within chance|[Ss]urest|\bpale\b|Stated prob"
    r"|color\b|gray|\boptimizer\b(?!\})|normaliz|regulariz|\bLimits\b|a prediction, m",
    "uk": r"чинник|підвибірк\w* \(пулінг|мережа мережа|найважч|блідим|суперник|навчаних|пікс\b(?!\.)|відповідей"
    r"|зображень — |Параметри запуску|довірчий інтервал з поправкою|виправдало",
}


def test_forbidden_terms_stay_away(catalogue):
    texts = {"en": catalogue.keys(), "uk": catalogue.values()}
    for code, found in texts.items():
        wrong = [text for text in found if re.search(FORBIDDEN[code], text)]
        assert not wrong, (code, wrong)


@pytest.mark.parametrize("code", LANGUAGES)
def test_no_line_begins_with_a_dash_or_a_percent_sign(code):
    language = Language(code)
    for message in messages():
        if isinstance(message, str) and not re.search(r"{(\w+)", message.replace("{backbone}", "")):
            assert not re.search(r" [—%]", language.text(message)), message
    assert language.text("a — b") == "a\u00a0— b"


@pytest.mark.parametrize(
    ("p", "said"),
    [
        (0.012, "p = 0.012"),
        (0.05, "p = 0.050"),
        (0.0502, "p = 0.0502"),
        (0.049983, "p = 0.04998"),
        (0.0001, "p < 0.001"),
    ],
)
def test_on_which_side_of_the_limit_p_lies_is_seen(p, said):
    assert Language("en").p_value(p).replace("\u00a0", " ") == said


@pytest.mark.parametrize(
    ("bound", "said"),
    [(0.0, "0.00"), (0.01234, "+1.23"), (0.00003, "+0.003"), (-0.0000004, "−0.00004"), (1e-17, "0.00")],
)
def test_a_bound_that_is_not_zero_is_not_written_as_zero(bound, said):
    assert Language("en").bound(bound) == said


def test_bounds_of_losses_show_that_they_are_not_zero():
    language = Language("en")
    written = [language.loss_bound(value) for value in (0.0123, 0.0004, -0.0004, -0.00003, 0.0)]
    assert written == ["+0.012", "+0.0004", "−0.0004", "−0.00003", "0.000"]
