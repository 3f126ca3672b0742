"""The numbers to call if somebody speaks of killing himself, by the country of the line."""

from collections.abc import Mapping

HELPLINES: Mapping[str, tuple[str, ...]] = {
    # Zelfmoordlijn, in Dutch: https://www.zelfmoord1813.be, by https://www.vrt.be/vrtnws/fr of 8 September 2019
    # Centre de Prévention du Suicide, in French: https://www.preventionsuicide.be, by Belga of 5 September 2023
    "BE": ("1813", "0800 32 123"),
    # https://3114.fr; https://www.service-public.fr/particuliers/actualites/A15206 of 29 September 2021
    "FR": ("3114",),
    # https://www.113.nl; free of charge by ANP of 3 October 2025
    "NL": ("113",),
}
