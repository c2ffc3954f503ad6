"""Choose between interpretations of the reference: one field per open question; the first value is the default."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Readings:
    """One interpretation of the reference.

    The zone of history's days is the account's `timezone`; whether a return lowers `delivered` is its `returned_as`.
    """

    last_page: Literal["absent", "null", "empty"] = "absent"
    decimals: Literal["number", "text"] = "number"
    times: Literal["zulu", "microseconds", "offset", "plain"] = "zulu"
    is_end_inclusive: bool = True
    is_start_strict: bool = False
    filter_zone: Literal["utc", "account"] = "utc"
    payment_span: Literal["overlap", "within", "ends"] = "overlap"
    sort: Literal["id", "updated_at", "-updated_at", "none"] = "id"
    page_size: Literal["honoured", "ignored", "capped"] = "honoured"
    quantities: Literal["history", "in_place"] = "history"
    order_updated_at: bool = True
    history_rows: Literal["item", "warehouse"] = "item"
    charge_names: Literal["canonical", "aliases"] = "canonical"
    open_payment_id: bool = False
    storage_prices: Literal["shown", "null", "absent"] = "shown"
    restated_history_days: int = 0
    extra_fields: bool = False
    missing_fields: bool = False
    date_header: bool = True
    # Whether a write keeps the names by which a record is found, and what becomes of fields that a PUT lacks.
    written_names: Literal["kept", "ignored"] = "kept"
    put: Literal["replaces", "patches"] = "replaces"
    name_filter: Literal["exact", "ignored"] = "exact"  # `external_name` of a list
