"""Alphabets, smart encoding and segmentation."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotlined.errors import TextError
from hotlined.gsm.alphabet import (
    Encoding,
    Plan,
    Replacement,
    Smart,
    decode_gsm7,
    decode_ucs2,
    encode_gsm7,
    pack,
    plan,
    smart,
    unpack,
)

GSM7 = decode_gsm7(bytes(s for s in range(128) if s != 0x1B)) + "\f^{}\\[~]|€"
SEPTETS = st.binary(max_size=200).map(lambda octets: bytes(octet & 0x7F for octet in octets))
ANSWER = (
    "Hey! Non, non, c’est pas qui tu crois. Tu sais, mettre les autres mal à l’aise, c’est pas cool. Quand on te "
    "dit “non”, bah… c’est non en fait. Apprends à respecter les femmes et leurs décisions"
)
FAST = settings(deadline=None)


@FAST
@given(SEPTETS, st.integers(0, 6))
def test_septets_survive_packing(septets: bytes, fill_bits: int) -> None:
    """Unpacking returns the packed septets, after any number of fill bits."""
    octets = pack(septets, fill_bits)
    assert unpack(octets, len(septets), fill_bits) == septets
    assert len(octets) == -(-(7 * len(septets) + fill_bits) // 8)


@FAST
@given(SEPTETS, st.integers(0, 6), st.integers(0, 400))
def test_unpacking_never_invents_septets(octets: bytes, fill_bits: int, count: int) -> None:
    """Octets with fewer septets than announced give only those that they have."""
    held = max(0, (8 * len(octets) - fill_bits) // 7)
    assert len(unpack(octets, count, fill_bits)) == min(count, held)


def test_packing_is_that_of_the_standard() -> None:
    """The octets are those that every phone sends for a known word."""
    assert pack(encode_gsm7("hellohello")) == bytes.fromhex("E8329BFD4697D9EC37")


@FAST
@given(st.text(GSM7))
def test_gsm7_survives_encoding(text: str) -> None:
    """Every text of the default alphabet and its extension decodes to itself."""
    assert decode_gsm7(encode_gsm7(text)) == text


def test_gsm7_has_137_characters() -> None:
    """Ten pairs and 127 septets beside the escape are all different characters."""
    assert len(set(GSM7)) == len(GSM7) == 137


def test_characters_outside_gsm7_are_named() -> None:
    """The error names each character that GSM-7 lacks, once."""
    with pytest.raises(TextError, match=r"GSM-7 lacks 'ê' '🙌' '\\u202e'$"):
        encode_gsm7("ê🙌ê\u202e!")


@pytest.mark.parametrize(
    ("septets", "text"),
    [
        (b"\x41\x1b", "A "),
        (b"\x1b\x1b", " "),
        (b"\x1b\x1b\x65", " e"),
        (b"\x1b\x41", "A"),
        (b"\x1b\x65\x1b\x65", "€€"),
        (b"\x1b\x0a\x1b\x0d", "\f\r"),
        (b"\x41\x80\xff", "A\ufffd\ufffd"),
        (b"", ""),
    ],
)
def test_escapes_without_a_meaning_lose_no_text(septets: bytes, text: str) -> None:
    """Unknown pairs give the main table's character; other escapes give a space."""
    assert decode_gsm7(septets) == text


@pytest.mark.parametrize(
    ("language", "main", "extension"),
    [
        (1, {0x04: "€", 0x07: "ı", 0x0B: "Ğ", 0x0C: "ğ", 0x1C: "Ş", 0x1D: "ş", 0x40: "İ", 0x60: "ç"}, "ĞİŞçğış€"),
        (2, {0x04: "è", 0x60: "¿"}, "çÁÍÓÚáíóú€"),
        (3, {0x12: "ª", 0x15: "∞", 0x16: "^", 0x17: "\\", 0x18: "€", 0x1A: "|", 0x24: "º", 0x60: "~", 0x7D: "`"},
         "êçÔôÁáΦΓΩΠΨΣΘÊÀÍÓÚÃÕÂíóúãõâ€"),
        (9, {0x04: "è"}, "€"),
    ],
)  # fmt: skip
def test_national_tables_are_read(language: int, main: dict[int, str], extension: str) -> None:
    """Turkish, Spanish and Portuguese have tables; an unknown language has the default."""
    assert {s: decode_gsm7(bytes((s,)), language) for s in main} == main
    escaped = {decode_gsm7(bytes((0x1B, s)), single=language) for s in range(128)}
    assert set(extension) <= escaped
    assert escaped - set(GSM7) == set(extension) - set(GSM7)
    assert decode_gsm7(b"\x1b\x65", language) == "€"


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("D83DDE00", "😀"),
        ("D83D", "\ufffd"),
        ("DE000041", "\ufffdA"),
        ("D83DD83DDE00", "\ufffd😀"),
        ("004100", "A"),
        ("0000FEFF", "\0\ufeff"),
    ],
)
def test_ucs2_is_utf16(octets: str, text: str) -> None:
    """Surrogate pairs are one character; an odd last octet is dropped.

    A lone surrogate gives U+FFFD.
    """
    assert decode_ucs2(bytes.fromhex(octets)) == text


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("’‘‚‛′", "'" * 5),
        ("“”„«»″", '"' * 6),
        ("…", "..."),
        ("–—‑−", "----"),
        ("\u00a0\u202f\u2009\u3000\t", "     "),
        ("•œŒ", "*oeOE"),
        ("êçëÀïÔ", "eceAiO"),
        ("éàùèÇñ€[", "éàùèÇñ€["),
        ("e\u0301 e\u0302 x\u0302", "é e x"),
        ("ế ǖ Ώ", "e ü Ω"),
    ],
)
def test_smart_writes_typography_in_gsm7(typed: str, written: str) -> None:
    """Only characters that GSM-7 lacks are replaced, each by the rule's."""
    made = smart(typed)
    assert (made.text, made.remaining) == (written, ())


def test_smart_lists_its_replacements() -> None:
    """Replacements come in order of appearance with counts, remaining characters once."""
    made = smart("l’été, l’arrêt 🙌🏼🙌 жж")
    assert made.replaced == (Replacement("’", "'", 2), Replacement("ê", "e", 1))
    assert made.remaining == ("🙌", "🏼", "ж")


@FAST
@given(st.text())
def test_smart_changes_nothing_twice(text: str) -> None:
    """GSM-7 takes a text exactly if `smart` leaves no character remaining."""
    made = smart(text)
    if made.remaining:
        with pytest.raises(TextError):
            encode_gsm7(made.text)
    else:
        encode_gsm7(made.text)
        assert smart(made.text) == Smart(made.text, (), ())


def test_the_campaign_text_costs_two_segments_and_not_three() -> None:
    """The published answer takes two segments with `smart`, three in UCS-2."""
    assert len(ANSWER) == 193
    assert (plan(ANSWER).segments, plan(ANSWER).encoding) == (2, Encoding.GSM7)
    assert (plan(ANSWER, "ucs2").segments, plan(ANSWER, "ucs2").text) == (3, ANSWER)
    assert "’" not in plan(ANSWER).text


def test_a_character_that_remains_sends_the_text_as_typed() -> None:
    """An emoji alone causes UCS-2, and the typography stays."""
    made = plan("C’est non 🙌")
    assert (made.encoding, made.text) == (Encoding.UCS2, "C’est non 🙌")
    assert (made.replaced, made.forcing) == ((), ("🙌",))


def test_a_decomposed_accent_costs_nothing() -> None:
    """An é typed as two characters is sent as GSM-7's one."""
    for mode in ("smart", "gsm7"):
        assert plan("e\u0301te\u0301", mode) == Plan(Encoding.GSM7, "été", (encode_gsm7("été"),))


@pytest.mark.parametrize(
    ("text", "mode", "sizes"),
    [
        ("", "smart", [0]),
        ("a" * 160, "smart", [160]),
        ("a" * 161, "smart", [153, 8]),
        ("a" * 306, "gsm7", [153, 153]),
        ("a" * 307, "gsm7", [153, 153, 1]),
        ("€" * 80, "gsm7", [160]),
        ("€" * 81, "gsm7", [152, 10]),
        ("a" * 152 + "€" * 10, "gsm7", [152, 20]),
        ("a" * 151 + "€" * 10, "gsm7", [153, 18]),
        ("ж" * 70, "smart", [140]),
        ("ж" * 71, "smart", [134, 8]),
        ("ж" * 66 + "😀" * 3, "smart", [132, 12]),
        ("a" * 70, "ucs2", [140]),
        ("a" * 39015, "gsm7", [153] * 255),
    ],
)
def test_segments_are_cut_by_the_standard(text: str, mode: str, sizes: list[int]) -> None:
    """One segment has 160 septets or 70 units, several 153 or 67.

    A pair is never cut.
    """
    assert [len(body) for body in plan(text, mode).bodies] == sizes


@FAST
@given(
    st.builds(
        lambda words, times: words * times,
        st.text(GSM7, max_size=60) | st.text(st.sampled_from("a€😀ж"), max_size=30),
        st.integers(1, 15),
    ),
    st.sampled_from(["smart", "ucs2"]),
)
def test_segments_have_the_whole_text(text: str, mode: str) -> None:
    """Each body decodes alone, and has no room for the next pair."""
    made = plan(text, mode)
    gsm7 = made.encoding is Encoding.GSM7
    alone, part = (160, 153) if gsm7 else (140, 134)
    texts = [decode_gsm7(body) if gsm7 else decode_ucs2(body) for body in made.bodies]
    assert "".join(texts) == made.text
    assert gsm7 or made.text == text
    assert max(map(len, made.bodies)) <= (alone if made.segments == 1 else part)
    joined = b"".join(made.bodies)
    assert (made.segments == 1) == (len(joined) <= alone)
    for body, behind in zip(made.bodies, texts[1:], strict=False):
        first = encode_gsm7(behind[:1]) if gsm7 else behind[:1].encode("utf-16-be")
        assert len(body) + len(first) > part


@pytest.mark.parametrize(
    ("text", "mode", "sentence"),
    [
        ("ê", "gsm7", "GSM-7 lacks 'ê'"),
        ("\ud83d", "smart", "surrogate"),
        ("\ude00", "ucs2", "surrogate"),
        ("a" * 39016, "smart", "256 segments"),
        ("ж" * 17086, "smart", "256 segments"),
    ],
)
def test_a_text_that_cannot_be_sent_is_refused(text: str, mode: str, sentence: str) -> None:
    """Unfit, halved or too many characters raise TextError with a hint."""
    with pytest.raises(TextError, match=sentence) as caught:
        plan(text, mode)
    assert caught.value.hint
