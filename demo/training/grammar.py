"""The small language that the demo models know: sentences of a meeting about a video, in English and Korean."""

import hashlib
import itertools
import random
import re

_EN = {
    "verb": "start review record finish share check send",
    "adj": "new short final first second",
    "noun": "meeting video project report budget picture music plan",
    "name": "Anna Peter Maria Thomas",
    "state": "ready late good wonderful",
    "time": "today|tomorrow|on Monday|on Friday|next week|this morning",
}
_EN_TEMPLATES = (
    "We {verb} the {adj} {noun} {time}.",
    "Can you {verb} the {noun} {time}?",
    "The {adj} {noun} is {state}.",
    "Please {verb} the {noun} and the {noun2}.",
    "{name} will {verb} the {noun} {time}.",
    "I think the {noun} is {state} {time}.",
)
_KO = {
    "verb": "시작합니다 확인합니다 끝냅니다 공유합니다 녹화합니다 준비합니다",
    "ask": "보낼까요 고칠까요 미룰까요",
    "adj": "새로운 짧은 마지막 중요한",
    "obj": "회의를 영상을 보고서를 계획을 예산을 사진을 음악을",
    "sub": "회의가 영상이 보고서가 계획이 예산이",
    "who": "우리는 저는 민수는 지영은 팀장은",
    "state": "좋습니다 늦었습니다 완벽합니다 필요합니다",
    "time": "오늘 내일 월요일에 금요일에 아침에",
}
_KO_TEMPLATES = (
    "{who} {time} {adj} {obj} {verb}.",
    "{time} {adj} {obj} {ask}?",
    "{adj} {sub} {time} {state}.",
    "{who} {obj} {verb}.",
    "{who} {time} {obj} {verb}.",
)
HELD_OUT_SHARE = 0.2


def sentences(language: str, *, held_out: bool) -> list[str]:
    """All sentences of one side of the training split, which a digest of the sentence decides."""
    templates, slots = (_EN_TEMPLATES, _EN) if language == "en" else (_KO_TEMPLATES, _KO)
    return [s for template in templates for s in _expand(template, slots) if _is_held_out(s) == held_out]


def vocabulary(language: str) -> list[str]:
    both = (sentences(language, held_out=h) for h in (False, True))
    return sorted({w.strip(".?") for text in itertools.chain(*both) for w in text.split()})


def balanced(language: str, count: int, rng: random.Random, *, held_out: bool) -> list[str]:
    """Up to `count` different sentences, equally many per template, in random order."""
    templates = _EN_TEMPLATES if language == "en" else _KO_TEMPLATES
    slots = _EN if language == "en" else _KO
    chosen: list[str] = []
    for template in templates:
        mine = [s for s in _expand(template, slots) if _is_held_out(s) == held_out]
        chosen += rng.sample(mine, min(len(mine), -(-count // len(templates))))
    rng.shuffle(chosen)
    return chosen[:count]


def _expand(template: str, slots: dict[str, str]) -> list[str]:
    names = re.findall(r"{(\w+)}", template)
    choices = [_values(slots[name.rstrip("2")]) for name in names]
    filled = (dict(zip(names, combination, strict=True)) for combination in itertools.product(*choices))
    return [template.format(**f) for f in filled if f.get("noun") != f.get("noun2", "")]


def _values(slot: str) -> list[str]:
    return slot.split("|") if "|" in slot else slot.split()


def _is_held_out(sentence: str) -> bool:
    return hashlib.sha256(sentence.encode()).digest()[0] < 256 * HELD_OUT_SHARE
