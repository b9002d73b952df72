"""What every job store keeps about lists of jobs."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from ecg_api.ports import JobQuery, JobState, JobView
from ecg_contract.languages import Language
from support.store_hand import Hand, Outcome, listed, viewed
from support.submissions import submission


class ListsContract:
    """A part of `StoreContract`."""

    async def test_jobs_are_listed_by_what_their_requests_say_of_them(self, hand: Hand) -> None:
        for job_id, metadata in (
            ("j", {"project": "atlas", "team": "회의"}),
            ("line", {"project": 'a"\nteam=회의\n'}),
            ("none", {}),
        ):
            await hand.store.submit(submission(job_id, metadata=metadata))
        assert await listed(hand, metadata=(("project", "atlas"),)) == ["j"]
        assert await listed(hand, metadata=(("team", "회의"), ("project", "atlas"))) == ["j"]
        assert await listed(hand, metadata=(("project", 'a"\nteam=회의\n'),)) == ["line"]
        for absent in (("project", "atl"), ("roject", "atlas"), ("project", "")):
            assert await listed(hand, metadata=(absent,)) == []

    async def test_pages_hold_every_job_once_the_newest_first(self, hand: Hand) -> None:
        for number in range(5):
            await hand.store.submit(submission(f"j{number}"))
        pages: list[Sequence[JobView]] = []
        cursor = None
        while not pages or cursor is not None:
            page = await hand.store.list_jobs(JobQuery(limit=2, after=cursor))
            pages.append(page.jobs)
            cursor = page.cursor
            if len(pages) == 1:
                await hand.store.submit(submission("newer"))  # no job of a later page moves
        assert [len(jobs) for jobs in pages] == [2, 2, 1]
        found = [view for jobs in pages for view in jobs]
        assert sorted(view.job_id for view in found) == [f"j{number}" for number in range(5)]
        times = [view.submitted_at for view in found if view.submitted_at is not None]
        assert times == sorted(times, reverse=True)
        assert len(times) == 5

    async def test_a_list_has_the_jobs_that_are_asked_for(self, hand: Hand) -> None:
        for job_id, language in (("j", Language.AUTO), ("japanese", Language.JA), ("waiting", Language.EN)):
            await hand.store.submit(submission(job_id, language=language))
            if job_id == "j":
                await hand.complete("j")
        assert await listed(hand) == ["j", "japanese", "waiting"]
        assert await listed(hand, states=frozenset({JobState.COMPLETED})) == ["j"]
        assert await listed(hand, states=frozenset({JobState.QUEUED, JobState.FAILED})) == ["japanese", "waiting"]
        assert await listed(hand, language="ja") == ["japanese"]
        found = (await viewed(hand)).language
        assert found not in (None, "auto"), "the language that was detected"
        assert "j" in await listed(hand, language=found)
        at = (await viewed(hand, "waiting")).submitted_at
        assert at is not None
        assert "waiting" in await listed(hand, submitted_since=at)
        assert await listed(hand, submitted_since=at + timedelta(seconds=2)) == []
        assert await listed(hand, submitted_before=at + timedelta(seconds=2)) == ["j", "japanese", "waiting"]
        assert "waiting" not in await listed(hand, submitted_before=at)

    @pytest.mark.parametrize("cursor", ["x", "", "-1", "9" * 30, "١"])
    async def test_a_cursor_that_is_none_is_refused(self, hand: Hand, cursor: str) -> None:
        with pytest.raises(ValueError, match="no cursor"):
            await hand.store.list_jobs(JobQuery(after=cursor))

    @pytest.mark.parametrize("outcome", ["undelivered", "rejected"])
    async def test_what_was_not_delivered_is_listed_until_it_is_asked_for(self, hand: Hand, outcome: Outcome) -> None:
        for job_id in ("j", "other"):
            await hand.store.submit(submission(job_id))
        await hand.fail("j")
        await hand.settle("j", outcome)
        found = await hand.store.list_jobs(JobQuery(undelivered=True))
        assert [(view.job_id, view.callback.state) for view in found.jobs] == [("j", outcome)]
        assert await hand.store.redeliver("j")
        assert (await viewed(hand)).callback.state == "pending"
        assert await listed(hand, undelivered=True) == []
        assert await hand.store.redeliver("j"), "asked for twice is asked for"
