"""Which of the line's texts is meant, in words."""

from hotlined.language import _


def place_in_words(
    step: int | None, variant: int, country: str | None, *, only_step: bool = False, several: bool = True
) -> str:
    """Name a text by its place, each counted from 0: `Answer 2, variant 1`, `The answer for NL`.

    `only_step` is set where every number gets the same whenever it is answered, `several` where there are variants.
    """
    if country is not None:
        name = _("The answer for {country}", country=country)
    elif only_step or step is None:
        name = _("The answer")
    else:
        name = _("Answer {number}", number=step + 1)
    return _("{name}, variant {number}", name=name, number=variant + 1) if several else name
