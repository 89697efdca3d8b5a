"""Which version this is, and its documentation: in the footer, offline, with links that lead
somewhere."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from capi_project.documentation import FILES, PAGES
from capi_project.version import commit
from tests.variables import BASE_DIR


def page(client: Client, name: str) -> str:
    answer = client.get(reverse("documentation", args=[name]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_every_document_is_a_page() -> None:
    assert {path.stem for path in (BASE_DIR / "docs").glob("*.md")} <= PAGES.keys()
    assert all(path.is_file() for path in FILES.values())


@pytest.mark.parametrize("name", PAGES)
def test_every_link_of_a_page_leads_somewhere(admin_client: Client, name: str) -> None:
    article = page(admin_client, name).partition("<article>")[2].partition("</article>")[0]
    assert "<h2 " in article
    for href in re.findall(r'href="([^"]*)"', article):
        if href.startswith("https://"):
            continue
        path, _, anchor = href.partition("#")
        there = admin_client.get(path).content.decode() if path else article
        assert not anchor or f'id="{anchor}"' in there, href


def test_html_in_a_document_is_text(admin_client: Client) -> None:
    assert "<script>alert" not in page(admin_client, "mapping")


def test_what_is_no_document_is_not_found(admin_client: Client) -> None:
    assert admin_client.get("/admin/documentation/settings/").status_code == 404


def test_a_stranger_is_asked_to_sign_in(client: Client) -> None:
    assert client.get(reverse("documentation", args=["operations"])).status_code == 302


def test_the_footer_says_the_version_and_leads_to_the_documentation(admin_client: Client) -> None:
    footer = admin_client.get("/admin/").content.decode().partition("<footer")[2]
    assert f"CAPI Relay {settings.VERSION}" in footer
    assert settings.COMMIT[:10] in footer
    assert reverse("documentation", args=["errors"]) in footer


def test_a_stranger_does_not_see_the_version(client: Client) -> None:
    assert "relay-footer" not in client.get("/admin/login/").content.decode()


def test_the_version_stands_in_one_place_and_on_top_of_the_changes() -> None:
    changes = (BASE_DIR / "CHANGELOG.md").read_text("utf-8")
    assert re.search(r"^## \[(\d.*?)\]", changes, re.MULTILINE)[1] == settings.VERSION  # type: ignore[index]


def git(folder: Path, *arguments: str) -> str:
    own = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    done = subprocess.run(
        ["git", *own, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def test_the_commit_is_read_from_a_clone_a_worktree_and_packed_references(tmp_path: Path) -> None:
    clone, tree = tmp_path / "clone", tmp_path / "tree"
    clone.mkdir()
    git(clone, "init", "-q", "-b", "main")
    git(clone, "commit", "-q", "--allow-empty", "-m", "One")
    git(clone, "worktree", "add", "-q", "-b", "other", str(tree))
    git(tree, "commit", "-q", "--allow-empty", "-m", "Two")
    first, second = git(clone, "rev-parse", "HEAD"), git(tree, "rev-parse", "HEAD")
    assert (commit(clone), commit(tree)) == (first, second)
    git(clone, "pack-refs", "--all")
    commit.cache_clear()
    assert (commit(clone), commit(tree)) == (first, second)
    git(clone, "checkout", "-q", "--detach")
    commit.cache_clear()
    assert commit(clone) == first
    (clone / "COMMIT").write_text("what the image was built from\n")
    commit.cache_clear()
    assert commit(clone) == "what the image was built from"


def test_without_git_there_is_no_commit(tmp_path: Path) -> None:
    assert commit(tmp_path) == ""
