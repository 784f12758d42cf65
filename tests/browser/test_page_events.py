"""The page in a real browser: events appear within a second, a restart is survived."""

import os
import shutil
import time

import pytest
from playwright.sync_api import expect, sync_playwright
from product import Product

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None and "CI" not in os.environ,
    reason="no Chromium; install the system's package chromium",
)


@pytest.fixture
def product(tmp_path):
    with Product(tmp_path) as product:
        yield product


@pytest.fixture
def page(product):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"]
        )
        page = browser.new_page()
        said = []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(product.url)
        expect(page.locator("#live-state")).to_have_text("live")
        yield page
        browser.close()
    assert not said


def put(product, account, data):
    answer = product.http.put(f"/{account}", params={"data": data})
    assert answer.status_code == 202


def test_an_event_is_on_the_page_within_a_second_of_its_put(product, page):
    """
    What a person watches must feel immediate; and nothing that is sent is markup.
    """
    begun = time.monotonic()
    put(product, 7, "<b>hot</b> \x1b[31m")

    row = page.locator("#live-events li").first
    expect(row.locator(".data")).to_have_text(r'"<b>hot</b> \u001b[31m"', timeout=1000)
    assert time.monotonic() - begun < 1
    expect(row.locator(".subject")).to_have_text("7")


def test_only_the_accounts_asked_for_are_listed(product, page):
    """
    The filter is the server's: what is left out is not sent.
    """
    with page.expect_response(lambda answer: "subject=3" in answer.url):
        page.fill("[name=subjects]", "1, 3")
    expect(page.locator("#live-state")).to_have_text("live")

    for account in (1, 2, 3):
        put(product, account, f"of {account}")

    expect(page.locator("#live-events .subject")).to_have_text(["3", "1"])


def test_a_restart_loses_nothing(product, page):
    """
    The browser comes back by itself, with its last id.
    """
    put(product, 1, "before")
    expect(page.locator("#live-events li")).to_have_count(1)

    product.kill()
    expect(page.locator("#live-state")).to_contain_text("again")
    product.start()
    put(product, 1, "meanwhile")

    expect(page.locator("#live-events .data")).to_have_text(
        ['"meanwhile"', '"before"'], timeout=20_000
    )
    expect(page.locator("#live-state")).to_have_text("live")


def test_what_is_refused_is_said(product, page):
    """
    A stream's name that cannot be one must not look like silence.
    """
    page.fill("[name=stream]", "no/stream")

    expect(page.locator("#live-state")).to_contain_text("'/'")
