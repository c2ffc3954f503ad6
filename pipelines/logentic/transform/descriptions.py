"""Describe the tables of the published file, and their columns."""

from logentic.audit_log import PUBLISHED_LOGS, RUNS
from logentic.resources import Description, raw_descriptions
from logentic.transform.plan import Plan

RAW = '"logentic_raw"'
OF_ROWS = {
    "event_id": "Identifies the row",
    "undoes": "The closing that this row undoes; null for a closing",
    "note": "What the person wrote",
}
OF_TOTALS = {
    "invoice_totals": Description(
        "Invoice totals that a person typed; rows are never changed.",
        {
            "event_id": OF_ROWS["event_id"],
            "payment_id": "The invoice",
            "total": "The total on the invoice, in the account's currency",
            "currency": "The currency",
            "entered_by": "Who typed it (self-declared)",
            "entered_at": "When it was typed (UTC)",
        },
    ),
    "quotes": Description(
        "What the history would have cost under each contract, as `logentic quote --save` found it.",
        {
            "event_id": OF_ROWS["event_id"],
            "quote_id": "Identifies the quote; its contracts share it",
            "contract": "billed, learned, or the name of a card",
            "first_month": "The first month of the period",
            "last_month": "The last month of the period",
            "orders": "The orders of the period",
            "units": "Their units",
            "total": "The cost of the period",
            "kept_as_billed": "The part of the total that the card does not price",
            "break_even": "The orders a month at which the card costs what was billed, in words",
            "currency": "The currency",
            "quoted_by": "Who asked (self-declared)",
            "quoted_at": "When (UTC)",
        },
    ),
    "quote_lines": Description(
        "The cost of each quote by contract, month and charge type.",
        {
            "event_id": OF_ROWS["event_id"],
            "quote_id": "The quote, as in quotes",
            "contract": "billed, learned, or the name of a card",
            "month": "The month",
            "charge_type": "The type of charge, in lower case",
            "amount": "What it costs in that month",
        },
    ),
}
OF_DLT = {
    "_dlt_loads": Description(
        "The loads of dlt, one row each when it is complete.",
        {
            "load_id": "Identifies the load",
            "schema_name": "dlt's schema",
            "status": "0: complete",
            "inserted_at": "When it was complete, by this machine's clock",
            "schema_version_hash": "The version of the schema, as in _dlt_version",
        },
    ),
    "_dlt_version": Description(
        "The versions of dlt's schema.",
        {
            "version": "Its number",
            "engine_version": "Version of the format of schemas",
            "inserted_at": "When it was written, by this machine's clock",
            "schema_name": "dlt's schema",
            "version_hash": "Hash of its content",
            "schema": "The schema as JSON",
        },
    ),
    "_dlt_pipeline_state": Description(
        "The states of dlt's pipeline.",
        {
            "version": "Its number",
            "engine_version": "Version of the format of states",
            "pipeline_name": "The pipeline",
            "state": "The state, compressed",
            "created_at": "When it was written, by this machine's clock",
            "version_hash": "Hash of its content",
            "_dlt_load_id": "The load that wrote it, as in _dlt_loads",
            "_dlt_id": "Identifies the row",
        },
    ),
    "_logentic": Description(
        "Format and key of this file, one row.",
        {
            "format": "Version of the file's format",
            "key_fingerprint": "Fingerprint of the key by which personal data are hashed; null where they are kept",
        },
    ),
}


BUILT_NODES = Description(
    "The models and checks of the last build, one row each; the next build skips those whose inputs did not change.",
    {
        "name": "The model or check",
        "signature": "Hash of its statement and of what it reads",
        "content": "Hash of its rows",
    },
)


def descriptions(plan: Plan) -> dict[str, Description]:
    """Return the description of each relation, by its name in the plan: of models, and of raw tables."""
    models = {node.name: node for node in plan.nodes if node.kind not in ("check", "step")}
    found = {node.relation: Description(node.description, node.columns or {}) for node in models.values()}
    logs = {log.name: models.get(f"stg_{log.name}") or models.get(log.name) for log in (*PUBLISHED_LOGS, RUNS)}
    described = {name: Description(n.description, {**OF_ROWS, **(n.columns or {})}) for name, n in logs.items() if n}
    for name, description in (OF_TOTALS | described | raw_descriptions() | OF_DLT).items():
        found[f'{RAW}."{name}"'] = description
    return found | {'"logentic_build"."built_nodes"': BUILT_NODES}
