"""Names of items and people: accents, quotes, emoji, commas, other scripts, and text that a spreadsheet takes for a
formula.
"""

from decimal import Decimal
from random import Random
from typing import Any

AWKWARD_NAMES = (
    '=SUM(A1:A9) mug, "special" edition',
    "Thé vert « Sencha », 100 g",
    "🕯️ Beeswax candle, 3 pk",
    "L'été – savon d'olive",
    "+1 Dice set",
    "日本茶 Kyūsu teapot",
    "@home doormat",
    "-20° travel mug",
    "Back\\slash puzzle; 1/2 price",
    "<b>Bold</b> & dark roast",
    "Ñandú plush 40 cm",
    "Straße\tsign, DE",
)
QUALITIES = ("Maple", "Linen", "Cedar", "Copper", "Nordic", "Prairie", "Café", "Indigo", "Stoneware", "Wool", "Pocket")
THINGS = ("mug", "blanket", "lamp", "notebook", "apron", "basket", "soap", "teapot", "bowl", "tote", "candle", "scarf")
FIRST_NAMES = ("Zoë", "Jean-François", "Aïcha", "Liam", "Søren", "Mary Ann", "José", "Chloé", "Noor", "D'Arcy", "Wei")
LAST_NAMES = (
    "Tremblay",
    "O'Brien",
    "García",
    "Nguyễn",
    "Müller",
    "Smith",
    "Lévesque",
    "Singh",
    "van der Berg",
    "Łuczak",
)
STREETS = ("rue Saint-Denis", "King St W", "Test Avenue", "chemin de la Côte-des-Neiges", "Main St", "avenue du Parc")
PLACES = (
    ("Montréal", "QC", "CA", "H2R 2Y8"),
    ("Québec", "QC", "CA", "G1R 4P5"),
    ("Trois-Rivières", "QC", "CA", "G9A 5H7"),
    ("Toronto", "ON", "CA", "M5V 2T6"),
    ("Ottawa", "ON", "CA", "K1P 5M7"),
    ("St. John's", "NL", "CA", "A1C 5S7"),
    ("Vancouver", "BC", "CA", "V6B 1A1"),
    ("New York", "NY", "US", "10012"),
)
PLACE_WEIGHTS = (40, 10, 5, 20, 8, 2, 10, 5)


def item_fields(random: Random, number: int) -> dict[str, Any]:
    """Return all fields of an item except its id and times."""
    sides = sorted((Decimal(random.randint(200, 1800)) / 100 for _ in range(3)), reverse=True)
    name = f"{random.choice(QUALITIES)} {random.choice(THINGS)} {number}"
    if number % 4 == 1:
        awkward = AWKWARD_NAMES[number // 4 % len(AWKWARD_NAMES)]
        name = f"{awkward} {number}" if number // 4 >= len(AWKWARD_NAMES) else awkward
    return {
        "name": name,
        "external_name": f"SKU-{number:04}",
        "shopify_variant_id": None if number % 7 == 3 else str(40_000_000_000_000 + number * 1117),
        "description": None if number % 5 == 2 else f"{name}\nFrom our {random.choice(QUALITIES)} collection.",
        "width_in": sides[0],
        "depth_in": sides[1],
        "height_in": sides[2],
        "weight": Decimal(random.randint(10, 900)) / 100,
        "price": Decimal(random.randint(400, 15000)) / 100,
        "notify_email": "stock@boutique.example" if number % 6 == 0 else None,
        "expiration_warning_in_days": 30 if number % 9 == 0 else None,
        "ht_code": f"{random.randint(1000, 9999)}.{random.randint(10, 99)}",
        "country_of_origin": random.choice(("CA", "US", "CN", "PT", "IN")),
        "back_order_limit": random.choice((None, 0, 10, 50)),
        "is_prepackaged": number % 3 == 0,
    }


def address(random: Random) -> dict[str, Any]:
    """Return the recipient and address of an order."""
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    city, province, country, postal_code = random.choices(PLACES, PLACE_WEIGHTS)[0]
    number = random.randint(100, 9999)
    return {
        "recipient": {
            "name": f"{first} {last}",
            "email": f"customer{number}@example.com",
            "phone": f"514{number:04}{random.randint(100, 999)}",
        },
        "place": {
            "address1": f"{number} {random.choice(STREETS)}",
            "address2": f"Suite {number % 90}" if number % 3 == 0 else None,
            "postal_code": postal_code,
            "city": city,
            "province_code": province,
            "country_code": country,
        },
    }
