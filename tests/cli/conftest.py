from __future__ import annotations

import json

import pytest

from speechcnn.cli import main
from speechcnn.transcripts import write_trn


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Write trn files from keywords and run the command in their folder: (status, output, error)."""
    monkeypatch.chdir(tmp_path)

    def command(*arguments, **files):
        for name, transcripts in files.items():
            (tmp_path / f"{name}.trn").write_text(write_trn(transcripts))
        status = main(["score", *map(str, arguments)])
        return status, *capsys.readouterr()

    return command


@pytest.fixture
def data(run):
    """What the command says as JSON."""

    def command(*arguments, **files):
        status, output, error = run(*arguments, "--format", "json", **files)
        assert status == 0, error
        return json.loads(output)

    return command
