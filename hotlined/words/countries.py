"""Countries: the names of those whose people write to lines, and the numbers to call there in despair."""

from collections.abc import Mapping

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


HELPLINES: Mapping[str, tuple[str, ...]] = {
    # Zelfmoordlijn, in Dutch: 8 September 2019, https://www.vrt.be/vrtnws/fr/2019/09/08/chaque-jour-trois-personnes-mettent-fin-a-leur-vie-en-flandre/
    # Centre de Prévention du Suicide, in French: on 2022, https://www.preventionsuicide.be/actualites/le-centre-de-prevention-du-suicide-publie-son-rapport-dactivites-2022
    "BE": ("1813", "0800 32 123"),
    # 29 September 2021, https://www.service-public.fr/particuliers/actualites/A15206
    "FR": ("3114",),
    # free of charge: ANP, 3 October 2025, https://www.upday.com/nl/binnenland/nummer-113-nu-gratis-betere-hulp-bij-zelfdodingsgedachten/pj8neqt
    "NL": ("113",),
}
