"""The catalogue of values: what a field may hold that nobody expects, by the kind of field that it is meant for."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

import simplejson

from fuzz.json_text import Raw, encode, nested

ANY, NUMBER, TIME, TEXT, TRUTH = "any", "number", "time", "text", "truth"
Make = Callable[[Random, Any], Any]


@dataclass(frozen=True)
class Value:
    """`may_fail`: the document is not JSON, or so deep that its resource may fail with one line."""

    name: str
    kind: str
    make: Make
    may_fail: bool = False


def _constant(value: Any) -> Make:
    return lambda random, original: value


def _as_text(random: Random, original: Any) -> Any:
    return original if isinstance(original, str) else simplejson.dumps(original, use_decimal=True)


ANY_VALUES: dict[str, Make] = {
    "null": _constant(None),
    "empty-text": _constant(""),
    "blanks": _constant("  \t "),
    "true": _constant(True),
    "false": _constant(False),
    "zero": _constant(0),
    "minus-one": _constant(-1),
    "empty-list": _constant([]),
    "empty-object": _constant({}),
    "list-of-itself": lambda random, original: [original],
    "list-of-many": lambda random, original: [original] * random.randint(2, 300),
    "object-of-itself": lambda random, original: {"value": original},
    "object-with-numeric-keys": lambda random, original: {"0": original, "2": original},
    "quoted": _as_text,
    "null-as-text": _constant("null"),
    "not-available": _constant("N/A"),
}
NUMBERS: dict[str, Any] = {
    "huge-integer": 10**30,
    "beyond-64-bits": 2**63,
    "below-64-bits": -(2**63) - 1,
    "400-digits": Raw(b"9" * 400),
    "5000-digits": Raw(b"1" * 5000),
    "5000-decimals": Raw(b"0." + b"3" * 5000),
    "5000-digits-as-text": "1" * 5000,
    "exponent": Raw(b"1e3"),
    "exponent-with-sign": Raw(b"1E+2"),
    "negative-exponent": Raw(b"125e-2"),
    "absurd-exponent": Raw(b"1e999999999"),
    "absurd-exponent-as-text": "1e999999999",
    "negative-absurd-exponent": Raw(b"-1e999999999"),
    "vanishing-exponent": Raw(b"1e-999999999"),
    "vanishing-exponent-as-text": "1E-999999999",
    "exponent-of-20-digits": Raw(b"1e99999999999999999999"),
    "rest-of-a-binary-float": Raw(b"5.551115123125783e-17"),
    "30-decimals": Raw(b"0.123456789012345678901234567891"),
    "38-digits": Raw(b"99999999999999.999999999999999999999999"),
    "39-digits": Raw(b"999999999999999.999999999999999999999999"),
    "nan": Raw(b"NaN"),
    "infinity": Raw(b"Infinity"),
    "minus-infinity": Raw(b"-Infinity"),
    "nan-as-text": "NaN",
    "signalling-nan-as-text": "sNaN",
    "infinity-as-text": "Infinity",
    "minus-zero": Raw(b"-0"),
    "minus-zero-point": Raw(b"-0.0"),
    "thousands-as-text": "1,234.50",
    "comma-as-text": "12,5",
    "currency-as-text": "$12.50",
    "blank-within-text": "1 234",
    "blanks-around-text": " 5 ",
    "plus-as-text": "+5",
    "point-first-as-text": ".5",
    "point-last-as-text": "5.",
    "leading-zeros-as-text": "007",
    "hexadecimal-as-text": "0x1F",
    "underscore-as-text": "1_000",
    "arabic-digits": "\u0663",
    "superscript": "\u00b2",
    "half": Raw(b"0.5"),
    "not-quite-an-integer": Raw(b"7.0000000001"),
    "integer-with-point": Raw(b"7.0"),
}
TIMES: dict[str, Any] = {
    "zero-date": "0000-00-00",
    "zero-time": "0000-00-00 00:00:00",
    "zero-date-of-carbon": "-0001-11-30T00:00:00Z",
    "year-1": "0001-01-01",
    "year-1-east": "0001-01-01T00:00:00+23:59",
    "year-9999": "9999-12-31T23:59:59Z",
    "year-9999-west": "9999-12-31T23:59:59-12:00",
    "year-9999-day": "9999-12-31",
    "year-10000": "10000-01-01T00:00:00Z",
    "year-2099": "2099-12-31",
    "year-292277": "+292277-01-10T04:00:54Z",
    "year-1677": "1677-09-21T00:12:43Z",
    "epoch-number": 1772600400,
    "epoch-milliseconds": 1772600400000,
    "epoch-as-text": "1772600400",
    "30-february": "2026-02-30",
    "month-13": "2026-13-01",
    "hour-24": "2026-03-04T24:00:00Z",
    "hour-25": "2026-03-04T25:00:00Z",
    "leap-second": "2026-06-30T23:59:60Z",
    "local-midnight": "2026-03-04T05:00:00Z",
    "midnight-with-zone": "2026-03-04T00:00:00-05:00",
    "zone-without-colon": "2026-03-04T05:00:00+0530",
    "zone-of-hours": "2026-03-04T05:00:00+05",
    "zone-25": "2026-03-04T05:00:00+25:00",
    "zone-2359": "2026-03-04T05:00:00-23:59",
    "zone-with-seconds": "2026-03-04T05:00:00+05:30:15",
    "zone-after-blank": "2026-03-04T05:00:00 +00:00",
    "zone-named": "2026-03-04T05:00:00[America/Toronto]",
    "lower-case": "2026-03-04t05:00:00z",
    "week-date": "2026-W10-3",
    "ordinal-date": "2026-063",
    "compact-date": "20260304",
    "compact-time": "20260304T050000Z",
    "nanoseconds": "2026-03-04T05:00:00.123456789Z",
    "comma-fraction": "2026-03-04T05:00:00,5Z",
    "without-seconds": "2026-03-04T05:00Z",
    "day-of-http": "Wed, 04 Mar 2026 05:00:00 GMT",
    "american-day": "03/04/2026",
    "european-day": "4.3.2026",
    "year-only": "2026",
    "month-only": "2026-03",
    "now": "now",
    "carbon-object": {"date": "2026-03-04 05:00:00.000000", "timezone_type": 3, "timezone": "UTC"},
    "arabic-digits-day": "\u0662\u0660\u0662\u0666-03-04",
    "blanks-around-day": " 2026-03-04 ",
    "nul-in-day": "2026-03-04\0",
}
TEXTS: dict[str, Any] = {
    "nul": "a\0b",
    "raw-latin-1": Raw(b'"caf\xe9"'),
    "raw-overlong": Raw(b'"\xc0\xaf"'),
    "raw-cut-sequence": Raw(b'"\xe2\x82"'),
    "raw-ff": Raw(b'"\xff\xfe"'),
    "raw-surrogate": Raw(b'"\xed\xa0\x80"'),
    "lone-surrogate": Raw(rb'"\ud800"'),
    "lone-low-surrogate": Raw(rb'"x\udfffy"'),
    "reversed-pair": Raw(rb'"\udc00\ud800"'),
    "surrogate-pair": Raw(rb'"\ud83d\ude00"'),
    "right-to-left": "\u202egnp.exe",
    "zero-width": "a\u200b\ufeffb",
    "combining": "e" + "\u0301" * 1000,
    "noncharacter": "\uffff\ufdd0",
    "bom": "\ufefftext",
    "escapes-of-a-terminal": "\x1b[31mred\x1b]0;title\x07",
    "line-ends": "a\r\nb\u2028c\x85d",
    "formula": "=HYPERLINK(1)",
    "html": "<script>alert(1)</script>",
    "quotes": "'\"\\';--",
    "a-page-within": '{"data":[],"meta":{"pagination":{"total":0}}}',
    "100-kb": "x" * 100_000,
    "megabyte": "\u00e9" * 500_000,
}
BROKEN: dict[str, Any] = {
    "raw-line-end": Raw(b'"a\nb"'),
    "raw-nul": Raw(b'"a\0b"'),
    "raw-tab": Raw(b'"a\tb"'),
    "escape-unknown": Raw(rb'"\x41"'),
    "single-quotes": Raw(b"'text'"),
    "undefined": Raw(b"undefined"),
    "nothing": Raw(b""),
    "leading-zero": Raw(b"007"),
    "number-with-plus": Raw(b"+1"),
    "comment": Raw(b"1/* one */"),
    "900-levels": nested(900),
    "900-levels-of-objects": nested(900, of_objects=True),
    "5000-levels": nested(5000),
    "5000-levels-of-objects": nested(5000, of_objects=True),
    "100000-levels": nested(100_000),
    "unclosed-levels": Raw(b"[" * 3000),
}
TRUTHS: dict[str, Any] = {
    "yes": "yes",
    "true-as-text": "true",
    "t": "t",
    "two": 2,
    "one-as-text": "1",
    "one-point": Raw(b"1.0"),
    "on": "on",
}


def _around(random: Random, original: Any) -> Any:
    return nested(random.randint(2, 60), encode(original), of_objects=random.random() < 0.5)


def _other_number(random: Random, original: Any) -> Any:
    """Any number, written as JSON may write it."""
    sign, digits = random.choice(["", "-"]), str(random.randrange(10 ** random.randint(1, 45)))
    point = "." + str(random.randrange(10 ** random.randint(1, 40))) if random.random() < 0.5 else ""
    exponent = f"e{random.choice(['', '+', '-'])}{random.randrange(10 ** random.randint(1, 5))}"
    text = sign + digits + point + (exponent if random.random() < 0.4 else "")
    return text if random.random() < 0.3 else Raw(text.encode())


def _other_text(random: Random, original: Any) -> Any:
    """Any characters, of all planes."""
    planes = [(0x20, 0x7E), (0x00, 0x1F), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF)]
    return "".join(chr(random.randint(*random.choice(planes))) for _ in range(random.randint(1, 80)))


def _other_bytes(random: Random, original: Any) -> Any:
    """A text of any bytes but those that would end it."""
    content = bytes(random.randrange(0x20, 0x100) for _ in range(random.randint(1, 40)))
    return Raw(b'"' + content.replace(b'"', b"'").replace(b"\\", b"/") + b'"')


def _other_time(random: Random, original: Any) -> Any:
    """A time whose parts are each about right."""
    year, month, day = random.randint(0, 10100), random.randint(0, 13), random.randint(0, 32)
    clock = f"{random.randint(0, 25):02}:{random.randint(0, 61):02}:{random.randint(0, 61):02}"
    zone = random.choice(["", "Z", " UTC", f"{random.choice('+-')}{random.randint(0, 26):02}:00"])
    return f"{year:04}-{month:02}-{day:02}" + random.choice(["", f"T{clock}{zone}", f" {clock}{zone}"])


DRAWN: dict[str, tuple[str, Make]] = {
    "nested-a-little": (ANY, _around),
    "any-number": (NUMBER, _other_number),
    "any-text": (TEXT, _other_text),
    "any-bytes": (TEXT, _other_bytes),
    "any-time": (TIME, _other_time),
}


def _all() -> dict[str, Value]:
    found = [Value(name, ANY, make) for name, make in ANY_VALUES.items()]
    for kind, constants in ((NUMBER, NUMBERS), (TIME, TIMES), (TEXT, TEXTS), (TRUTH, TRUTHS)):
        found += [Value(name, kind, _constant(value)) for name, value in constants.items()]
    found += [Value(name, ANY, _constant(value), may_fail=True) for name, value in BROKEN.items()]
    found += [Value(name, kind, make) for name, (kind, make) in DRAWN.items()]
    values = {value.name: value for value in found}
    assert len(values) == len(found), "a name is used twice"
    return values


VALUES = _all()
# Values that may be null without being recorded: they say that there is none.
ABSENT = (None, "", "  \t ", "0000-00-00", "0000-00-00 00:00:00", "-0001-11-30T00:00:00Z", [], {})
