"""Which of the line's texts is meant, in words."""


def place_in_words(
    step: int | None, variant: int, country: str | None, *, only_step: bool = False, several: bool = True
) -> str:
    """Name a text by its place, each counted from 0: `Answer 2, variant 1`, `The answer for NL`.

    `only_step` is set where every number gets the same whenever it is answered, `several` where there are variants.
    """
    if country is not None:
        name = f"The answer for {country}"
    else:
        name = "The answer" if only_step or step is None else f"Answer {step + 1}"
    return f"{name}, variant {variant + 1}" if several else name
