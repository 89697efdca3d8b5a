#!/usr/bin/env python3
"""Makes destinations/pinterest/tables/phones.txt from the metadata of Google's libphonenumber.

    pip install phonenumbers
    bin/make_phones.py

phonenumbers is needed for this alone: the product reads the table, once at start.
"""

from __future__ import annotations

from pathlib import Path

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata
from phonenumbers import __version__ as version

TABLE = (
    Path(__file__).resolve().parent.parent / "destinations" / "pinterest" / "tables" / "phones.txt"
)
HEADER = f"""\
# Made by bin/make_phones.py from the metadata of phonenumbers {version}; do not edit.
# Copyright The Libphonenumber Authors, Apache License 2.0, see LICENSE-phones.
# Tabs between: country, calling code, how one dials abroad, the prefix of national numbers, what
# becomes of it (- for none), the lengths of national numbers, what they look like. The first
# country of a calling code is the main one.
"""


def rows() -> list[str]:
    found = []
    for calling_code, regions in sorted(COUNTRY_CODE_TO_REGION_CODE.items()):
        for region in regions:
            metadata = None if region == "001" else PhoneMetadata.metadata_for_region(region)
            if metadata is None:  # satellites and toll-free numbers of the world
                continue
            general = metadata.general_desc
            found.append(
                "\t".join(
                    (
                        region.lower(),
                        str(calling_code),
                        metadata.international_prefix or "-",
                        metadata.national_prefix_for_parsing or "-",
                        metadata.national_prefix_transform_rule or "-",
                        ",".join(map(str, general.possible_length)),
                        general.national_number_pattern,
                    )
                )
            )
    return found


if __name__ == "__main__":
    text = HEADER + "".join(f"{row}\n" for row in rows())
    TABLE.write_text(text, encoding="utf-8")
    print(f"{TABLE.name}: {len(text.encode()) // 1024} KB")
