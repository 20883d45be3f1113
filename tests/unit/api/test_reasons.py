"""Reasons are complete: each is listed, told apart and explained."""

from bastaix.api import reasons
from bastaix.api.reasons import Finding, Reason, explained


def test_lists_every_reason_once() -> None:
    defined = [each for each in vars(reasons).values() if isinstance(each, Reason)]
    assert sorted(defined, key=str) == sorted(reasons.ALL, key=str)
    assert len(reasons.BY_NAME) == len(reasons.ALL)


def test_says_what_to_do_about_all_that_does_not_heal_by_itself() -> None:
    for reason in reasons.ALL:
        assert reason.meaning.endswith("."), reason
        assert reason.heals == "itself" or reason.hint.endswith("."), reason


def test_explains_with_what_to_do_and_says_it_once() -> None:
    once = explained(Finding(reasons.SECRET_NOT_FOUND, "no Secret git-token."))
    assert once == "no Secret git-token. Create it; the next try follows at once."
    assert explained(Finding(reasons.SECRET_NOT_FOUND, once)) == once


def test_explains_nothing_that_heals_by_itself() -> None:
    assert explained(Finding(reasons.DRAINING, "going")) == "going"
