"""docs/mapping.md names only what exists, and leaves out no code, field or path."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from deliveries.error_codes import transform as codes
from destinations.pinterest.event_names import STANDARD_NAMES
from tests.destinations.pinterest.mapping_rows import PATHS, SEED_ROWS

DOC = Path(__file__).parents[1] / "docs" / "mapping.md"
TEXT = DOC.read_text(encoding="utf-8")
LINKS = sorted(set(re.findall(r"\]\((\.\./[^)]+)\)", TEXT)))
MODULES = [
    "addresses",
    "amounts",
    "cleaning",
    "config",
    "custom_data",
    "emails",
    "event_fields",
    "event_names",
    "explanation",
    "gates",
    "integrations",
    "languages",
    "phone_tables",
    "phones",
    "products",
    "regions",
    "rudderstack_config",
    "senders",
    "times",
    "transform",
    "user_data",
    "values",
]
# A whole `module.name` in backticks; `user_data.…` and `custom_data.…` are modules here too.
CODE = sorted(set(re.findall(rf"`((?:{'|'.join(MODULES)})\.\w+)`", TEXT)))


def section(number: int) -> str:
    return TEXT.split(f"\n## {number}. ", 1)[1].split("\n## ", 1)[0]


def test_every_finding_code_has_a_row_and_no_row_names_another_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (rejected|filtered|warning) \|", section(6), re.MULTILINE)
    kinds = dict.fromkeys(codes.FILTER_CODES, "filtered")
    kinds |= dict.fromkeys(codes.REJECTION_CODES, "rejected")
    kinds |= dict.fromkeys(codes.WARNING_CODES, "warning")
    assert dict(rows) == kinds
    assert len(rows) == len(kinds)


def test_the_document_links_many_cases() -> None:
    assert len([link for link in LINKS if "/golden/transform/" in link]) > 150


@pytest.mark.parametrize("link", LINKS)
def test_every_linked_file_exists(link: str) -> None:
    assert (DOC.parent / link).is_file()


@pytest.mark.parametrize("anchor", sorted(set(re.findall(r"\]\(#([^)]+)\)", TEXT))))
def test_every_link_within_the_document_leads_to_a_heading(anchor: str) -> None:
    headings = re.findall(r"^## (.+)$", TEXT, re.MULTILINE)
    assert anchor in {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings
    }


@pytest.mark.parametrize("reference", CODE)
def test_every_named_piece_of_code_exists(reference: str) -> None:
    module, name = reference.split(".")
    assert hasattr(importlib.import_module(f"destinations.pinterest.{module}"), name)


def test_the_document_names_code_for_every_module() -> None:
    assert {reference.split(".")[0] for reference in CODE} == set(MODULES)


@pytest.mark.parametrize("row", sorted(SEED_ROWS))
def test_every_row_of_rudderstacks_tables_is_in_the_document(row: str) -> None:
    table, _, name = row.partition(".")
    spellings = {
        "standard.user_defined": "custom event",
        "sample.order_completed": "the-order-of-rudderstacks-documentation-becomes-a-checkout",
        "required.ip_and_user_agent": "`client_ip_address` *and* `client_user_agent`",
    }
    wanted = spellings.get(row, f"`{name}`")
    if table == "standard" and row not in spellings:
        wanted = f"/the-standard-event-{name.lower()}-becomes-"
    if table == "custom" and name in ("item_price", "quantity"):
        wanted = f"`contents[].{name}`"
    assert wanted in TEXT


@pytest.mark.parametrize("name", STANDARD_NAMES)
def test_every_standard_event_is_in_the_document(name: str) -> None:
    assert f"`{name}` [case]" in section(2)


@pytest.mark.parametrize("field", sorted(PATHS))
def test_the_last_key_of_every_path_stands_in_its_section(field: str) -> None:
    text = section(int(field[0]))
    keys = {path.rpartition(".")[2] for path in PATHS[field]}
    keys -= {"app_id", "partner_name", "advertiser_id"}  # settings of the destination
    assert sorted(key for key in keys if not re.search(rf"\b{key}\b", text)) == []
