"""The numbers to call if somebody speaks of killing himself, by the country of the line, each with its source."""

from collections.abc import Mapping

HELPLINES: Mapping[str, tuple[str, ...]] = {
    # Zelfmoordlijn, in Dutch: 8 September 2019, https://www.vrt.be/vrtnws/fr/2019/09/08/chaque-jour-trois-personnes-mettent-fin-a-leur-vie-en-flandre/
    # Centre de Prévention du Suicide, in French: on 2022, https://www.preventionsuicide.be/actualites/le-centre-de-prevention-du-suicide-publie-son-rapport-dactivites-2022
    "BE": ("1813", "0800 32 123"),
    # 29 September 2021, https://www.service-public.fr/particuliers/actualites/A15206
    "FR": ("3114",),
    # free of charge: ANP, 3 October 2025, https://www.upday.com/nl/binnenland/nummer-113-nu-gratis-betere-hulp-bij-zelfdodingsgedachten/pj8neqt
    "NL": ("113",),
}
