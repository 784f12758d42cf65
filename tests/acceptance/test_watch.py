"""`tallymill watch` as a process: what it prints, and that a restart costs nothing."""

import json
import signal

import pytest
from product import Product, wait_for
from watching import Watch, send


@pytest.fixture
def product(tmp_path):
    with Product(tmp_path) as product:
        yield product


def test_ndjson_is_what_the_server_has_with_the_id_to_go_on_from(product):
    """
    A pipe gets exact numbers, a line for each event, and where it stands.
    """
    send(product, 2**66, "a\u2028b\x1b[31m", stream="accounts", subject="7")
    options = ("--json", "--after", "start", "--stream", "accounts", "--count", "2")

    with Watch(product, *options) as watch:
        assert watch.process.wait(30) == 0

    told = [json.loads(line) for line in watch.out]
    assert [each["data"] for each in told] == [2**66, "a\u2028b\x1b[31m"]
    assert {each["subject"] for each in told} == {"7"}
    assert "\x1b" not in "".join(watch.out)
    with Watch(
        product,
        *options[:1],
        "--stream",
        "accounts",
        "--after",
        told[0]["position"],
        "--count",
        "1",
    ) as watch:
        assert watch.process.wait(30) == 0
    assert [json.loads(line) for line in watch.out] == told[1:]


@pytest.mark.parametrize(
    ("form", "lines"),
    [
        (
            "table",
            [
                "TIME (UTC)               STREAM        SUBJECT       DATA\n",
                "2019-10-04 04:52:07.000  events        7             "
                r'"\u001b[31mred"' + "\n",
            ],
        ),
        ("lines", [r'2019-10-04 04:52:07.000 events [7]: "\u001b[31mred"' + "\n"]),
    ],
)
def test_people_get_a_table_or_lines_and_no_escapes(product, form, lines):
    """
    What others send must not move a terminal's cursor.
    """
    send(product, "\x1b[31mred", subject="7")
    options = ("--after", "start", "--subject", "7", "--count", "1", "--format", form)

    with Watch(product, *options) as watch:
        assert watch.process.wait(30) == 0

    assert [line.rstrip() for line in watch.out] == [line.rstrip() for line in lines]


def test_a_killed_server_costs_nothing_and_two_lines(product):
    """
    What happened while the line was down comes first, in order, once.
    """
    with Watch(product, "--json", "--after", "start") as watch:
        send(product, *range(100), subject="s")
        wait_for(lambda: len(watch.out) == 100)
        product.kill()
        wait_for(lambda: watch.err)
        product.start()
        send(product, *range(100, 300), subject="s")
        wait_for(lambda: len(watch.out) >= 300)
        watch.process.send_signal(signal.SIGINT)
        assert watch.process.wait(10) == 0

    assert [json.loads(line)["data"] for line in watch.out] == list(range(300))
    lost, back = watch.err
    assert lost.startswith("The line is lost")
    assert back == "The line is back.\n"


def test_what_the_server_refuses_is_said_and_ends_it(product):
    """
    A garbage id does not become better by trying again.
    """
    with Watch(product, "--after", "garbage") as watch:
        assert watch.process.wait(30) == 1

    assert "garbage" in "".join(watch.err)


def test_a_server_that_is_not_there_at_first_is_an_error(tmp_path):
    """
    A wrong URL must not look like silence.
    """
    with Watch(Product(tmp_path)) as watch:
        assert watch.process.wait(30) == 1

    assert "tallymill serve" in "".join(watch.err)
