"""Names of the countries whose people write to lines; any other country is shown as its code."""

from hotlined import conditions
from hotlined.language import N_, Phrases

COUNTRIES = Phrases(
    {
        "AT": N_("Austria"),
        "BE": N_("Belgium"),
        "CH": N_("Switzerland"),
        "DE": N_("Germany"),
        "DK": N_("Denmark"),
        "ES": N_("Spain"),
        "FR": N_("France"),
        "GB": N_("the United Kingdom"),
        "IE": N_("Ireland"),
        "IT": N_("Italy"),
        "LU": N_("Luxembourg"),
        "MA": N_("Morocco"),
        "NL": N_("the Netherlands"),
        "PL": N_("Poland"),
        "PT": N_("Portugal"),
        "RO": N_("Romania"),
        "TR": N_("Turkey"),
    }
)
"""Countries by their codes in ISO 3166."""


def country_in_words(code: str) -> str:
    """Return the name of a country, or its code if it has no name here."""
    return COUNTRIES.get(code, code)


def sim_country_in_words(country: str) -> tuple[str, str]:
    """Return the sentence and the cure for a SIM of a country that is not answered."""
    places = {"country": country_in_words(country), "code": country}
    return conditions.SIM_COUNTRY.words.format(**places), conditions.SIM_COUNTRY.cure.format(**places)
