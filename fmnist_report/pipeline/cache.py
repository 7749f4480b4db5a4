"""Content-addressed entries on disk: a folder of artefacts and a manifest, written last.

<root>/<stage>/<key>/            artefacts and manifest.json
<root>/<stage>/.work-<key>/      an entry being computed; long stages resume from its folder unfinished/
<root>/quarantine/                damaged entries, kept for inspection
<root>/locks/                    kernel locks, one per entry; never need manual removal
"""

import contextlib
import os
import shutil
import time
import typing
from dataclasses import dataclass, field
from pathlib import Path

import filelock

from fmnist_report.pipeline.files import (
    UNFINISHED,
    digest_json,
    read_json,
    require_folder,
    sha256_file,
    sync_folder,
    write_json,
)
from fmnist_report.pipeline.locks import hold, take_lock

FORMAT = 3
MANIFEST = "manifest.json"
MEASURED = "measured.json"  # a stage's measurements of its own computation, such as seconds; not reproducible


@dataclass
class Entry:
    """A finished artefact folder and its manifest."""

    path: Path
    manifest: dict[str, typing.Any]
    verified: bool = field(default=False, compare=False)

    @property
    def stage(self) -> str:
        return self.manifest["stage"]

    @property
    def key(self) -> str:
        return self.manifest["key"]

    @property
    def created(self) -> str:
        return self.manifest["created"]

    @property
    def n_bytes(self) -> int:
        return sum(file["bytes"] for file in self.manifest["files"].values())

    @property
    def contents(self) -> tuple[str, str]:
        """Digests of the content: without MEASURED, and with it."""
        digests = {name: file["sha256"] for name, file in self.manifest["files"].items()}
        lasting = {name: digest for name, digest in digests.items() if name != MEASURED}
        return digest_json(lasting), digest_json(digests)

    def damage(self, deep: bool) -> str | None:
        """Return a description of the damage to the entry's files, or None.

        Args:
            deep: compare digests as well as sizes.
        """
        listed = self.manifest["files"]
        for name, expected in listed.items():
            path = self.path / name
            if not path.is_file() or path.is_symlink():
                return f"{name} is missing"
            if path.stat().st_size != expected["bytes"]:
                return f"{name} has {path.stat().st_size} bytes instead of {expected['bytes']}"
            if deep and not self.verified and sha256_file(path) != expected["sha256"]:
                return f"{name} does not match its digest"
        for path in self.path.rglob("*"):
            name = path.relative_to(self.path).as_posix()
            by_the_system = path.name.startswith(".") or path.name == "Thumbs.db"  # of file managers
            if (path.is_symlink() or not path.is_dir()) and name not in (*listed, MANIFEST) and not by_the_system:
                return f"{name} is not in its manifest"
        self.verified = self.verified or deep
        return None


def join_provenance(parts: typing.Iterable[dict[str, typing.Any]]) -> dict[str, typing.Any]:
    """Merge the provenance of several manifests; for a stage that was computed twice, keep the later record.

    Args:
        parts: provenance of each manifest: records by stage, with created.
    """
    joined: dict[str, typing.Any] = {}
    for rows in parts:
        for name, row in rows.items():
            if name not in joined or row["created"] > joined[name]["created"]:
                joined[name] = row
    return joined


TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# A cache of fmnist_report; see https://bford.info/cachedir/\n"


def tag_folder(root: Path) -> None:
    """Mark a folder as a cache, so that backups and the search for data sets pass it by."""
    tag = root / "CACHEDIR.TAG"
    if not tag.is_file():
        with contextlib.suppress(OSError):
            tag.write_text(TAG, "utf-8")


class Cache:
    """All entries under one folder."""

    def __init__(self, root: Path, warn: typing.Callable[[str], None] = lambda message: None) -> None:
        self.root = Path(root)
        self.warn = warn

    def prepare(self) -> None:
        """Create the folder; raise ReportError if it is not writable."""
        require_folder(self.root, "--cache-dir", "cache folder")

    def peek(self, stage: str, key: str) -> tuple[Entry | None, str | None]:
        """Look up an entry without changing anything.

        Returns:
            (entry, None); (None, None) if there is no entry; or (None, damage).
        """
        path = self.root / stage / key
        if not path.is_dir():
            return None, None
        try:
            entry = _read_entry(path, stage, key)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None, "its manifest cannot be read"
        damage = entry.damage(deep=False)
        return (None, damage) if damage else (entry, None)

    def find(self, stage: str, key: str, deep: bool = False) -> Entry | None:
        """Return an undamaged entry, or None; quarantine a damaged one with a warning."""
        entry, damage = self.peek(stage, key)
        if entry and deep:
            damage = entry.damage(deep=True)
        if damage:
            self.quarantine(stage, key, damage)
            return None
        return entry

    def quarantine(self, stage: str, key: str, why: str) -> None:
        """Move a damaged entry to the quarantine folder with a warning."""
        folder = self.root / "quarantine"
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{stage}-{key}-{time.time_ns()}"
        os.replace(self.root / stage / key, target)
        self.warn(f"The cached {stage} is damaged ({why}); it was quarantined and will be recomputed.")

    def lock(self, stage: str, key: str) -> contextlib.AbstractContextManager[None]:
        """Hold the entry's lock; warn while waiting for another process."""
        return hold(
            self.root / "locks",
            f"{stage}-{key}",
            lambda holder: self.warn(f"Waiting for {holder}, which is computing {stage} in the same cache."),
        )

    def work_folder(self, stage: str, key: str, fresh: bool = False) -> Path:
        """Return the folder in which an entry is computed; it survives an interruption.

        Args:
            fresh: empty it first.
        """
        path = self.root / stage / f".work-{key}"
        if fresh and path.exists():
            shutil.rmtree(path)
        path.mkdir(parents=True, exist_ok=True)
        tag_folder(self.root)
        for leftover in path.rglob(".*.tmp"):  # left by a killed process
            leftover.unlink()
        return path

    def unfinished_bytes(self, stage: str, key: str | None) -> int:
        """Return the size in bytes of the files from which an interrupted computation will resume."""
        paths = (self.root / stage / f".work-{key}").rglob("*")
        return sum(path.stat().st_size for path in paths if path.is_file())

    def commit(
        self,
        stage: str,
        key: str,
        own: dict[str, typing.Any],
        components: dict[str, str],
        provenance: dict[str, typing.Any],
    ) -> Entry:
        """Turn the work folder into an entry: write the manifest, sync, rename; remove the files it resumed from.

        Args:
            own: created (an ISO timestamp), seconds, and other records of this computation.
            components: the components of the key.
            provenance: records from the manifests of all inputs, direct and indirect, by stage.
        """
        work, final = self.work_folder(stage, key), self.root / stage / key
        files = {}
        for path in sorted(work.rglob("*")):
            if path.is_file() and path.name != MANIFEST and work / UNFINISHED not in path.parents:
                with open(path, "rb+") as file:  # Windows syncs only writable files
                    os.fsync(file.fileno())
                name = path.relative_to(work).as_posix()
                files[name] = {"bytes": path.stat().st_size, "sha256": sha256_file(path)}
        manifest = {"format": FORMAT, "stage": stage, "key": key, "files": files, "components": components}
        manifest |= {name: own[name] for name in ("created", "seconds")}
        row = {"key": key, "contents": Entry(final, manifest).contents, **own}
        manifest["provenance"] = {**provenance, stage: row}
        write_json(work / MANIFEST, manifest | {"sha256": digest_json(manifest)})
        shutil.rmtree(work / UNFINISHED, ignore_errors=True)
        if final.exists():  # renamed first, because another run may be reading it
            former = work.with_name(f".work-former-{key}")
            shutil.rmtree(former, ignore_errors=True)
            os.replace(final, former)
            shutil.rmtree(former, ignore_errors=True)
        os.replace(work, final)
        sync_folder(final.parent)
        return Entry(final, manifest, verified=True)

    def entries(self, stage: str = "*") -> list[tuple[str, str, Entry | None, str | None]]:
        """List (stage, key, entry or None, damage or None) for every finished folder, optionally of one stage."""
        found = []
        for folder in sorted(self.root.glob(f"{stage}/*")):
            stage, key = folder.parent.name, folder.name
            if folder.is_dir() and len(key) == 64 and stage != "quarantine":
                found.append((stage, key, *self.peek(stage, key)))
        return found

    def sound_entries(self, stage: str) -> list[Entry]:
        """List a stage's entries that are undamaged, judging by file sizes."""
        return [entry for _, _, entry, _ in self.entries(stage) if entry]

    def recall(self, stage: str, key: str) -> tuple[str, str] | None:
        """Return the contents of a removed entry, as recorded by entries that were computed from it."""
        for _, _, entry, _ in self.entries():
            row = entry.manifest["provenance"].get(stage) if entry else None
            if row and row["key"] == key:
                return tuple(row["contents"])
        return None

    def prune(self, max_bytes: int | None = None) -> list[str]:
        """Remove unfinished, damaged and quarantined folders, then the oldest entries above max_bytes.

        Entries that another run is computing are kept.

        Returns:
            A line for each folder removed.
        """
        removed = []

        def remove(path: Path, stage: str, key: str, line: str) -> None:
            with contextlib.suppress(filelock.Timeout), take_lock(self.root / "locks", f"{stage}-{key}", timeout=0):
                shutil.rmtree(path)
                removed.append(line)

        (self.root / "locks").mkdir(parents=True, exist_ok=True)
        for path in self.root.glob("*/.work-*"):
            remove(path, path.parent.name, path.name.rpartition("-")[2], f"{path.relative_to(self.root)}")
        for path in self.root.glob("quarantine/*"):
            shutil.rmtree(path)
            removed.append(f"{path.relative_to(self.root)}")
        entries = []
        for stage, key, entry, damage in self.entries():
            if entry:
                entries.append(entry)
            else:
                remove(self.root / stage / key, stage, key, f"{stage}/{key[:12]} ({damage})")
        total = sum(entry.n_bytes for entry in entries)
        for entry in sorted(entries, key=lambda entry: entry.created):
            if max_bytes is not None and total > max_bytes:
                total -= entry.n_bytes
                line = f"{entry.stage}/{entry.key[:12]} ({entry.n_bytes / 1e6:.1f} MB)"
                remove(entry.path, entry.stage, entry.key, line)
        return removed


def _read_entry(path: Path, stage: str, key: str) -> Entry:
    manifest = read_json(path / MANIFEST)
    if manifest.pop("sha256") != digest_json(manifest):
        raise ValueError("the manifest does not match its digest")
    if manifest["format"] != FORMAT or (manifest["stage"], manifest["key"]) != (stage, key):
        raise ValueError("the manifest is of another format or entry")
    for name, expected in manifest["files"].items():
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ValueError("the manifest names a file outside its entry")
        int(expected["bytes"]), str(expected["sha256"])
    manifest["created"], manifest["seconds"], manifest["provenance"], manifest["components"]
    return Entry(path, manifest)
