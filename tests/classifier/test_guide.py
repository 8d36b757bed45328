"""The examples of the guide run as they stand there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from speechcnn.corpora import scenes

GUIDE = Path(__file__).parents[2] / "docs" / "classification.md"


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning:sklearn")
def test_the_examples_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    scenes.make_clips(tmp_path / "sounds", scenes.Clips(per_class=4, folds=2), workers=1)
    shutil.copy(next((tmp_path / "sounds").glob("*/*.wav")), tmp_path / "new.wav")
    monkeypatch.chdir(tmp_path)
    examples = re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert len(examples) == 3
    for example in examples:
        exec(compile(example.replace("epochs=30", "epochs=1"), str(GUIDE), "exec"), {})
    printed = capsys.readouterr().out
    assert "shortcut score" in printed
    assert {path.name for path in (tmp_path / "why").iterdir()} == {"heard.wav", "ignored.wav", "explanation.png"}
