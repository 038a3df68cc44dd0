"""Names of functions as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from epolltop.symbols.demangle import plain_name


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("epoll_create1", "epoll_create1"),
        ("_Z5outeri", "outer"),
        ("_Z5outerv", "outer"),
        ("_ZL5outeri", "outer"),
        ("_ZN4node5StartEiPPc", "node::Start"),
        ("_ZNK4node11Environment4loopEv", "node::Environment::loop"),
        ("_ZN4node7tracing5AgentC2Ev", "node::tracing::Agent::Agent"),
        ("_ZN4node7tracing5AgentD0Ev", "node::tracing::Agent::~Agent"),
        ("_ZN4core3fmt5write17h0123456789abcdefE", "core::fmt::write"),
    ],
)
def test_plain_names_are_undone(symbol: str, name: str) -> None:
    assert plain_name(symbol) == name


@pytest.mark.parametrize(
    "symbol",
    [
        "",
        "_Z",
        "_ZN",
        "_ZNE",
        "_Z9",
        "_Z9short",
        "_ZN4nodeE9",
        "_ZN9999nodeE",
        "_Z3addIiET_S0_S0_",  # a template
        "_ZN2v85LocalINS_5ValueEE3GetEv",
        "_ZN4nodeplERKS_",  # an operator
        "_ZZN4node5StartEvENKUlvE_clEv",  # a closure
        "_ZTV5Agent",
        "_RNvC4core5write",
    ],
)
def test_other_names_stay_as_they_are(symbol: str) -> None:
    assert plain_name(symbol) == (symbol if symbol != "_ZN4nodeE9" else "node")


@given(st.text("_ZNKLCDEIh0123456789abf", max_size=40))
def test_no_name_breaks_it_or_grows(symbol: str) -> None:
    assert len(plain_name("_Z" + symbol)) <= 2 * len(symbol) + 2
