"""What the documents point at exists: files, and the functions, classes and tests that they name in them."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("recipes/*.md")])
# [text](target) or [text](target "name of a test in it")
LINK = re.compile(r"\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)(?: \"(?P<title>[^\"]*)\")?\)")
IDENTIFIER = re.compile(r"`(\w+)`")


def links(document: Path) -> list[tuple[str, str, str | None]]:
    """The text, target and title of every link that does not lead out of the project."""
    found = LINK.findall(document.read_text(encoding="utf-8"))
    return [(text, target, title or None) for text, target, title in found if not re.match(r"\w+:|#", target)]


def named(document: Path) -> list[tuple[Path, str]]:
    """The Python files that a document links to, and what it says they define."""
    pairs = []
    for text, target, title in links(document):
        identifier = IDENTIFIER.fullmatch(text)
        if target.endswith(".py") and (title or identifier):
            pairs.append(((document.parent / target).resolve(), title or identifier[1]))
    return pairs


@cache
def defined(path: Path) -> set[str]:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    return {node.name for node in body if isinstance(node, ast.FunctionDef | ast.ClassDef)}


def cases(pairs: list[tuple[Path, str]]) -> list:
    return [pytest.param(path, name, id=f"{path.relative_to(ROOT)}::{name}") for path, name in dict.fromkeys(pairs)]


def linked() -> list[tuple[str, str]]:
    """Each document's name with each file that it links to."""
    pairs = ((document, target.partition("#")[0]) for document in DOCUMENTS for _, target, _ in links(document))
    return list(dict.fromkeys((doc.name, str((doc.parent / to).resolve().relative_to(ROOT))) for doc, to in pairs))


@pytest.mark.parametrize(("document", "target"), linked())
def test_every_relative_link_leads_to_a_file(document: str, target: str) -> None:
    assert (ROOT / target).exists()


@pytest.mark.parametrize(("path", "name"), cases([pair for document in DOCUMENTS for pair in named(document)]))
def test_what_a_document_names_in_a_file_is_defined_there(path: Path, name: str) -> None:
    assert name in defined(path)


def test_the_deck_names_every_loop_of_the_reference() -> None:
    loops = {
        (path, name)
        for path in (ROOT / "speechcnn/layers/reference").glob("*.py")
        for name in defined(path)
        if name.endswith(("_forward", "_backward"))
    }
    # What other loops are made of, or what has no formula of its own.
    steps = {"conv_backward", "flatten_forward", "flatten_backward", "blur_forward", "blur_backward"}
    steps |= {"pool_transforms_backward"}
    deck = {name for _, name in named(ROOT / "docs" / "deck.md")}
    assert {name for _, name in loops} - deck == steps


@pytest.mark.slow
def test_the_pictures_of_the_deck_can_be_drawn_anew(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(ROOT / "tools" / "deck_pictures.py"), str(tmp_path)], check=True)
    shown = {target for _, target, _ in links(ROOT / "docs" / "deck.md") if target.startswith("pictures/")}
    assert {f"pictures/{path.name}" for path in tmp_path.iterdir()} == shown
    assert max(path.stat().st_size for path in tmp_path.iterdir()) < 150_000
