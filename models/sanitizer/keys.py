"""Keys whose values are never shown, whatever words they are made of (`user=`, `"password": `, `<name>`).

The key is the one to four words before a separator, in any spelling (`patient_name`, `patientName`,
`PATIENT NAME`), so JSON, XML, query strings, `key=value` and `Key: value` are read alike. A value is a quoted
text, or one token with what follows it in capitals or digits: `name: Long Page, age ..` is masked up to the
comma. The key stays, the value becomes a placeholder of the key's type.

>>> masked_values('user_name="page down" patientName: Long Page level=error')
'user_name="<NAME>" patientName: <NAME> level=error'
>>> masked_values("pool name: main, ttl: 30")
'pool name: main, ttl: 30'
"""

from __future__ import annotations

import re
from typing import Final

from models.placeholders import NAMES

_SEPARATOR = re.compile(r"[\"']? ?(?:=>|[=:>#|]) ?\[?")
_OURS = rf"<(?:{'|'.join(map(re.escape, sorted(NAMES)))})>"
_ENDS = r"\s,;|&\"'<>(){}\[\]"
_VALUE = re.compile(  # never what is one placeholder already
    rf"\"(?!{_OURS}\")[^\"]{{1,400}}\"?(?:, ?\"[^\"]{{0,400}}\"(?! ?:)){{0,20}}"
    rf"|'(?!{_OURS}')[^']{{1,400}}'?"
    rf"|(?!{_OURS}(?:[{_ENDS}]|$))(?:{_OURS}|[^{_ENDS}]){{1,400}}"
    rf"(?:,? (?!\S{{1,30}}[=:])[A-Z0-9#][^{_ENDS}=:]{{0,40}}){{0,8}}"
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_NO_KEY = re.compile(
    rf"<(?:/[A-Za-z0-9_:.-]+|{'|'.join(sorted(NAMES - {'*'}))})$"
)  # `</name>` and our `<NAME>`
_LOOK_BACK = 40


def _split(words: str) -> list[str]:
    return words.split()


_PERSONS = _split(
    "patient patients pt person user users usr member guarantor subscriber nurse physician doctor "
    "provider clinician author assignee approver operator caller recipient employee customer "
    "guardian spouse kin attending referring mother father parent child contact applicant insured "
    "beneficiary resident signer owner principal"
)
_NAMED = _split(
    "first last given family middle maiden full display nick legal preferred sur user fore login "
    "patient member physician provider"
)
_BY = _split("created updated approved signed requested opened closed reported modified")
_TABLE: Final[dict[str, str]] = {
    "SECRET": (
        "pass,password,passwd,passphrase,passcode,passkey,pwd,secret,token,api key,apikey,access key,"
        "private key,secret key,authorization,cookie,session,session id,sessionid,session key,sid,sessid,jwt,"
        "credential,credentials,signature,otp,pin,nonce,csrf"
    ),
    "SSN": "ssn,social,social security,national,national id,nino,sin",
    "MRN": "mrn,medical record,chart",
    "AGE": "age",
    "DATE": (
        "dob,born,birth,birthday,birthdate,birth date,date of birth,dod,admission date,admit date,"
        "discharge date"
    ),
    "PHONE": "phone,tel,telephone,fax,cell,sms,pager,msisdn",
    "ADDRESS": (
        "address,addr,street,city,county,town,zip,zipcode,zip code,postcode,post code,postal code,"
        "residence,birthplace"
    ),
    "ACCOUNT": "account,acct,iban,card,pan,credit card,routing",
    "ID": (
        "policy,claim,encounter,accession,visit,license,licence,passport,dea,npi,vin,plate,serial,imei,rx,"
        "prescription,insurance"
    ),
    "EMAIL": "email,mail,email address,e mail",
    "NAME": ",".join(
        [
            *_split("name names surname login alias family given"),
            *_PERSONS,
            *(f"{word} name" for word in (*_PERSONS, *_NAMED)),
            *(f"{word}name" for word in (*_PERSONS, *_NAMED)),
            *(f"{word} by" for word in _BY),
        ]
    ),
}
KINDS: Final[dict[str, str]] = {key: kind for kind, keys in _TABLE.items() for key in keys.split(",")}
"""Type of the value of each sensitive key; a key is lower-case words joined by one space."""

_NUMBERS: Final = frozenset(
    ("id", "ids", "no", "num", "number", "nr", "value", "hash")
)  # `patient_id`, `card no`
_THINGS: Final = frozenset(  # `pool name: x` names a thing, not a person
    _split(
        "service host file table thread pool class logger queue topic cluster node pod container "
        "image database db schema column index bucket metric event process module package domain "
        "server app application namespace job task method function field key group role policy "
        "volume zone region branch stream shard certificate common"
    )
)


def kind_of(key: str) -> str | None:
    """Return the type of the value that stands after `key` (text that ends with a key), None if it may be shown.

    >>> kind_of("the patientId"), kind_of("PATIENT_NAME"), kind_of("pool name"), kind_of("status")
    ('NAME', 'NAME', None, None)
    """
    words = [word.lower() for word in _WORDS.findall(key[-_LOOK_BACK:])]
    if len(words) > 1 and words[-1] in _NUMBERS:
        words.pop()
    for count in (3, 2, 1):
        kind = KINDS.get(" ".join(words[-count:])) if len(words) >= count else None
        if kind is not None:
            return (
                None if words[-1] == "name" and count == 1 and words[-2:-1] and words[-2] in _THINGS else kind
            )
    return None


def masked_values(text: str) -> str:
    """Return `text` with the value after every sensitive key masked."""
    shown: list[str] = []
    done = 0
    for separator in _SEPARATOR.finditer(text):
        start, end = separator.span()
        if start < done or not start or not text[start - 1].isalnum():
            continue
        before = text[max(done, start - _LOOK_BACK) : start]
        kind = kind_of(before)
        if kind is None or _NO_KEY.search(before):
            continue
        value = _VALUE.match(text, end)
        if value is None:
            continue
        quote = value[0][0] if value[0][0] in "\"'" else ""
        shown.append(f"{text[done:end]}{quote}<{kind}>{quote}")
        done = value.end()
    return "".join(shown) + text[done:] if shown else text
