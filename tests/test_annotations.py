"""Tables beside images: classes and splits by file name, number or path, in the layouts that people have."""

import csv
import json
import time

import numpy as np
import pytest
from custom_data_sets import write_images
from PIL import Image

from fmnist_report.data.custom.annotations import N_FIRST, ImageIndex, find_annotations
from fmnist_report.data.custom.detection import find_data_set
from fmnist_report.data.custom.tree import walk
from fmnist_report.errors import ReportError

CLASSES = ("bag", "boot", "coat")


def put(folder, names):
    """Write an image to each of the given file names."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8)).save(path)


def table(path, rows, separator=","):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w", newline="", encoding="utf-8") as file:
        csv.writer(file, delimiter=separator).writerows(rows)


def classes(n=12):
    return [CLASSES[i % 3] for i in range(n)]


def found_in(folder):
    """Return the split and class of each image by its path, as found."""
    found = find_data_set(folder)
    return {str(piece.path.relative_to(folder)): (piece.split, piece.what) for piece in found.pieces}, found


def expected(names, split, labels=None):
    return {name: (split, label) for name, label in zip(names, labels or classes(len(names)), strict=True)}


def kaggle(folder, names, write=str):
    put(folder, names)
    put(folder, ["test/x.png", "test/y.png"])
    ids = [name.rpartition("/")[2].removesuffix(".png") for name in names]
    table(folder / "train.csv", [["id", "label"], *((write(i), c) for i, c in zip(ids, classes(), strict=True))])
    table(folder / "sample_submission.csv", [["id", "label"], ["x", "bag"], ["y", "bag"]])


@pytest.mark.parametrize(
    ("ids", "write"),
    [
        ([f"a{i * 7919 % 9973:04}" for i in range(12)], str),
        ([f"{i:06}" for i in range(12)], str),
        ([f"{i:06}" for i in range(12)], int),  # as a spreadsheet saves it
        ([f"a{i}" for i in range(12)], lambda i: f"{i}.PNG"),
        ([f"a{i}" for i in range(12)], lambda i: f"/kaggle/input/set/train/{i}.png"),
        ([f"a{i}" for i in range(12)], lambda i: f"D:\\set\\train\\{i}.png"),
    ],
)
def test_a_table_of_ids_and_labels_is_read(tmp_path, ids, write):
    names = [f"train/{i}.png" for i in ids]
    kaggle(tmp_path, names, write)
    found, data_set = found_in(tmp_path)
    assert found == expected(names, "train")
    assert data_set.notes == (
        "the classes are in 'label' of 'train.csv'",
        "2 images have no class, so they are not used, such as 'test/x.png'",
    )
    assert data_set.skipped == {".png": 2, ".csv": 1}


def test_metadata_of_hugging_face_is_read_beside_its_images(tmp_path):
    for split in ("train", "test"):
        put(tmp_path, [f"{split}/{i}.png" for i in range(12)])
    rows = zip(range(12), classes(), strict=True)
    table(tmp_path / "train" / "metadata.csv", [["file_name", "label"], *((f"{i}.png", c) for i, c in rows)])
    rows = [json.dumps({"file_name": f"{i}.png", "label": c, "tags": []}) for i, c in enumerate(classes())]
    (tmp_path / "test" / "metadata.jsonl").write_text("\n".join([*rows, "no json", ""]))
    found, data_set = found_in(tmp_path)
    names = [f"{i}.png" for i in range(12)]
    both = [expected([f"{split}/{name}" for name in names], split, classes()) for split in ("train", "test")]
    assert found == both[0] | both[1]
    assert "1 rows of 'metadata.jsonl' name no image here" in data_set.notes


def test_several_tables_label_the_splits_and_others_are_told(tmp_path):
    header = ["Width", "ClassId", "Path"]
    for split in ("Train", "Test"):
        names = [f"{split}/{i:05}.png" for i in range(30)]
        put(tmp_path, names)
        rows = zip(names, classes(30), strict=True)
        table(tmp_path / f"{split}.csv", [header, *((28, CLASSES.index(c), name) for name, c in rows)])
    put(tmp_path, ["Meta/0.png", "Meta/1.png"])
    table(tmp_path / "Meta.csv", [header, (28, 0, "Meta/0.png"), (28, 1, "Meta/1.png")])
    found, data_set = found_in(tmp_path)
    assert len(found) == 60 and found["Test/00004.png"] == ("test", "1") and found["Train/00002.png"] == ("train", "2")
    assert "2 images are in none of the splits, so they are not used" in data_set.notes


def test_class_folders_of_one_split_join_a_table_of_another(tmp_path):
    for c in CLASSES:
        put(tmp_path, [f"train/{c}/images/{c}_{i}.png" for i in range(4)])
        (tmp_path / "train" / c / "boxes.txt").write_text("".join(f"{c}_{i}.png\t0\t10\t63\t58\n" for i in range(4)))
    names = [f"val/images/val_{i}.png" for i in range(12)]
    put(tmp_path, [*names, "test/images/test_0.png", "test/images/test_1.png"])
    rows = zip(names, classes(), strict=True)
    text = "".join(f"{name[11:]}\t{c}\t0\t{i}\t9\t{i + 7}\n" for i, (name, c) in enumerate(rows))
    (tmp_path / "val" / "val_annotations.txt").write_text(text)
    found, data_set = found_in(tmp_path)
    train = {f"train/{c}/images/{c}_{i}.png": ("train", c) for c in CLASSES for i in range(4)}
    assert found == train | expected(names, "val")
    assert "2 images have no class, so they are not used, such as 'test/images/test_0.png'" in data_set.notes


def test_one_column_a_class_is_read(tmp_path):
    names = [f"images/{i}.png" for i in range(12)]
    put(tmp_path, names)
    rows = [[f"{i}", *(float(c == one) for one in CLASSES)] for i, c in enumerate(classes())]
    table(tmp_path / "GroundTruth.csv", [["image", *CLASSES], *rows])
    found, data_set = found_in(tmp_path)
    assert found == expected(names, "")
    assert data_set.notes == ("the classes are in 'bag', 'boot' and 'coat' of 'GroundTruth.csv'",)
    rows[5][1] = rows[5][2] = 1.0
    table(tmp_path / "GroundTruth.csv", [["image", *CLASSES], *rows])
    with pytest.raises(
        ReportError, match=r"images/5.png has \d classes \('bag' and 'b?o?o?c?oa?t'\); each image needs"
    ):
        find_data_set(tmp_path)


def test_images_in_several_folders_are_labelled_by_a_usual_name(tmp_path):
    names = [f"HAM_part_{1 + i % 2}/ISIC_{i}.png" for i in range(12)]
    put(tmp_path, names)
    rows = [[f"HAM_{i}", f"ISIC_{i}", c, ("histo", "consensus")[i % 2], i] for i, c in enumerate(classes())]
    table(tmp_path / "HAM_metadata.csv", [["lesion_id", "image_id", "dx", "dx_type", "age"], *rows])
    assert found_in(tmp_path)[0] == expected(names, "")


def test_a_column_of_splits_divides_the_images(tmp_path):
    names = [f"images/{i}.png" for i in range(12)]
    put(tmp_path, names)
    splits = ["train", "valid", "TEST"] * 4
    rows = zip(names, classes()[::-1], splits, strict=True)
    table(tmp_path / "labels.csv", [["filepaths", "labels", "data set"], *rows])
    with pytest.raises(ReportError, match="the column of the class is ambiguous|is ambiguous"):
        table(tmp_path / "labels.csv", [["file", "a", "b"], *zip(names, classes()[::-1], splits, strict=True)])
        find_data_set(tmp_path)
    table(tmp_path / "labels.csv", [["file", "label", "split"], *zip(names, classes()[::-1], splits, strict=True)])
    found, _ = found_in(tmp_path)
    assert {found[name][0] for name in names[1::3]} == {"val"} and found["images/2.png"] == ("test", "bag")


@pytest.mark.parametrize("text", ["{name} {c}", "{name},{c}", "{name}\t{c}", "{stem} {c} 3"])
def test_lists_of_files_and_classes_without_a_header_are_read(tmp_path, text):
    names = [f"jpg/a{i}.png" for i in range(12)]
    put(tmp_path, names)
    lines = [text.format(name=name, stem=name[4:-4], c=c) for name, c in zip(names, classes(), strict=True)]
    (tmp_path / "train.txt").write_text("# files\n" + "\n".join(lines[:9]))
    (tmp_path / "test.txt").write_text("\n".join(lines[9:]) + "\n")
    assert found_in(tmp_path)[0] == expected(names[:9], "train") | expected(names[9:], "test", classes()[9:])


def write_splits(folder, lists, form="{c}/{i:03}"):
    write_images(folder / "images", n=4, classes=CLASSES)
    for name, numbers in lists.items():
        path = folder / "meta" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(form.format(c=c, i=i) for c in CLASSES for i in numbers))


@pytest.mark.parametrize("form", ["{c}/{i:03}", "{c}/{i:03}.png", "images/{c}/{i:03}.png"])
def test_lists_of_splits_divide_class_folders(tmp_path, form):
    write_splits(tmp_path, {"train.txt": (0, 2, 3), "test.txt": (1,)}, form)
    (tmp_path / "meta" / "classes.txt").write_text("\n".join(CLASSES))
    found, data_set = found_in(tmp_path)
    assert found == {f"images/{c}/{i:03}.png": ("test" if i == 1 else "train", c) for c in CLASSES for i in range(4)}
    assert data_set.notes == ("the splits are those in 'meta/test.txt' and 'meta/train.txt'",)
    assert data_set.skipped == {".txt": 1}


@pytest.mark.parametrize(
    ("lists", "splits", "note"),
    [
        ({"testing_list.txt": (1,), "validation_list.txt": (2,)}, ["train", "test", "val", "train"], ""),
        ({"train.txt": (0, 2), "test.txt": (1,)}, ["train", "test", "train", None], "3 images are in none of the"),
        ({"trainval.txt": (0, 1, 2), "train.txt": (0, 1), "val.txt": (2,), "test.txt": (3,)},
         ["train", "train", "val", "test"], ""),
        ({"train.txt": (0, 1)}, [""] * 4, ""),
    ],
)  # fmt: skip
def test_what_lists_leave_open_is_training_or_told(tmp_path, lists, splits, note):
    write_splits(tmp_path, lists)
    found, data_set = found_in(tmp_path)
    assert [found.get(f"images/bag/{i:03}.png", (None,))[0] for i in range(4)] == splits
    assert note in " ".join(data_set.notes)


@pytest.mark.parametrize(
    ("lists", "sentence"),
    [
        (
            {"train1.txt": (0,), "train2.txt": (1,), "test1.txt": (2,)},
            "meta/train1.txt, meta/train2.txt are folds; keep",
        ),
        ({"train_a.txt": (0,), "train_b.txt": (1,), "test.txt": (2,)}, "are several sets of splits; keep only"),
        ({"train.txt": (0, 1), "test.txt": (1,)}, "images/bag/001.png is in the splits '.*' and '.*'"),
    ],
)
def test_lists_that_contradict_each_other_are_refused(tmp_path, lists, sentence):
    write_splits(tmp_path, lists)
    with pytest.raises(ReportError, match=sentence):
        find_data_set(tmp_path)


def label_flat(folder, rows, header=("file", "label")):
    names = [f"images/{i}.png" for i in range(12)]
    put(folder, names)
    table(folder / "labels.csv", [header, *rows(names)])


@pytest.mark.parametrize(
    ("header", "rows", "sentence"),
    [
        (("file", "label"), lambda names: [*zip(names, classes(), strict=True), (names[0], "coat")],
         "images/0.png has several classes, such as 'bag' and 'coat'"),
        (("id", "gender", "article"), lambda names: [(name, "mw"[i % 2], c) for i, (name, c) in
                                                     enumerate(zip(names, classes(), strict=True))],
         "ambiguous, 'gender' or 'article'; name it in classes.toml, as in label = 'gender'"),
        (("file", "class", "category"), lambda names: [(name, "xy"[i % 2], c) for i, (name, c) in
                                                       enumerate(zip(names, classes(), strict=True))],
         "ambiguous, 'class' or 'category'"),
        (("file", "label"), lambda names: [(name, "bag") for name in names], "all images one class, 'bag'"),
        (("file", "label", "split"), lambda names: [(name, c, "holdout") for name, c in
                                                    zip(names, classes(), strict=True)],
         "'holdout' in the column of splits is unknown"),
    ],
)  # fmt: skip
def test_tables_that_leave_the_class_open_are_refused(tmp_path, header, rows, sentence):
    label_flat(tmp_path, rows, header)
    with pytest.raises(ReportError, match=sentence):
        find_data_set(tmp_path)


def test_the_column_of_the_class_can_be_given(tmp_path):
    def rows(names):
        return [(name, "mw"[i % 2], c) for i, (name, c) in enumerate(zip(names, classes(), strict=True))]

    label_flat(tmp_path, rows, ("id", "gender", "article"))
    (tmp_path / "classes.toml").write_text('label = "article"')
    assert found_in(tmp_path)[0] == expected([f"images/{i}.png" for i in range(12)], "")
    (tmp_path / "classes.toml").write_text('label = "colour"')
    with pytest.raises(ReportError, match="no table that names the images has a column 'colour'"):
        find_data_set(tmp_path)


def test_two_columns_that_say_the_same_are_one_class(tmp_path):
    names = [f"{i}.png" for i in range(12)]
    put(tmp_path, names)
    rows = [(CLASSES.index(c), c, name) for name, c in zip(names, classes(), strict=True)]
    table(tmp_path / "labels.csv", [("class_id", "class_name", "file"), *rows], ";")
    assert found_in(tmp_path)[0] == expected(names, "")


def test_two_tables_with_other_classes_are_refused(tmp_path):
    label_flat(tmp_path, lambda names: zip(names, classes(), strict=True))
    rows = [(f"{i}.png", c) for i, c in enumerate(classes()[::-1])]
    table(tmp_path / "families.csv", [("file", "label"), *rows])
    with pytest.raises(
        ReportError, match="families.csv and labels.csv give images/0.png different classes, 'coat' and"
    ):
        find_data_set(tmp_path)


def test_folders_and_a_table_that_disagree_are_refused_until_one_is_chosen(tmp_path):
    write_images(tmp_path, n=6, classes=("morning", "evening"))
    names = [f"{folder}/{i:03}.png" for folder in ("morning", "evening") for i in range(6)]
    table(tmp_path / "labels.csv", [("file", "label"), *zip(names, classes(), strict=True)])
    with pytest.raises(ReportError, match="classes are ambiguous: labels.csv .column 'label'. gives others than the"):
        find_data_set(tmp_path)
    (tmp_path / "classes.toml").write_text('label = ""')
    assert set(found_in(tmp_path)[0].values()) == {("", "morning"), ("", "evening")}
    (tmp_path / "classes.toml").write_text('label = "label"')
    assert found_in(tmp_path)[0] == expected(names, "")


def test_a_table_of_some_images_or_of_the_same_classes_changes_nothing(tmp_path):
    write_images(tmp_path, n=6, classes=("cat", "dog"))
    table(tmp_path / "blurred.csv", [("file", "reason"), ("cat/001.png", "dark"), ("dog/002.png", "light")])
    names = [f"{c}/{i:03}.png" for c in ("cat", "dog") for i in range(6)]
    table(tmp_path / "all.csv", [("file", "label"), *((name, name[:3].upper()) for name in names)])
    found, data_set = found_in(tmp_path)
    assert found == {name: ("", name[:3]) for name in names} and not data_set.notes


def test_images_of_one_name_are_told_apart_by_the_tables_place(tmp_path):
    for split in ("train", "test"):
        names = [f"{split}/{i}.png" for i in range(12)]
        put(tmp_path, names)
        rows = zip(range(12), classes() if split == "train" else classes()[::-1], strict=True)
        table(tmp_path / f"{split}_labels.csv", [("id", "label"), *rows])
    found, _ = found_in(tmp_path)
    assert found["train/0.png"] == ("train", "bag") and found["test/0.png"] == ("test", "coat") and len(found) == 24
    (tmp_path / "train_labels.csv").rename(tmp_path / "labels.csv")
    (tmp_path / "test_labels.csv").unlink()
    with pytest.raises(ReportError, match="labels.csv: '0' may be test/0.png and train/0.png; write the path"):
        find_data_set(tmp_path)


def test_nothing_outside_the_folder_is_read(tmp_path):
    put(tmp_path, [f"set/{i}.png" for i in range(12)] + ["secret/x.png"])
    rows = [*((f"{i}.png", c) for i, c in enumerate(classes())), ("../secret/x.png", "bag")]
    table(tmp_path / "set" / "labels.csv", [("file", "label"), *rows])
    found, data_set = found_in(tmp_path / "set")
    assert len(found) == 12 and "1 rows of 'labels.csv' name no image here" in data_set.notes
    (tmp_path / "set" / "linked").symlink_to(tmp_path / "secret")
    found, data_set = found_in(tmp_path / "set")
    assert found["linked/x.png"] == ("", "bag")
    assert "1 links lead out of the folder; what they lead to is read" in data_set.notes


def test_damaged_rows_are_counted_and_missing_classes_too(tmp_path):
    label_flat(tmp_path, lambda names: zip(names, classes(), strict=True))
    with open(tmp_path / "labels.csv", "a") as file:
        file.write("images/0.png,bag,more\nimages/none.png,bag\n")
    put(tmp_path, ["images/12.png"])
    with open(tmp_path / "labels.csv", "a") as file:
        file.write("images/12.png,\n")
    _, data_set = found_in(tmp_path)
    assert data_set.notes[1:] == (
        "1 rows of 'labels.csv' name no image here", "1 rows of 'labels.csv' have no class",
        "1 rows of 'labels.csv' have more or fewer values than the first",
        "1 images have no class, so they are not used, such as 'images/12.png'",
    )  # fmt: skip


def test_classes_that_pandas_wrote_with_a_fraction_are_whole(tmp_path):
    label_flat(tmp_path, lambda names: [(name, f"{i % 3}.0") for i, name in enumerate(names)])
    assert {what for _, what in found_in(tmp_path)[0].values()} == {"0", "1", "2"}


def test_other_classes_make_another_data_set(tmp_path):
    label_flat(tmp_path, lambda names: zip(names, classes(), strict=True))
    before = find_data_set(tmp_path).sha256
    label_flat(tmp_path, lambda names: zip(names, classes()[::-1], strict=True))
    assert find_data_set(tmp_path).sha256 != before


def test_one_text_file_an_image_is_no_table(tmp_path):
    write_images(tmp_path, n=30, classes=("cat", "dog"))
    for i in range(60):
        (tmp_path / "cat" / f"{i:03}.txt").write_text("0 0.5 0.5 0.1 0.1\n1 0.5 0.5 0.1 0.1\n")
    assert not find_annotations(walk(tmp_path))


@pytest.mark.slow
def test_a_table_of_a_million_rows_is_read_in_seconds(tmp_path):
    names = [f"{i:07}.png" for i in range(3 * N_FIRST)]
    for name in names:
        (tmp_path / name).touch()
    with open(tmp_path / "labels.csv", "w") as file:
        file.write(
            "id,label,split,width\n" + "".join(f"{i % 6000:07},{i % 5},train,{i % 97}\n" for i in range(1_000_000))
        )
    tree = walk(tmp_path)
    began = time.process_time()
    read = find_annotations(tree)[0]
    assert len(read.labels) == len(names) and not read.notes
    assert time.process_time() - began < 60  # 4 s on a fast machine


def test_an_index_finds_by_the_longest_path(tmp_path):
    put(tmp_path, ["a/b/x.png", "c/b/x.png", "c/x.png"])
    index = ImageIndex(walk(tmp_path))
    assert index.find("c/b/x.png", ()) == tmp_path / "c/b/x.png"
    assert index.find("b/x", ("a",)) == tmp_path / "a/b/x.png"
    assert index.find("y.png", ()) is None
    with pytest.raises(ValueError, match="may be"):
        index.find("x", ())


def test_prepared_images_have_the_classes_of_the_table(tmp_path, quiet):
    from fmnist_report.data.custom.prepare import prepare_custom_data
    from fmnist_report.pipeline.files import load_arrays
    from fmnist_report.settings import DataSettings

    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 240)
    folder = tmp_path / "set"
    (folder / "train").mkdir(parents=True)
    for i, label in enumerate(labels):
        image = rng.integers(0, 60, (8, 8)).astype("uint8")
        image[label] = 250
        Image.fromarray(image).save(folder / "train" / f"{i:04}.png")
    table(folder / "train.csv", [("id", "label"), *((f"{i:04}", CLASSES[label]) for i, label in enumerate(labels))])
    data_set = find_data_set(folder)
    out = tmp_path / "out"
    out.mkdir()
    prepare_custom_data(out, quiet, data=DataSettings(), mirror=False, transposed=False, data_set=data_set)
    images, read = load_arrays(out / "images.npz"), load_arrays(out / "labels.npz")
    assert data_set.classes["en"] == list(CLASSES)
    assert (images["train"].astype(float).mean(axis=2).argmax(axis=1) == read["train"]).all()
