"""JSON Pointers (RFC 6901) of faults: keys there and back, whatever they hold."""

from hypothesis import given
from hypothesis import strategies as st

from tallymill.kernel.errors import keys_of, pointer_to


@given(st.lists(st.text(alphabet="a/~01 ", max_size=6), max_size=4))
def test_a_pointer_leads_to_the_keys_that_it_was_made_of(keys):
    assert keys_of(pointer_to(*keys)) == tuple(keys)


def test_a_pointer_is_as_the_standard_says():
    assert pointer_to() == ""
    assert pointer_to("a/b", 0, "m~n") == "/a~1b/0/m~0n"
