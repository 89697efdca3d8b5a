"""Attacks on the admin, by somebody who may see less than is there, and by what reaches its
pages."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import requests

from tests.deliveries.ingest.test_hostile_bodies import DISGUISED
from tests.destinations.test_import_rudderstack import wrapped
from tests.factories import make_event
from tests.outsider import Person, first_answer
from tests.security.growth import STEEPEST
from tests.security.target import INDEX, PASSWORD, Row, Target
from tests.security.test_masking_growth import EVENTS
from tests.security.test_regexes import REGEXES, steep_texts
from tests.stack import Shop

LOG = "/admin/deliveries/delivery/"
EMAIL, NOBODY = "rosalind@kings.example", "nobody@kings.example"
SHORT_NAME = "Łq"  # no token or hash holds it by chance
LOOKUPS = ("startswith", "regex", "gt")
FIELDS = """
import json
from django.urls import reverse
from capi_project.urls import admin
print(json.dumps([
    [reverse(f"admin:{m._meta.app_label}_{m._meta.model_name}_changelist"),
     [f.name for f in m._meta.get_fields() if not f.is_relation]
     + [f"{f.name}__{g.name}" for f in m._meta.get_fields() if f.is_relation and f.related_model
        for g in f.related_model._meta.fields if not g.is_relation]]
    for m in admin.site._registry
]))
"""


def lookups_in_addresses(target: Target) -> Iterator[Row]:
    """3: a Viewer asks a list for what it does not show."""
    lookups, step = (LOOKUPS[:1], 3) if target.is_short else (LOOKUPS, 1)
    asked = accepted = 0
    for url, fields in target.shell(FIELDS):
        for field in fields[::step]:
            for lookup in lookups:
                name = f"{field}__{lookup}"
                page = target.viewer.get(url, params={name: "a"}, allow_redirects=False)
                asked += 1
                leads_to = page.headers.get("Location", "")
                accepted += page.status_code not in (302, 403) or name in leads_to
    yield Row(
        3,
        "`?field__lookup=` of every field of every list",
        f"{accepted} of {asked} accepted",
        "0",
        accepted == 0 < asked,
    )
    key = target.shop.write_key
    right, wrong = (
        _rows_of(target.viewer.get("/admin/destinations/source/", params={lookup: value}).text)
        for lookup, value in (("write_key__startswith", key), ("write_key__startswith", "wrong"))
    )
    yield Row(
        3,
        "a write key guessed right, and wrong: rows of the list",
        f"{len(right)}, {len(wrong)}",
        "the same, not 0",
        right == wrong and bool(right),
    )


def _rows_of(page: str) -> list[str]:
    """The rows that a list links to."""
    return sorted(set(re.findall(r'href="(/admin/\w+/\w+/\d+/change/)', page)))


def heavy_pages(target: Target) -> Iterator[Row]:
    """4: an event whose page takes long to mask, opened by a Viewer."""
    shop = target.shop
    loads = 2 if target.is_short else 6
    worst, name = 0.0, ""
    for make in EVENTS:
        costs = []
        for count in (700, 2800):
            event = {**make_event(), **make(count)}
            assert target.post(event, shop.write_key) == 200
            (pk,) = target.deliveries_of(shop, event["messageId"])

            def open_page(url: str = f"{LOG}{pk}/change/") -> None:
                for _ in range(loads):
                    assert target.viewer.get(url).status_code == 200

            open_page()
            costs.append(target.cpu_seconds_of(open_page) / loads)
        ratio = costs[1] / max(costs[0], 0.01)
        if ratio >= worst:
            worst, name = ratio, f"{make.__name__}, {1000 * costs[1]:.0f} ms"
    yield Row(
        4,
        f"the page of {len(EVENTS)} hostile events, four times as large",
        f"{worst:.1f} × as long ({name})",
        f"≤ {STEEPEST} ×",
        worst <= STEEPEST,
    )
    regexes = REGEXES[:: 16 if target.is_short else 1]
    steep = [found.place for found in regexes if steep_texts(found)]
    yield Row(
        4,
        f"{len(regexes)} of {len(REGEXES)} regular expressions on hostile text of two sizes",
        f"{len(steep)} steep {' '.join(steep)}".strip(),
        "0",
        not steep,
    )


def chosen_dedup_key(target: Target) -> Iterator[Row]:
    """5: a Viewer previews an event with a dedup key that asks for a personal value."""
    shop = target.shop
    event = make_event(context={"traits": {"firstName": SHORT_NAME}})
    assert target.post(event, shop.write_key) == 200
    ((event_id,),) = target.stack.rows(
        "SELECT id FROM deliveries_event WHERE message_id = %s", event["messageId"]
    )
    form = {
        "name": "Shop",
        "service": "sandbox",
        "advertiser_id": shop.advertiser_id,
        "api_version": "v5",
        "default_action_source": "web",
        "unmapped_events": "by_name",
        "recent": str(event_id),
        "dedup_key": "context.traits.firstName",
    }
    url = f"/admin/destinations/destination/{shop.destination_id}/preview/"
    shown = {
        name: SHORT_NAME in (page := person.post(url, form)).text and page.status_code == 200
        for name, person in (("Viewer", target.viewer), ("superuser", target.root))
    }
    yield Row(
        5,
        "a first name of two letters by `dedup_key`: who is shown it",
        str([name for name, is_shown in shown.items() if is_shown]),
        "['superuser']",
        shown == {"Viewer": False, "superuser": True},
    )


def search_by_email(target: Target) -> Iterator[Row]:
    """9: an address in the log's URL; a Viewer who wants to know whether somebody bought."""
    shop = target.shop
    event = make_event(context={"traits": {"email": EMAIL}})
    assert target.post(event, shop.write_key) == 200
    (pk,) = target.deliveries_of(shop, event["messageId"])
    target.shell(INDEX)
    own = f"{LOG}{pk}/change/"
    found, addresses = {}, []
    for name, person in (("superuser", target.root), ("Viewer", target.viewer)):
        for term in (EMAIL, NOBODY):
            page = person.post(LOG, {"_search": "1", "q": term})
            addresses += [page.url, *(one.headers.get("Location", "") for one in page.history)]
            found[name, term] = _rows_of(page.text)
    leaks = sum("kings" in address for address in addresses)
    yield Row(9, "searches for an address: URLs that name it", str(leaks), "0", leaks == 0)
    is_known = found["superuser", EMAIL] == [own]
    told = found["Viewer", EMAIL] != found["Viewer", NOBODY]
    yield Row(
        9,
        "who is told that the address is in the log",
        f"superuser: {_yes(is_known)}, Viewer: {_yes(told)}",
        "superuser: yes, Viewer: no",
        is_known and not told,
    )
    page = target.viewer.get(LOG, params={"q": EMAIL}, allow_redirects=False)
    leads_to = page.headers.get("Location", "")
    yield Row(
        9,
        "`?q=address` of a link",
        f"{page.status_code} to {leads_to or '–'}",
        "302 without it",
        page.status_code == 302 and "kings" not in leads_to,
    )


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"


def small_leaks(target: Target) -> Iterator[Row]:
    """15: what is small, and adds up."""
    yield from _odd_requests(target)
    yield from _imported_nul(target)
    shop = target.shop
    yield _formula(target, shop)
    codes = []
    for body in DISGUISED:
        url = f"{target.stack.url}/v1/track"
        codes.append(requests.post(url, body, auth=(shop.write_key, ""), timeout=30).status_code)
    named = target.stack.rows(
        "SELECT count(*) FROM deliveries_refusal WHERE source_id = %s AND code = 'repeated_key'",
        shop.source_id,
    )
    yield Row(
        15,
        f"a repeated key in {len(DISGUISED)} disguises",
        f"{codes.count(400)} refused, {named[0][0]} as repeated_key",
        f"{len(DISGUISED)}, {len(DISGUISED)}",
        codes == [400] * len(DISGUISED) and named == [(len(DISGUISED),)],
    )
    yield _debug_page(target, target.guarded_port)
    yield from _plain_http(target, target.guarded_port)


def _odd_requests(target: Target) -> Iterator[Row]:
    port, start = target.stack.port, len(target.lines)
    said = first_answer(
        port, b"GET /admin/login/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    )
    status = said.split(b"\r\n")[0].decode()
    many = {f"a{number}": "1" for number in range(1_001)}
    browser = Person(target.stack.url)
    browser.get("/admin/login/")
    form = browser.post("/admin/login/", many).status_code
    key = (target.shop.write_key, "")
    query = requests.post(
        f"{target.stack.url}/v1/track", json=make_event(), params=many, auth=key, timeout=30
    ).status_code
    tracebacks = target.tracebacks_since(start)
    yield Row(
        15,
        "a forged Host; 1,001 parameters in a form, in an address",
        f"{status.removeprefix('HTTP/1.1 ')}, {form}, {query}",
        "400, 400, 4xx or 200; no host repeated",
        " 400 " in status and b"evil" not in said and form == 400 and query < 500,
    )
    yield Row(15, "… tracebacks in the log", str(tracebacks), "0", tracebacks == 0)


def _imported_nul(target: Target) -> Iterator[Row]:
    content = wrapped(name="Imp\0orted")
    content["config"] = {**content["config"], "unknown\0setting": "x"}
    content["config"]["eventsMapping"] = [{"from": "Lead\0", "to": "Lead"}]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.json"
        path.write_text(json.dumps(content), encoding="utf-8")
        try:
            printed = target.stack.manage("import_rudderstack", str(path))
        except AssertionError as failed:
            printed = str(failed)
    is_shown = "\0" in printed or "Traceback" in printed
    rows = target.stack.rows("SELECT source_event_name FROM destinations_eventmapping")
    stored = sum("\0" in name for (name,) in rows)
    yield Row(
        15,
        "NUL in the keys of an import",
        f"{'traceback or NUL' if is_shown else 'a sentence'}, {stored} stored",
        "a sentence, 0 stored",
        not is_shown and stored == 0,
    )


def _formula(target: Target, shop: Shop) -> Row:
    names = ["＝cmd|' /C calc'!A0", "\u200b=1+1", "=1+1", "＋1", "＠SUM(1)"]
    events = [make_event(event=name) for name in names]
    for event in events:
        assert target.post(event, shop.write_key) == 200
    text = target.root.get(f"{LOG}export/csv/").text
    ids = {event["messageId"] for event in events}
    cells = [
        row["source_event"] if "source_event" in row else row["event"]
        for row in csv.DictReader(io.StringIO(text))
        if row["message_id"] in ids
    ]
    bare = [cell for cell in cells if not cell.startswith("'")]
    return Row(
        15,
        f"cells of the CSV that begin as a formula, in {len(names)} ways",
        f"{len(bare)} bare of {len(cells)}",
        f"0 of {len(names)}",
        not bare and len(cells) == len(names),
    )


def _debug_page(target: Target, port: int) -> Row:
    secrets = {
        "password": PASSWORD,
        "cookie": "cookie-9f8e7d6c5b4a",
        "authorization": "bearer-1a2b3c4d5e6f",
    }
    many = {f"a{number}": "1" for number in range(1_001)}
    pages = [
        requests.post(
            f"http://127.0.0.1:{port}/admin/login/",
            params={"code": secrets["password"]},
            data={"username": "root", "password": secrets["password"], **fields},
            headers={
                "X-Forwarded-Proto": "https",
                "Authorization": f"Bearer {secrets['authorization']}",
                "Host": host,
                "Referer": f"https://{host}/admin/login/?code={secrets['password']}",
            },
            cookies={"sessionid": secrets["cookie"], "csrftoken": "a" * 32},
            timeout=30,
        ).text
        for fields, host in ((many, "localhost"), ({}, "evil.example"))
    ]
    kept = target.shell(
        "import json; from django.conf import settings; "
        "print(json.dumps([settings.SECRET_KEY, *settings.TOKEN_ENCRYPTION_KEYS, "
        "settings.DATABASE_URL, settings.REDIS_URL]))"
    )
    shown = [name for name, secret in secrets.items() if any(secret in page for page in pages)]
    # A URL without a password in it is no secret.
    own = [one for one in kept if one and ("://" not in one or re.search(r"//[^/@]*:[^/@]+@", one))]
    shown += ["settings" for secret in own if any(secret in page for page in pages)]
    are_debug = sum("<code>DEBUG = True</code>" in page for page in pages)
    return Row(
        15,
        "secrets on error pages of Django's under DEBUG",
        f"{', '.join(shown) or 'none'} on {are_debug} pages",
        "none on 2 pages",
        not shown and len(own) >= 2 and are_debug == 2,
    )


def _plain_http(target: Target, port: int) -> Iterator[Row]:
    found = {}
    for scheme in ("http", "https"):
        page = requests.get(
            f"http://127.0.0.1:{port}/admin/login/",
            headers={"X-Forwarded-Proto": scheme, "Host": "localhost"},
            allow_redirects=False,
            timeout=30,
        )
        found[scheme] = (page.status_code, page.headers.get("Location", ""))
    status, leads_to = found["http"]
    yield Row(
        15,
        "a page by HTTP under HTTPS_ONLY, and by HTTPS",
        f"{status} to {leads_to or '–'}, {found['https'][0]}",
        "redirected to https:, 200",
        status in (301, 302, 307, 308)
        and leads_to.startswith("https://localhost/")
        and found["https"][0] == 200,
    )
    keys = {
        scheme: requests.post(
            f"http://127.0.0.1:{port}/v1/track",
            json=make_event(),
            auth=(target.shop.write_key, ""),
            headers={"X-Forwarded-Proto": scheme},
            timeout=30,
        ).status_code
        for scheme in ("http", "https")
    }
    yield Row(
        15,
        "… a write key by HTTP, and by HTTPS",
        f"{keys['http']}, {keys['https']}",
        "403, 200",
        keys == {"http": 403, "https": 200},
    )
