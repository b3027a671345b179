"""What is read in a text without filling it in: which variables it needs, and where it provides for their absence."""

from __future__ import annotations

import jinja2
from hypothesis import given
from hypothesis import strategies as st

from activities.expressions import ENVIRONMENT, unguarded_in

CONDITIONS = st.recursive(
    st.sampled_from(["a is defined", "a is not defined", "a is undefined", "a == 1", "b"]),
    lambda inner: st.one_of(
        inner.map("not ({})".format),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: "({} {} {})".format(*parts)),
    ),
    max_leaves=4,
)
WORDS = st.sampled_from(["x", "{{ a }}", "{{ a | default('x') }}", "{{ a | default(a) }}", "{{ c | default(a) }}"])
BRANCHES = st.tuples(CONDITIONS, WORDS, CONDITIONS, WORDS, WORDS).map(
    lambda parts: "{{% if {} %}}{}{{% elif {} %}}{}{{% else %}}{}{{% endif %}}".format(*parts)
)
CHOICES = st.tuples(CONDITIONS, st.sampled_from(["a", "1"]), st.sampled_from(["a", "1"])).map(
    lambda parts: "{{{{ {1} if {0} else {2} }}}}".format(*parts)
)


def fails_without(source: str, **given: bool) -> bool:
    """Whether a text cannot be filled in while nothing is said of `a`."""
    try:
        ENVIRONMENT.from_string(source).render(given)
    except jinja2.UndefinedError:
        return True
    return False


@given(BRANCHES | CHOICES)
def test_a_text_that_fails_without_a_variable_is_found_to_need_it(source: str) -> None:
    """Whatever its conditions ask, and in whichever branch: `is not defined` provides for the other one."""
    if any(fails_without(source, b=b) for b in (True, False)):
        assert "a" in unguarded_in(source)
