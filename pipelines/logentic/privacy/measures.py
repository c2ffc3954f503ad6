"""Decide by an allow-list which fields of orders and events are measures, from their names and values.

A name is split into words (order_status, totalWeight, shipping.cost); digits are ignored. It is a measure if every word
is listed here and the last word that is not a unit or a qualifier names a measure. A value under such a name must look
like that measure. docs/personal-data.md lists the same words.
"""

import re
from functools import lru_cache
from typing import Literal

from logentic.resources import ORDERS

Kind = Literal["number", "code", "date", "unit"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NUMBER_WORDS = _words(
    """
    weight mass length width height depth girth diameter volume count quantity qty cartons boxes
    parcels packages pallets pieces units lines amount total subtotal price cost fee fees tax taxes
    discount surcharge rate
    """
)
CODE_WORDS = _words("status carrier service method currency unit")
DATE_WORDS = _words("at date deadline")
# "value" alone does not describe its content: declared_value is an amount.
VALUED = _words("declared insured customs")
UNITS = _words(
    """
    kg g gram grams lb lbs oz cm mm m in inch inches ft cubic cuft feet cbm days hours usd cad eur
    gbp
    """
)
QUALIFIERS = _words(
    """
    order orders item items line package parcel carton box pallet shipment shipments shipping ship
    delivery fulfillment fulfilment payment financial invoice warehouse stock net gross actual
    billed billable dimensional dim volumetric chargeable estimated expected declared insured
    customs max min average of code type level option
    """
)
DATE_QUALIFIERS = _words(
    """
    created updated shipped delivered picked packed completed cancelled canceled ordered placed due
    promised requested required scheduled start started end ended invoiced paid received returned
    released processed printed closed opened imported exported synced modified deleted archived
    approved confirmed dispatched arrived arrival departed departure pickup first last
    """
)
# Field names that describe a value and never identify a person: kept as names within unknown objects.
FIELD_WORDS = _words(
    """
    id ids number numbers name first last middle full email emails mail phone phones mobile cell fax
    company contact contacts customer customers recipient recipients consignee shipper sender to
    from by billing address addresses street city zip postal postcode province state region country
    lat latitude lng longitude note notes comment comments message gift instructions signed
    signature tracking url link label labels tag tags kind key value values data meta metadata
    attributes properties options sku skus barcode lot serial reference references ref external
    internal shopify variant variants product products channel source store shop user users ip iban
    people persons person title description text details info extra place stored custom field fields
    event events history log entries carriers services body topic api version is has can cc
    supply receiving prepared back origin size storage limit expiration warning notify ht prepackaged
    """
)
# Within a person or a place no field is a measure: place.unit is the number of an apartment.
PEOPLE_AND_PLACES = _words(
    """
    recipient recipients customer customers consignee shipper sender contact contacts person persons
    people user users company place address addresses billing to from
    """
)
# Words of which a code may consist: statuses, carriers, services, methods, currencies. Any other word may be a name.
CODE_VALUES = _words(
    """
    ok yes no none true false unknown other error failed failure success successful new draft open opened active
    inactive enabled disabled pending created received accepted confirmed approved authorized rejected declined
    refused invalid valid queued waiting awaiting processing processed progress in on hold held paused blocked
    allocated reserved released picking picked packing packed prepared preparing ready staged labeled labelled label
    printed manifested dispatched tendered shipping shipped transit transferred arrived out for delivery delivering
    delivered attempted exception delayed late lost damaged missing returning returned return sender completed
    complete done closed cancelled canceled cancelling expired voided void refunded refund paid unpaid partially
    partial partly full fully fulfilled unfulfilled fulfillment fulfilment restocked backordered back order ordered
    archived deleted imported exported synced invoiced billed scheduled rescheduled not never available unavailable
    warehouse pickup picker pick pack ship store carrier service left to sent attempt assigned unassigned requested
    initiated verified review routed loaded departed collected sorted sorting facility hub origin destination customs
    clearance cleared information payment
    ups usps fedex fed ex dhl gls dpd tnt ontrac lasership purolator canpar loomis dicom nationex intelcom canada
    post postes colissimo chronopost aramex amazon yodel evri royal mail parcelforce postnord bpost poste correos
    sendle uniuni canadapost freightcom eshipper netparcel clickship shippo easypost shipstation gobolt fleetoptics
    tforce tforcelogistics manitoulin xpo saia geodis asendia whistl tuffnells inpost
    packeta zasilkovna postnl posti omniva venipak matkahuolto budbee airmee instabox nacex seur mrw ctt
    correios loggi estafeta redpack servientrega yunda yto zto cainiao yunexpress yanwen
    ninjavan delhivery ekart xpressbees dtdc bluedart startrack couriersplease fastway skypostal roadie doordash
    axlehire jitsu veho lso novaposhta ukrposhta freight ltl ftl parcel parcels
    standard express expedited economy regular ground air sea rail road priority overnight saver worldwide
    international domestic same next two three second day days morning evening weekend first class media flat rate
    free plus premium basic normal rush xpresspost local courier home business tracked signed signature
    credit debit card cash cheque check bank transfer wire invoice prepaid collect visa mastercard amex paypal stripe
    shopify manual
    cad usd eur gbp aud nzd jpy cny chf sek nok dkk pln czk huf mxn brl inr krw hkd sgd twd zar ils aed kwd bhd tnd
    """
)
# Carriers with two words, one of which may be a name on its own.
CARRIER_NAMES = frozenset(
    {
        *("nova poshta", "ukr poshta", "ninja van", "blue dart", "japan post", "australia post", "india post"),
        *("swiss post", "deutsche post", "austrian post", "poczta polska", "ceska posta", "magyar posta"),
        *("mondial relay", "relais colis", "pitney bowes", "landmark global", "old dominion", "better trucks"),
        *("chit chats", "stallion express", "flagship shipping", "amazon logistics", "pos malaysia", "pos laju"),
        *("sf express", "db schenker", "kuehne nagel", "yamato transport", "sagawa express", "singapore post"),
        *("hongkong post", "china post", "korea post"),
    }
)
UNIT_VALUES = UNITS | _words(
    """
    kgs kilo kilos kilogram kilograms kilogramme kilogrammes mg pound pounds ounce ounces tonne tonnes ton tons
    centimeter centimeters centimetre centimetres millimeter millimeters millimetre millimetres meter meters metre
    metres foot yd yard yards ml l liter liters litre litres piece pieces pcs pc each ea unit units item items box
    boxes carton cartons case cases pallet pallets percent day hour minutes
    """
)
# Words that make a code a sentence: "left-at-12-rue-X", "Left_with_Marie".
SENTENCE_WORDS = _words("at with by near behind beside rue street avenue")
LONGEST_CODE = 4  # words
SHORTEST_NAME = 4  # letters; shorter unlisted parts of a code in one case are abbreviations, as in dom_ep
LISTED = NUMBER_WORDS | CODE_WORDS | DATE_WORDS | VALUED | UNITS | QUALIFIERS | DATE_QUALIFIERS | {"value"}
KEPT_NAMES = LISTED | FIELD_WORDS
DOCUMENTED_FIELDS = frozenset(part for name in ORDERS.schema().names for part in name.split("__"))
PERSONAL_FIELD_WORDS = (
    FIELD_WORDS | DATE_WORDS | DATE_QUALIFIERS | {"line", "status"}
)  # not price, which is also a name

WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,59}", re.ASCII)
FIELD_NAME = re.compile(r"(?=.{1,40}\Z)_*[a-z][A-Za-z0-9_]*", re.ASCII)  # snake_case or camelCase
LONG_NUMBER = re.compile(r"\d{7}")  # of a telephone, a parcel, a card
SEPARATORS = re.compile(r"[ _:/-]")  # phone_514_555_0101
# Fewer digits than a telephone number has.
NUMBER_VALUE = re.compile(r"-?\d{1,9}(\.\d{1,30})?([eE][-+]?\d{1,2})?", re.ASCII)
CODE_VALUE = re.compile(r"(?=.{1,32}\Z)[A-Za-z][A-Za-z0-9]*([ _:/-][A-Za-z0-9]+)*|\d{1,6}", re.ASCII)
DATE_VALUE = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
UNIT_VALUE = re.compile(r"[A-Za-z]{1,12}[23]?", re.ASCII)  # kg, m3, pieces; not the number of an apartment
SHAPES = {"unit": UNIT_VALUE, "number": NUMBER_VALUE, "code": CODE_VALUE, "date": DATE_VALUE}


def is_measure(name: str, value: object) -> bool:
    """Return whether a text or number is kept in clear: its name is listed, and the value looks like that measure."""
    *outer, inner = re.split(r"\.|__", name)
    kind = kind_of(inner)
    if inner == "value" and outer and kind_of(outer[-1]) == "number":  # {"gross_weight": {"value": 12, "unit": "kg"}}
        kind = "number"
    if kind is None or any(_is_of_a_person_or_place(part) for part in outer):
        return False
    text = str(value)
    if not SHAPES[kind].fullmatch(text):
        return False
    return _is_code(text) if kind == "code" else kind != "unit" or text.lower().rstrip("23") in UNIT_VALUES


def _is_code(text: str) -> bool:
    """Return whether a text reads as a code and not as a name.

    All its words are listed (Canada-Post, Label Created), or it is written in one case with a `_` or a digit, and its
    words of four or more letters are listed (ON_HOLD, dom_ep).
    """
    parts = SEPARATORS.split(text.lower())
    if len(parts) > LONGEST_CODE or SENTENCE_WORDS.intersection(parts) or LONG_NUMBER.search("".join(parts)):
        return False
    words = [word.lower() for word in WORD.findall(text)]
    if " ".join(words[:2]) in CARRIER_NAMES:
        words = words[2:]
    unlisted = [word for word in words if word not in CODE_VALUES]
    has_code_style = text in (text.lower(), text.upper()) and " " not in text and re.search(r"[_0-9]", text)
    return not unlisted or (bool(has_code_style) and all(len(word) < SHORTEST_NAME for word in unlisted))


@lru_cache(maxsize=4096)
def _is_of_a_person_or_place(name: str) -> bool:
    return bool(PEOPLE_AND_PLACES.intersection(word.lower() for word in WORD.findall(name)))


@lru_cache(maxsize=4096)
def kind_of(name: str) -> Kind | None:
    """Return what a listed name measures; None for any other name."""
    words = [word.lower() for word in WORD.findall(name)]
    if words[:2] == ["number", "of"]:
        words = words[2:]
    if not words or not LISTED.issuperset(words) or not IDENTIFIER.fullmatch(name):
        return None
    for word in reversed(words):
        if word in DATE_WORDS:
            return "date" if len(words) > 1 or word == "date" else None
        if word in CODE_WORDS:
            return "unit" if word == "unit" else "code"
        if word in NUMBER_WORDS:
            return "number"
        if word == "value":
            return "number" if VALUED.intersection(words) else None
    return None


@lru_cache(maxsize=4096)
def is_kept_name(name: str, outer: tuple[str, ...] = ()) -> bool:
    """Return whether a name within unknown objects is a field name and not personal data. `outer`: the enclosing names.

    Within a person or a place no field is a measure, and a measure's word may be a person's name: {"people": {"price":
    1}}.
    """
    words = [word.lower() for word in WORD.findall(name)]
    listed = PERSONAL_FIELD_WORDS if any(map(_is_of_a_person_or_place, outer)) else KEPT_NAMES
    return name in DOCUMENTED_FIELDS or (bool(words) and is_field_name(name) and listed.issuperset(words))


def is_field_name(name: str) -> bool:
    """Return whether a name looks like an API field: snake_case or camelCase, up to 40 characters, no long number."""
    return bool(FIELD_NAME.fullmatch(name)) and is_identifier(name)


def is_identifier(name: str) -> bool:
    """Return whether earlier versions made a column of a name: letters, digits, `_` and `-`, and no telephone
    number.
    """
    return bool(IDENTIFIER.fullmatch(name)) and not LONG_NUMBER.search(SEPARATORS.sub("", name))
