"""The plan of a push: rows are validated, compared with live records, and nothing is sent without consent."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import access, logentic
from pushed_orders import item, items_of, order, push, small_account, write_rows

from logentic.sandbox import Readings, Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(small_account()) as running:
        yield running


def pushed(sandbox: Sandbox, folder: Path, resource: str, rows: Any, *options: str) -> dict[str, Any]:
    done = push(sandbox, folder, resource, rows, "--apply", "--json", *options, allow_writes=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_without_the_switch_nothing_but_get_leaves(sandbox: Sandbox, tmp_path: Path) -> None:
    def push(sandbox: Sandbox, folder: Path, resource: str, rows: Any, *options: str, **settings: object) -> Any:
        arguments = ("push", resource, write_rows(folder / "rows.json", rows), "--db", folder / "a.duckdb", *options)
        return logentic(*arguments, cwd=folder, **access(sandbox), **settings)

    rows = [order("A-1", items_of(sandbox)[0])]
    plan = push(sandbox, tmp_path, "orders", rows)
    assert (plan.returncode, sandbox.writes) == (0, 0)
    assert "1 to create" in plan.stdout
    assert "Nothing was sent" in plan.stdout
    requests = sandbox.methods.total()
    refused = push(sandbox, tmp_path, "orders", rows, "--apply")
    assert refused.returncode == 2
    assert "LOGENTIC_ALLOW_WRITES=true" in refused.stderr
    assert (sandbox.writes, sandbox.methods.total()) == (0, requests)
    plan = push(sandbox, tmp_path, "orders", rows, allow_writes=True)
    assert (plan.returncode, sandbox.writes) == (0, 0)


def test_each_error_names_its_row_and_field(sandbox: Sandbox, tmp_path: Path) -> None:
    item_id = items_of(sandbox)[0]
    rows = [
        order("A-1", item_id, stored_items=[{"quantity": 1}]),
        order("A-1", item_id),
        order("A-2", item_id, warehouse_id="one", wight=3),
        order("A,3", item_id),
        {"status": "PENDING"},
    ]
    done = push(sandbox, tmp_path, "orders", rows, "--apply", allow_writes=True)
    assert done.returncode == 2
    assert done.stderr.splitlines() == [
        "logentic: row 1: stored_items.1: needs item_id or shopify_variant_id",
        "logentic: row 3: warehouse_id: is not a number",
        "logentic: row 3: wight: is no field of orders in the API reference",
        "logentic: row 4: external_name: must not have commas, or blanks at its ends: the service could not find it",
        "logentic: row 5: needs id or external_name or shopify_order_id, so that the record can be found",
        f"logentic: {tmp_path / 'rows.json'} has 5 errors: nothing was sent. Correct the rows above.",
    ]
    assert sandbox.methods.total() == 0


@pytest.mark.parametrize("put", ["replaces", "patches"])
def test_an_update_keeps_every_other_field(tmp_path: Path, put: Any) -> None:
    with Sandbox(small_account(), readings=Readings(put=put)) as sandbox:
        known = dict(sandbox.state().tables["items"][items_of(sandbox)[0]])
        rows = tmp_path / "items.csv"
        rows.write_text(f"external_name,width_in,name,_note\n{known['external_name']},9.75,,measured\n")
        plan = push(sandbox, tmp_path, "items", rows)
        assert f"update {known['external_name']}: width_in {known['width_in'].normalize():f} → 9.75" in plan.stdout
        report = pushed(sandbox, tmp_path, "items", rows)
        assert report["outcomes"] == {"updated": 1}
        after = dict(sandbox.state().tables["items"][known["id"]])
        assert float(after.pop("width_in")) == 9.75
        same = {name: value for name, value in known.items() if name not in ("width_in", "updated_at")}
        assert {name: after[name] for name in same} == same
        again = push(sandbox, tmp_path, "items", rows)
        assert again.stdout == "items: 1 unchanged\n"


def test_records_as_they_were_read_are_unchanged(sandbox: Sandbox, tmp_path: Path) -> None:
    for resource in ("items", "orders"):
        listed = logentic("get", resource, "--keep-personal-data", cwd=tmp_path, **access(sandbox))
        file = tmp_path / f"{resource}.json"
        file.write_text(listed.stdout)
        rows = json.loads(listed.stdout)
        assert len(rows) >= 5
        done = push(sandbox, tmp_path, resource, rows)
        assert done.stdout == f"{resource}: {len(rows)} unchanged\n", done.stdout + done.stderr


def test_an_order_that_is_no_longer_pending_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    report = pushed(sandbox, tmp_path, "orders", [order("A-1", items_of(sandbox)[0])])
    sandbox.alter("orders", report["rows"][0]["id"], status="IN_TRANSIT")
    changed = [order("A-1", items_of(sandbox)[0], place={"city": "Laval"})]
    done = push(sandbox, tmp_path, "orders", changed, "--apply", allow_writes=True)
    assert done.returncode == 1
    assert "row 1: status: A-1: refused: the order is IN_TRANSIT: only PENDING orders can be updated" in done.stderr
    assert sandbox.methods["PUT"] == 0


def test_an_order_is_created_as_pending_and_may_be_cancelled(sandbox: Sandbox, tmp_path: Path) -> None:
    item_id = items_of(sandbox)[0]
    done = push(sandbox, tmp_path, "orders", [order("A-1", item_id, status="CANCELLED")], "--apply", allow_writes=True)
    assert "must be PENDING to create an order" in done.stderr
    assert sandbox.writes == 0
    pushed(sandbox, tmp_path, "orders", [order("A-1", item_id)])
    done = push(sandbox, tmp_path, "orders", [order("A-1", item_id, status="SHIPPED")], "--apply", allow_writes=True)
    assert "row 1: status: A-1: refused: must be PENDING or CANCELLED" in done.stderr
    report = pushed(sandbox, tmp_path, "orders", [{"external_name": "A-1", "status": "CANCELLED"}])
    assert sandbox.state().tables["orders"][report["rows"][0]["id"]]["status"] == "CANCELLED"


def test_deleting_needs_its_own_option(sandbox: Sandbox, tmp_path: Path) -> None:
    pushed(sandbox, tmp_path, "items", [item("NEW-1"), item("NEW-2")])
    rows = [{"external_name": "NEW-1", "delete": True}]
    done = push(sandbox, tmp_path, "items", rows, "--apply", allow_writes=True)
    assert (done.returncode, sandbox.methods["DELETE"]) == (1, 0)
    assert "deleting needs --allow-delete" in done.stderr
    report = pushed(sandbox, tmp_path, "items", rows, "--allow-delete")
    assert (report["outcomes"], sandbox.methods["DELETE"]) == ({"deleted": 1}, 1)
    names = {row["external_name"] for row in sandbox.state().tables["items"].values()}
    assert "NEW-1" not in names
    assert "NEW-2" in names
    report = pushed(sandbox, tmp_path, "items", [item("NEW-1")])  # it may be created again
    assert report["outcomes"] == {"created": 1}


def test_messages_of_the_service_name_row_and_field(sandbox: Sandbox, tmp_path: Path) -> None:
    rows = [order("A-1", items_of(sandbox)[0]), order("A-2", 999_999)]
    done = push(sandbox, tmp_path, "orders", rows, "--apply", allow_writes=True)
    assert done.returncode == 1
    assert (
        done.stderr == "logentic: row 2: stored_items.1.item_id: A-2: The selected stored_items.0.item_id is invalid.\n"
    )
    assert "1 created, 1 failed" in done.stdout.replace("result: ", "")


def test_lines_of_an_order_in_a_spreadsheet_follow_each_other(sandbox: Sandbox, tmp_path: Path) -> None:
    first, second = items_of(sandbox)[:2]
    fields = "external_name;order_type;status;warehouse_id;recipient.name;recipient.email;recipient.phone"
    fields += ";place.address1;place.postal_code;place.city;place.province_code;place.country_code;item_id;quantity"
    head = "A-1;DELIVERY;PENDING;1;Zoë;zoe@example.com;5145550199;1 rue A;H2R 2Y8;Montréal;QC;CA"
    rows = tmp_path / "orders.csv"
    rows.write_text(f"{fields}\n{head};{first};1\n{head};{second};3\n", "utf-8-sig")
    report = pushed(sandbox, tmp_path, "orders", rows)
    lines = sandbox.state().tables["orders"][report["rows"][0]["id"]]["stored_items"]
    assert [(line["item_id"], line["quantity"]) for line in lines] == [(first, 1), (second, 3)]
    assert push(sandbox, tmp_path, "orders", rows).stdout == "orders: 1 unchanged\n"


def test_the_audit_log_has_every_request_without_personal_data(sandbox: Sandbox, tmp_path: Path) -> None:
    pushed(sandbox, tmp_path, "orders", [order("A-1", items_of(sandbox)[0])])
    text = (tmp_path / "a.duckdb.state" / "push_log.jsonl").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["event"], line["method"], line.get("outcome")) for line in lines] == [
        ("sent", "POST", None),
        ("answered", "POST", "written"),
    ]
    assert "Montréal" in lines[0]["content"]
    for personal in ("Zoë", "A-1@example.com", "5145550199", "rue Saint-Denis", "2Y8", sandbox.token):
        assert personal not in text
