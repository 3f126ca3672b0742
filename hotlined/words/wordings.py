"""Which of the line's texts is meant, in words."""

from hotlined.language import _


def place_in_words(
    step: int | None, variant: int, country: str | None, *, only_step: bool = False, several: bool = True
) -> str:
    """Name a text by its place: `Answer 2, variant 1`, `The answer for NL`. The places are counted from 0.

    `only_step` says that there is one answer alone, however often a number is answered; `several` says that it has
    variants.
    """
    if country is not None:
        name = _("The answer for {country}", country=country)
    elif only_step or step is None:
        name = _("The answer")
    else:
        name = _("Answer {number}", number=step + 1)
    return _("{name}, variant {number}", name=name, number=variant + 1) if several else name
