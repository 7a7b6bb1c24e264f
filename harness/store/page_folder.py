"""Write a folder of pages as a whole, beside a report."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from wsgi_gauntlet.harness.errors import ConfigurationError, StorageFull
from wsgi_gauntlet.harness.store.output_folder import MARKER_FILE, mark_folder, require_output_folder

PAGES_FOLDER = "pages"
"""The name of the folder of pages in the folder of a report."""


def require_page_folder(folder: Path) -> None:
    """Raise ConfigurationError if the pages of a report in `folder` cannot be written. Nothing is changed."""
    require_output_folder(folder / PAGES_FOLDER, PAGES_FOLDER)


def write_pages(folder: Path, files: Mapping[str, str]) -> Path:
    """Write `files` (text by relative path) into the folder of pages in `folder`, and return that.

    Earlier pages are replaced as a whole. Raises ConfigurationError if the folder has other files, StorageFull if a
    file cannot be written; the earlier pages stay then.
    """
    require_page_folder(folder)
    pages = folder / PAGES_FOLDER
    new = folder / f".{PAGES_FOLDER}.{os.getpid()}"
    try:
        for name, text in files.items():
            path = new.joinpath(*_parts(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8", "backslashreplace")  # the folder is renamed as a whole
        mark_folder(new, PAGES_FOLDER)
        with (new / MARKER_FILE).open("a", encoding="utf-8") as marker:
            marker.writelines(f"{name}\n" for name in files)
        if pages.exists():
            shutil.rmtree(pages)
        new.rename(pages)
    except OSError as problem:
        raise StorageFull(f"cannot write {pages}: {problem.strerror}; correct this, then repeat the command") from None
    finally:
        shutil.rmtree(new, ignore_errors=True)
    return pages


def remove_pages(folder: Path) -> bool:
    """Remove the pages that `write_pages` wrote in `folder`, and say whether there were any. Files of others stay.

    Raises ConfigurationError if a page cannot be removed.
    """
    pages = folder / PAGES_FOLDER
    marker = pages / MARKER_FILE
    try:
        if pages.is_symlink() or marker.is_symlink() or not marker.is_file():
            return False
        what, _, *names = marker.read_text("utf-8", "replace").splitlines() or ("", "")
        if what != PAGES_FOLDER or not names:
            return False  # older versions did not list their pages
        files = [pages.joinpath(*_parts(each)) for each in names]
        own = [each for each in files if each.parent.resolve().is_relative_to(pages.resolve())]
        for each in (*own, marker):
            each.unlink(missing_ok=True)
        folders = {parent for each in own for parent in each.parents if parent.is_relative_to(pages)}
        for parent in sorted({*folders, pages}, key=lambda path: -len(path.parts)):
            if parent.is_dir() and not parent.is_symlink() and not any(parent.iterdir()):
                parent.rmdir()
    except ValueError:
        return False  # the list names files outside of the folder
    except OSError as problem:
        raise ConfigurationError(
            f"cannot remove the earlier {pages}: {problem.strerror}; remove it, or name another folder with --out"
        ) from None
    return True


def _parts(name: str) -> tuple[str, ...]:
    """Return the parts of a relative path. A name that leaves the folder is a mistake of the caller."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ValueError(f"{name!r} is not inside of the folder")
    return path.parts
