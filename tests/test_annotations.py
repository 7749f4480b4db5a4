"""Tables beside images: classes and splits by file name, number or path, in the layouts that people have."""

import csv
import json
import time

import numpy as np
import pytest
from custom_data_sets import write_images
from PIL import Image

from fmnist_report.data.custom.annotations import find_annotations
from fmnist_report.data.custom.detection import find_data_set
from fmnist_report.data.custom.image_index import ImageIndex
from fmnist_report.data.custom.rows import N_FIRST
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
    table(tmp_path / "labels.csv", [["file", "a", "b"], *zip(names, classes()[::-1], splits, strict=True)])
    assert found_in(tmp_path)[0]["images/2.png"] == ("test", "bag")
    table(tmp_path / "labels.csv", [["file", "a", "b"], *zip(names, classes()[::-1], "xyz" * 4, strict=True)])
    with pytest.raises(ReportError, match="the column of the class is ambiguous, 'a' or 'b'"):
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
    with pytest.raises(ReportError, match="classes are ambiguous: those of labels.csv .column 'label'. are not the"):
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
    tree = walk(tmp_path)
    assert not find_annotations(tree, ImageIndex(tree))


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
    read = find_annotations(tree, ImageIndex(tree))[0]
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


# What a newcomer's trial with other people's layouts found.


def rows_of(n=12, label=None):
    return list(zip([f"{i}.png" for i in range(n)], label or classes(n), strict=True))


def test_test_images_of_the_same_name_do_not_stand_for_missing_training_images(tmp_path):
    put(tmp_path, [f"train/{i}.png" for i in range(6)] + [f"test/{i}.png" for i in range(12)])
    for form in ("train/{}", "{}"):
        table(tmp_path / "train.csv", [("file", "label"), *((form.format(f), c) for f, c in rows_of())])
        found, data_set = found_in(tmp_path)
        assert set(found) == {f"train/{i}.png" for i in range(6)}
        assert "6 rows of 'train.csv' name no image here" in data_set.notes


def test_an_image_in_another_folder_than_the_table_names_is_another_image(tmp_path):
    put(tmp_path, ["cat/0.png", "dog/1.png", "dog/2.png", "cat/3.png"])
    table(
        tmp_path / "l.csv",
        [("file", "label"), ("cat/0.png", "a"), ("cat/1.png", "a"), ("dog/2.png", "b"), ("d/3.png", "b")],
    )
    (tmp_path / "classes.toml").write_text('label = "label"')
    assert set(found_in(tmp_path)[0]) == {"cat/0.png", "dog/2.png", "cat/3.png"}  # there is no folder d


@pytest.mark.parametrize("masks", ["annotations/trimaps/{}", "masks/{}", "images/{}_mask"])
def test_masks_are_not_the_images_of_a_table(tmp_path, masks):
    put(tmp_path, [f"images/x{i}.png" for i in range(12)] + [masks.format(f"x{i}") + ".png" for i in range(12)])
    lines = [f"x{i} {c}" for i, c in enumerate(classes())]
    (tmp_path / "annotations").mkdir(exist_ok=True)
    (tmp_path / "annotations" / "trainval.txt").write_text("\n".join(lines))
    found, data_set = found_in(tmp_path)
    assert set(found) == {f"images/x{i}.png" for i in range(12)}
    assert any("not used" in note for note in data_set.notes)


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (["Unnamed: 0", "id", "label"], lambda i, name, c: [i, name, c]),
        (["", "id", "label"], lambda i, name, c: [i, name, c]),
        (["id", "label"], lambda i, name, c: [i + 1, name, c]),  # as R writes the names of its rows
        (["no", "image", "label"], lambda i, name, c: [i + 1, f"{name}.png", c]),
    ],
)
def test_row_numbers_are_not_names_of_images(tmp_path, header, row):
    names = [f"{i * 7 % 12}" for i in range(12)]
    put(tmp_path, [f"{name}.png" for name in names])
    table(
        tmp_path / "l.csv",
        [header, *(row(i, name, c) for i, (name, c) in enumerate(zip(names, classes(), strict=True)))],
    )
    assert found_in(tmp_path)[0] == expected([f"{name}.png" for name in names], "")


def test_a_table_that_is_not_in_utf_8_is_refused(tmp_path):
    put(tmp_path, [f"{i}.png" for i in range(12)])
    text = "file,label\n" + "\n".join(f"{i}.png,{'кіт' if i % 2 else 'пес'}" for i in range(12))
    (tmp_path / "labels.csv").write_bytes(text.encode("cp1251"))
    with pytest.raises(ReportError, match="labels.csv is not in UTF-8; save it as “CSV UTF-8”"):
        find_data_set(tmp_path)


@pytest.mark.parametrize(
    ("header", "splits", "told"),
    [
        (None, ["TRAIN", "VALIDATION", "TEST"], "the splits are those in 'l.csv'"),
        (
            ["partition", "file", "label"],
            ["0", "1", "2"],
            "the splits 0, 1 and 2 in 'l.csv' are read as train, val and test",
        ),
        (["is_train", "file", "label"], ["1", "1", "0"], "in 'istrain' of 'l.csv', 0 is read as 'test'"),
        (["test", "file", "label"], ["False", "False", "True"], "in 'test' of 'l.csv', 0 is read as 'train'"),
    ],
)
def test_splits_are_known_by_values_and_flags(tmp_path, header, splits, told):
    put(tmp_path, [f"{i}.png" for i in range(12)])
    rows = [[splits[i // 4], file, label] for i, (file, label) in enumerate(rows_of())]
    table(tmp_path / "l.csv", [*([header] if header else []), *rows])
    found, data_set = found_in(tmp_path)
    middle = "val" if splits[1] in ("VALIDATION", "1") and splits[0] != splits[1] else "train"
    assert [found[f"{i}.png"][0] for i in (0, 4, 8)] == ["train", middle, "test"] and found["1.png"][1] == "boot"
    assert told in data_set.notes


def test_lists_divide_images_that_another_table_labels(tmp_path):
    put(tmp_path, [f"{i}.png" for i in range(12)])
    table(tmp_path / "labels.csv", [("file", "label"), *rows_of()])
    for name, numbers in (("train_list.txt", range(8)), ("test_list.txt", range(8, 12))):
        (tmp_path / name).write_text("\n".join(f"{i}.png" for i in numbers))
    found, data_set = found_in(tmp_path)
    assert [found[f"{i}.png"][0] for i in (0, 7, 8, 11)] == ["train", "train", "test", "test"]
    assert "the splits are those in 'test_list.txt' and 'train_list.txt'" in data_set.notes


def test_a_split_in_a_name_is_no_split(tmp_path):
    names = [f"images/rapid_test_{i}.png" for i in range(6)] + [f"test_bench/{i}.png" for i in range(6)]
    put(tmp_path, names)
    table(tmp_path / "labels.csv", [("file", "label"), *zip(names, ["train", "bus", "car"] * 4, strict=True)])
    (tmp_path / "classes.toml").write_text('label = "label"')
    assert {split for split, _ in found_in(tmp_path)[0].values()} == {""}


def test_folders_of_the_same_name_but_for_the_split_divide(tmp_path):
    for split in ("Training", "Test"):
        names = [f"ISIC_{split}_Input/{split}{i}.png" for i in range(12)]
        put(tmp_path, names)
        table(tmp_path / f"{split}.csv", [("image", "label"), *((name[:-4].split("/")[1], c) for name, c in
                                                                  zip(names, classes(), strict=True))])  # fmt: skip
    (tmp_path / "Training.csv").rename(tmp_path / "a.csv")
    (tmp_path / "Test.csv").rename(tmp_path / "b.csv")
    found, data_set = found_in(tmp_path)
    assert found["ISIC_Test_Input/Test3.png"][0] == "test" and found["ISIC_Training_Input/Training3.png"][0] == "train"
    assert "the splits are those of the folders 'ISIC_Test_Input' and 'ISIC_Training_Input'" in data_set.notes


@pytest.mark.parametrize("name", ["sample_solution.csv", "sample_sub.csv", "mySubmission.csv", "dummy_labels.csv"])
def test_placeholders_are_no_labels(tmp_path, name):
    put(tmp_path, [f"train/{i}.png" for i in range(12)] + [f"test/t{i}.png" for i in range(4)])
    table(tmp_path / "train.csv", [("file", "label"), *rows_of()])
    table(tmp_path / name, [("file", "label"), *((f"t{i}.png", CLASSES[i % 2]) for i in range(4))])
    assert {split for split, _ in found_in(tmp_path)[0].values()} == {"train"}


@pytest.mark.parametrize("value", ["-1", "nan", "None", "N/A"])
def test_unlabelled_rows_are_counted(tmp_path, value):
    label_flat(tmp_path, lambda names: [(name, value if i < 2 else c) for i, (name, c) in
                                        enumerate(zip(names, classes(), strict=True))])  # fmt: skip
    found, data_set = found_in(tmp_path)
    assert len(found) == 10 and "2 rows of 'labels.csv' have no class" in data_set.notes


def test_a_second_column_that_disagrees_is_told_and_one_in_words_names_the_classes(tmp_path):
    put(tmp_path, [f"{i}.png" for i in range(12)])
    rows = [(file, CLASSES.index(c), c) for file, c in rows_of()]
    table(tmp_path / "l.csv", [("file", "label", "class_name"), *rows])
    assert found_in(tmp_path)[0] == expected([f"{i}.png" for i in range(12)], "")
    rows[0] = ("0.png", 1, "bag")
    table(tmp_path / "l.csv", [("file", "label", "class_name"), *rows])
    assert (
        "1 rows of 'l.csv' have another class in 'class_name' than in 'label', which is used"
        in found_in(tmp_path)[1].notes
    )


def test_a_doubtful_table_gives_way_to_a_clear_one(tmp_path):
    put(tmp_path, [f"{i}.png" for i in range(24)])
    rows = [(f"{i}", *(float(k == i % 3) for k in range(3))) for i in range(24)]
    table(tmp_path / "GroundTruth.csv", [("image", *CLASSES), *rows])
    table(tmp_path / "Metadata.csv", [("image", "age", "sex"), *((f"{i}", 30 + i % 5, "mf"[i % 2]) for i in range(24))])
    found, data_set = found_in(tmp_path)
    assert found == expected([f"{i}.png" for i in range(24)], "")
    assert any(note.startswith("'Metadata.csv' names the images, but is not used: ") for note in data_set.notes)


def test_numbers_of_rows_and_of_boxes_are_no_classes(tmp_path):
    write_images(tmp_path / "images", n=12, classes=CLASSES)
    names = [f"{c}/{i:03}.png" for c in CLASSES for i in range(12)]
    (tmp_path / "images.txt").write_text("\n".join(f"{i + 1} {name}" for i, name in enumerate(names)))
    found, _ = found_in(tmp_path)
    assert {label for _, label in found.values()} == set(CLASSES)


def test_names_of_classes_with_spaces_are_read_from_lists(tmp_path):
    put(tmp_path, [f"data/{i:05}.png" for i in range(24)])
    labels = ["Boeing 707", "DC-10", "Cessna 172"] * 8
    (tmp_path / "variant_train.txt").write_text("\n".join(f"{i:05} {label}" for i, label in enumerate(labels)))
    assert found_in(tmp_path)[0] == expected([f"data/{i:05}.png" for i in range(24)], "train", labels)


def test_a_table_of_the_classes_names_no_images(tmp_path):
    put(tmp_path, [f"{i}.png" for i in range(40)])
    table(tmp_path / "train.csv", [("id", "label"), *((i * 7 % 40, i % 3) for i in range(40))])
    table(tmp_path / "classes.csv", [("id", "name"), *((i, f"a {i}") for i in range(3))])
    assert {label for _, label in found_in(tmp_path)[0].values()} == {"0", "1", "2"}


def test_folders_of_patients_are_no_classes(tmp_path):
    write_images(tmp_path / "train", n=2, classes=[f"{i:05}" for i in range(12)])
    table(tmp_path / "labels.csv", [("id", "value"), *((i, i % 2) for i in range(12))])
    with pytest.raises(
        ReportError, match="folders are named in column 'id' of labels.csv, which gives them classes in"
    ):
        find_data_set(tmp_path)


def test_classes_that_differ_in_case_or_are_combined_are_told(tmp_path):
    label_flat(tmp_path, lambda names: [(name, ["Cat", "cat", "cat|dog"][i % 3]) for i, name in enumerate(names)])
    notes = found_in(tmp_path)[1].notes
    assert "class names differ only in case: 'Cat' and 'cat'" in notes
    assert "1 classes are combinations, such as 'cat|dog'" in notes


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("labels.xlsx", "", "labels.xlsx is not read beside images; if it has their classes, save it as labels.csv"),
        (
            "labels.csv",
            "file,label\np0.jpg,cat\np1.jpg,dog\n",
            "labels.csv names none of the images: there is no 'p0.jpg'",
        ),
    ],
)
def test_a_table_that_cannot_be_used_is_named(tmp_path, name, content, sentence):
    put(tmp_path, [f"images/p{i}.png" for i in range(12)])
    (tmp_path / name).write_text(content)
    with pytest.raises(ReportError, match=sentence):
        find_data_set(tmp_path)


def test_minus_one_beside_one_is_a_class(tmp_path):
    label_flat(tmp_path, lambda names: [(name, (-1, 1)[i % 2]) for i, name in enumerate(names)])
    assert {label for _, label in found_in(tmp_path)[0].values()} == {"-1", "1"}
