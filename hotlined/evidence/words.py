"""The sentences of the page: what is missing, and where each figure comes from. The page fills in the braces."""

from hotlined.language import N_

TITLE = N_("What came from {number}")
PERSONAL = N_(
    "This is personal data. It names a person and quotes what was written. Hand it to the police, a court"
    " or a lawyer, to nobody else; keep it where others cannot read it; delete the files once they are no"
    " longer needed."
)
NONE_MISSING = N_("Nothing is missing that this program knows of.")
MISSING = {
    "pseudonym": N_(
        "The number is not stored any more. {number} is a pseudonym: it was computed from the number with"
        " a key that lies on the machine, and the number cannot be read from it. Whoever knows the number"
        " can ask the line whether it is the same: `hotlined export NUMBER`."
    ),
    "name": N_(
        "The sender is a name, not a number. Whoever sends a text by such a service chooses the name, and"
        " others can choose the same. Only the operator can say who it was."
    ),
    "erased": N_("Contacts {contacts}: the text is not stored any more. It was erased because of its age."),
    "pdu_erased": N_(
        "Contacts {contacts}: raw data is not stored any more, or a part of it. It was erased with the text."
    ),
    "clock": N_(
        "Contacts {contacts}: the clock of the machine was not synchronised when they came. The times of"
        " reception may be wrong. The network's time does not depend on that clock."
    ),
    "incomplete": N_("Contacts {contacts}: segments of a longer text never came. The place of each is marked with …"),
    "unreadable": N_("Contacts {contacts}: what came could not be read by the program. It is in the annex as it came."),
    "other": N_(
        "Contacts {contacts} are notices of photo messages that name two addresses, this number and"
        " another one. What a notice says of its sender can be made up."
    ),
    "clock_now": N_("The clock of the machine was not synchronised when this page was made."),
    "line_number": N_("The line's own number is not known to the program."),
}
"""The sentences for what is missing or uncertain, by its cause; `contacts` are ids."""

SHEET = (
    (
        N_("Contact"),
        N_("A text or a call that came to the line. The database numbers them in the order in which they came."),
    ),
    (
        N_("From"),
        N_(
            "The number as the network gave it with each text or call, written internationally. Networks"
            " can be deceived about it. The operators' own records show who really sent it; the police can"
            " ask for them, for some months only."
        ),
    ),
    (
        N_("Received"),
        N_(
            "When the program took the text from the SIM, or heard the call ring, by the clock of the"
            " machine: in local time and in UTC. A text may have waited on the SIM before, while the"
            " machine was off."
        ),
    ),
    (
        N_("Network's time"),
        N_(
            "The time stamp of the operator's service centre (SCTS, 3GPP TS 23.040, 9.2.3.11), with the"
            " difference from UTC that the centre states. It is when the centre took the text from its"
            " sender. It is part of the raw data, and does not depend on the clock of the machine. A call"
            " has none."
        ),
    ),
    (
        N_("Service centre"),
        N_(
            "The address of the operator's computer that delivered the text (TP-SC address). It is part"
            " of the raw data."
        ),
    ),
    (
        N_("Text"),
        N_(
            "As the program decoded it from the raw data. Line breaks are shown as such. What cannot be seen,"
            " or would change the order of letters, is shown by its code, such as \\u202e. Other devices draw"
            " emoji in another way. evidence.json has each text exactly."
        ),
    ),
    (
        N_("Raw data"),
        N_(
            "What the modem handed over for each segment, byte by byte in hexadecimal: service"
            " centre, number, time stamp and text are in it. Any program that decodes SMS-DELIVER"
            " (3GPP TS 23.040, 9.2.2.1) shows the same. A long text comes in several segments."
        ),
    ),
    (
        N_("Storage"),
        N_(
            "Where on the SIM or in the modem the segment lay, and when it was deleted there, after it"
            " was stored in the database. IMSI is the number of the SIM that received it."
        ),
    ),
    (
        N_("Repeat"),
        N_("The network delivered the same segment again. It is listed, and counts as one contact."),
    ),
    (
        N_("Answer"),
        N_(
            "What the line sent back, when it was handed to the network, and what the network said of it."
            " The reference is the network's number for that segment. 'delivered' is the network's report"
            " that a phone took it."
        ),
    ),
    (
        N_("Tags"),
        N_("Words that people of the line have put on a contact. They are opinions."),
    ),
    (
        N_("Kept"),
        N_("Who decided to keep the contact, and when. It was stored before and is not changed by that."),
    ),
    (
        N_("SHA-256"),
        N_(
            "A checksum of all bytes of a file (FIPS 180-4). If one byte changes, the checksum"
            " changes. A person who wrote down the checksum of SHA256SUMS.txt when the files were"
            " made can prove later that no file has changed since. It proves nothing about the time"
            " before."
        ),
    ),
)
"""The origin of each figure: a term of the page, and its explanation."""

CHECK = N_(
    "To check the files: `sha256sum --check SHA256SUMS.txt` in their folder on Linux; `shasum -a 256 FILE`"
    " on a Mac; `certutil -hashfile FILE SHA256` on Windows."
)
BY_HAND = N_("Written by hand when the files were made")
SUM_OF_SUMS = N_("SHA-256 of SHA256SUMS.txt, as the command printed it")
FILES = {
    "evidence.html": N_("this page"),
    "evidence.json": N_("everything on it, exactly, for programs"),
    "contacts.csv": N_("texts and calls as a table; what a spreadsheet would calculate begins with an apostrophe"),
    "segments.csv": N_("the raw data of each segment as a table"),
    "SHA256SUMS.txt": N_("the SHA-256 of each of the files above"),
}
"""The files, in their order."""
