"""What a name, an e-mail address and a password of an account have to be."""

from __future__ import annotations

import re
import unicodedata

from app.access import passwords

EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f]{1,64}@[^@\s\x00-\x1f\x7f]{1,189}")
LONGEST_NAME, LONGEST_EMAIL, LONGEST_REASON = 200, 254, 500
"""Characters."""
_JOINERS = str.maketrans("", "", "\u200c\u200d")
"""They have no width, and names in Persian, Hindi or emoji are written with them."""
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols by their class, and nothing to be seen."""

_WORDS = (
    "0987654321qwe 1234567890ab 123456789abc 123456789qwe 1234567890qw 1234567890qwe 1234567890qwerty "
    "123qweasdzxc 123qwe123qwe 1q2w3e4r5t6y 1q2w3e4r5t6y7u 1q2w3e4r5t6y7u8i 1qaz2wsx3edc 1qaz2wsx3edc4rfv "
    "1qazxsw23edc abc123abc123 abcd1234abcd abcdefghijkl adminadmin12 administrator administrator1 "
    "changemeplease charging1234 correcthorsebatterystaple elektroauto1 football1234 hallohallo12 "
    "iloveyou1234 iloveyouforever letmeinletmein letmein12345 passwort1234 passwort12345 passwortpasswort "
    "password1234 password12345 password123456 passwordpassword passw0rd1234 polarisexpress polarisexpress1 "
    "q1w2e3r4t5y6 q1w2e3r4t5y6u7i8 qazwsxedcrfv qwertyuiop12 qwertyuiop123 qwertyuiopas qwertyuiopasdf "
    "qwertyuiopasdfghjkl qwerty123456 qwerty1234567 qwerty12345678 qwertzuiop12 qwertzuiop123 qwertzuiopasd "
    "qwertzuiopas schatz123456 sommer202526 superpassword welcome12345 willkommen12 willkommen123 "
    "zxcvbnm12345 zaq12wsxcde3 "
)
COMMON = frozenset(_WORDS.split())
"""What people who need twelve characters take most often; guessed first, so refused."""
_RUN = "0123456789" * 3


class Refused(Exception):
    """It can't be accepted: ``why`` is a word of `WORDS`."""

    def __init__(self, why: str) -> None:
        super().__init__(WORDS[why])
        self.why = why


WORDS = {
    "name": "A name has from 1 to 200 characters.",
    "email": "This is no complete e-mail address.",
    "taken": "There is an account of this role with this e-mail address already.",
    "password": f"A password has from {passwords.SHORTEST} to {passwords.LONGEST} characters.",
    "common": "This password is among those that are guessed first.",
    "own": "A password is not the account's own name or e-mail address.",
    "unknown": "There is no such account.",
    "disabled": "This account is disabled.",
    "joined": "Whoever this account belongs to has signed in to it already.",
    "off": "Nobody signs in with a password here (POLARIS_PASSWORD_SIGN_IN).",
}
"""Each reason to refuse; pages have words of their own for it, in the reader's language."""


def proper_name(text: str) -> str:
    """*text* as it is stored. Raises `Refused`."""
    name = _line(text)
    if not (1 <= len(name) <= LONGEST_NAME and _is_printable(name) and is_visible(name)):
        raise Refused("name")
    return name


def proper_email(text: str) -> str:
    """*text* as it is stored: lower case. Raises `Refused`."""
    email = text.strip().lower()
    is_readable = email.isprintable() and "\ufffd" not in email
    if not (is_readable and len(email) <= LONGEST_EMAIL and EMAIL.fullmatch(email)):
        raise Refused("email")
    return email


def proper_reason(text: str) -> str:
    """*text* as it is stored: on one line, without what can't be seen; "" if nothing is left of it."""
    reason = _line("".join(one if _is_printable(one) else " " for one in text))
    return reason if is_visible(reason) else ""


def is_visible(text: str) -> bool:
    """Whether there is anything to be seen of *text*: a letter, a digit or a sign."""
    return any(unicodedata.category(one)[0] in "LNPS" and one not in _BLANK for one in text)


def _line(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _is_printable(text: str) -> bool:
    """Without control characters, halves of characters, and those that turn or hide what is around them.

    U+FFFD stands for what could not be read.
    """
    return text.translate(_JOINERS).isprintable() and "\ufffd" not in text


def check_password(password: str, *, name: str, email: str) -> None:
    """Raises `Refused` if *password* is too short, too long, guessed first, or the account's own words."""
    if not passwords.SHORTEST <= len(password) <= passwords.LONGEST:
        raise Refused("password")
    plain = _plain(password)
    if plain in COMMON or len(set(plain)) <= 2 or plain in _RUN or plain in _RUN[::-1]:
        raise Refused("common")
    local, _, host = email.partition("@")
    if plain in {_plain(word) for word in (name, email, local, host, local + local, name + name)}:
        raise Refused("own")


def _plain(text: str) -> str:
    """*text* without case, blanks and punctuation: what a guesser varies first."""
    return "".join(letter for letter in text.casefold() if letter.isalnum())
