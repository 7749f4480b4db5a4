"""The images of a data set by name, so that tables can refer to them."""

import collections
import itertools
import typing
from pathlib import Path, PurePosixPath

from fmnist_report.data.custom.class_folders import DRAWN, find_masks
from fmnist_report.data.custom.roles import read_role
from fmnist_report.data.custom.tree import Folder, show_path


class ImageIndex:
    """The images of a tree by file name, with and without extension, and without leading zeros; no masks.

    images: all of them.
    drawn: folders of masks and other drawings, whose images are not in the index.
    """

    def __init__(self, tree: Folder) -> None:
        self.root = tree.path
        self.drawn: list[Path] = []
        self.images: list[Path] = []
        self.masks: list[Path] = []
        self.folders: set[str] = set()
        self.found: dict[str, list[Path]] = collections.defaultdict(list)
        self._gather(tree)
        for path in self.images:
            stem = path.stem.casefold()
            for key in {path.name.casefold(), stem, drop_zeros(stem)}:
                self.found[key].append(path)

    def _gather(self, folder: Folder) -> None:
        masks = find_masks(folder.images)
        self.masks += sorted(masks)
        self.images += [path for path in folder.images if path not in masks]
        for inner in folder.folders:
            if inner.name.casefold() not in DRAWN:
                self.folders.add(inner.path.name.casefold())
                self._gather(inner)
            elif inner.every_image():
                self.drawn.append(inner.path)

    def candidates(self, value: str) -> list[Path]:
        """Return the images that a value may name, without regard to folders; often none."""
        name = value[max(value.rfind("/"), value.rfind("\\")) + 1 :].casefold()
        return self.found.get(name) or self.found.get(drop_zeros(name), []) if name else []

    def find(self, value: str, near: tuple[str, ...], split: str = "") -> Path | None:
        """Return the image that a value names, by file name, by path from any folder, or by number; None if unknown.

        Args:
            near: names of folders, in lower case; of images of the same name, those in them take precedence.
            split: the split of the table; an image in a folder of test images is no image of another split.

        Raises:
            ValueError: several images have that name.
        """
        parts = [part.casefold() for part in PurePosixPath(value.replace("\\", "/")).parts[:-1]][::-1]
        named = next((split for part in parts if (split := read_role(part)[0])), "") or split
        paths = [path for path in self.candidates(value) if self._may_be(path, parts, named)]
        if len(paths) > 1:
            paths = _keep_best(paths, lambda path: _count_same(parts, self._parts(path)[::-1]))
        if len(paths) > 1:
            paths = _keep_best(paths, lambda path: sum(part in near for part in self._parts(path)))
        if len(paths) > 1:
            paths = _keep_best(paths, lambda path: path.stem.casefold() == value.casefold())  # 1 before 01
        if len(paths) > 1:
            names = " and ".join(show_path(path, self.root) for path in paths[:2])
            raise ValueError(f"{value!r} may be {names}; write the path of the image from the folder of the data set")
        return paths[0] if paths else None

    def _may_be(self, path: Path, parts: list[str], split: str) -> bool:
        """Return whether an image is in the folder that a value names, and not in one of another split.

        A folder that does not exist is another root, as in a path from another machine.
        """
        own = self._parts(path)
        if parts and parts[0] in self.folders and parts[0] not in own:
            return False
        is_in = next((found for part in reversed(own) if (found := read_role(part)[0])), "")
        return not (split and is_in and split != is_in and "test" in (split, is_in))

    def _parts(self, path: Path) -> list[str]:
        return [part.casefold() for part in path.relative_to(self.root).parts[:-1]]


def drop_zeros(name: str) -> str:
    """Return a number without leading zeros; other names are unchanged."""
    return name.lstrip("0") or "0" if name.isdecimal() else name


def _keep_best(paths: list[Path], score: typing.Callable[[Path], int]) -> list[Path]:
    scores = [score(path) for path in paths]
    return [path for path, own in zip(paths, scores, strict=True) if own == max(scores)]


def _count_same(wanted: list[str], parts: list[str]) -> int:
    pairs = zip(wanted, parts, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
