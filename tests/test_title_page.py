"""The title page and the languages of the document."""

import pytest

from fmnist_report.errors import UsageError
from fmnist_report.report.assets import template_digests
from fmnist_report.report.title_page import read_document


def test_both_languages_are_the_default():
    assert read_document([], None).languages == ("uk", "en")


def test_language_table_overrides_shared_fields(tmp_path):
    path = tmp_path / "title.toml"
    path.write_text('student = "Олена"\ngroup = "КН-31"\n[en]\nstudent = "Olena"\n', "utf-8")
    document = read_document(["en", "uk"], path)
    assert document.title_page("en") == {"student": "Olena", "group": "КН-31"}
    assert document.title_page("uk")["student"] == "Олена"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("studnet = 'x'", "did you mean 'student'"),
        ("student = ", "not valid TOML"),
        ("student = ['a']", "expects text"),
        ("earlier_accuracy = 'good'", "percentage from 0 to 100, e.g. 88.4, not 'good'"),
        ("earlier_accuracy = 101", "percentage from 0 to 100"),
        ("earlier_accuracy = -1", "percentage"),
    ],
)
def test_bad_title_page_is_one_sentence(tmp_path, text, sentence):
    (tmp_path / "title.toml").write_text(text)
    with pytest.raises(UsageError, match=sentence):
        read_document([], tmp_path / "title.toml")


def test_missing_title_page_is_one_sentence(tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_document([], tmp_path / "none.toml")


def test_unknown_language_names_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'uk'"):
        read_document(["ukr"], None)


def test_other_language_does_not_count():
    assert "uk.po" in template_digests("uk") and "style.css" in template_digests("uk")
    assert "uk.po" not in template_digests("en")


@pytest.mark.parametrize("text", ["88.4", "'88,4'", "'88.4 %'", "'88,4%'"])
def test_the_accuracy_that_the_student_had_is_a_share(tmp_path, text):
    (tmp_path / "title.toml").write_text(f"earlier_accuracy = {text}\n[en]\nearlier_accuracy = 90\n")
    document = read_document([], tmp_path / "title.toml")
    assert document.title_page("uk") == {"earlier_accuracy": pytest.approx(0.884)}
    assert document.title_page("en") == {"earlier_accuracy": pytest.approx(0.9)}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_what_editors_write_is_read(tmp_path, encoding):
    (tmp_path / "title.toml").write_bytes('student = "Іванна Їжакевич"\r\ngroup = "КН-31"\r\n'.encode(encoding))
    assert read_document([], tmp_path / "title.toml").title_page("uk") == {
        "student": "Іванна Їжакевич",
        "group": "КН-31",
    }


def test_another_encoding_is_one_sentence(tmp_path):
    (tmp_path / "title.toml").write_bytes('student = "Іванна"'.encode("cp1251"))
    with pytest.raises(UsageError, match="not in UTF-8; save it in that encoding"):
        read_document([], tmp_path / "title.toml")
