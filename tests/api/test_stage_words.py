"""The progress of `ecg analyze` in the user's language."""

import pytest

from ecg_api.cli.stage_words import progress_message
from ecg_contract.host_protocol import PipelineStatus
from ecg_contract.stages import Stage

MODEL = "모델 다운로드 중: large-v3 40% (1200/3000 MB)"


@pytest.mark.parametrize("locale", [{}, {"LANG": "en_US.UTF-8"}, {"LANG": "C"}, {"LC_ALL": "C", "LANG": "ko_KR.UTF-8"}])
def test_it_is_english_in_every_locale_but_korean(locale: dict[str, str]) -> None:
    for stage in Stage:
        status = PipelineStatus(attempt=1, stage=stage, message=stage.message).model_dump(mode="json", by_alias=True)
        assert progress_message(status, locale).isascii()
    assert progress_message({"stage": "vad", "message": MODEL}, locale) == (
        "downloading a model: large-v3 40% (1200/3000 MB)"
    )


@pytest.mark.parametrize("locale", [{"LANG": "ko_KR.UTF-8"}, {"LC_MESSAGES": "ko", "LANG": "en_US"}])
def test_in_a_korean_locale_it_is_the_specifications(locale: dict[str, str]) -> None:
    for stage in Stage:
        status = {"stage": stage.value, "message": stage.message}
        assert progress_message(status, locale) == stage.message
